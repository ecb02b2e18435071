"""Finds again what a command did, by its id, in the score log of its contact.

Laws: all that the command did is looked for, whichever profile moved: so a repeat that names another profile is told
apart.  What is not found in a complete log is gone; in one that is still being read it may be there.
Reads ``Committed`` and an AwardLog; writes nothing.
"""

from typing import Final, NamedTuple

import msgspec

from schemas.authored import DEFAULT_PROFILE
from schemas.outputs import CommandCause, ScoreChanged
from schemas.state import CORE, SEPARATOR, Core
from stream_app.delivery.status import PartitionsView
from stream_app.reading.award_rows import ROWS_KEPT, Asked, AwardLog

_decode_core: Final = msgspec.msgpack.Decoder(Core).decode


class Found(NamedTuple):
    """What a command did, as far as rows of it are kept; ``complete``: there are no more that could be read later."""

    changes: tuple[ScoreChanged, ...]
    complete: bool


class CommandLedger:
    """Implements ``orders.Ledger``."""

    def __init__(self, partitions: PartitionsView, log: AwardLog) -> None:
        self._partitions = partitions
        self._log = log

    async def of_command(self, partition: int, key: bytes, command_id: str) -> Found:
        """Return what a command did to the scores of its contact."""
        committed = self._partitions.committed(partition)
        status = next((s for s in self._partitions.statuses() if s.partition == partition), None)
        stored = None if committed is None else committed.get(key + SEPARATOR + CORE)
        if status is None or stored is None:
            return Found((), complete=False)
        asked = Asked(DEFAULT_PROFILE, ROWS_KEPT)  # so many of any profile are all rows
        known = await self._log.rows(partition, status.seq, key, _decode_core(stored).log_id, asked)
        own = {row.change.id: row.change for row in known.rows if _is_of(row.change, command_id)}
        return Found(tuple(own.values()), known.complete)


def _is_of(change: ScoreChanged, command_id: str) -> bool:
    return isinstance(change.cause, CommandCause) and change.cause.command_id == command_id
