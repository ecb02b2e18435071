"""Finds again what a command did, by its id, in the score log of its contact.

Laws: what is not found in a complete log is gone; in one that is still being read it may be there.
Reads ``Committed`` and an AwardLog; writes nothing.
"""

from typing import Final, Literal

import msgspec

from schemas.outputs import CommandCause, ScoreChanged
from schemas.state import CORE, SEPARATOR, Core
from stream_app.delivery.status import PartitionsView
from stream_app.reading.award_rows import ROWS_KEPT, Asked, AwardLog

_decode_core: Final = msgspec.msgpack.Decoder(Core).decode


class CommandLedger:
    """Implements ``orders.Ledger``."""

    def __init__(self, partitions: PartitionsView, log: AwardLog) -> None:
        self._partitions = partitions
        self._log = log

    async def of_command(
        self, partition: int, key: bytes, command_id: str, profile_id: str
    ) -> ScoreChanged | Literal["gone", "unread"]:
        """Return what a command did to one score of its contact."""
        committed = self._partitions.committed(partition)
        status = next((s for s in self._partitions.statuses() if s.partition == partition), None)
        stored = None if committed is None else committed.get(key + SEPARATOR + CORE)
        if status is None or stored is None:
            return "unread"
        asked = Asked(profile_id, ROWS_KEPT)
        known = await self._log.rows(partition, status.seq, key, _decode_core(stored).log_id, asked)
        for row in filter(asked.wants, known.rows):
            cause = row.change.cause
            if isinstance(cause, CommandCause) and cause.command_id == command_id:
                return row.change
        return "gone" if known.complete else "unread"
