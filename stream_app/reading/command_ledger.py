"""Finds again what a command did, by its id, in the newest awards of its contact.

Reads PartitionsView and RecentAwards; writes nothing.
"""

from typing import Literal

from schemas.outputs import CommandCause, ScoreChanged
from stream_app.delivery.status import PartitionsView
from stream_app.reading.recent_awards import RecentAwards


class CommandLedger:
    """Implements ``orders.Ledger``."""

    def __init__(self, partitions: PartitionsView, recent: RecentAwards) -> None:
        self._partitions = partitions
        self._recent = recent

    async def of_command(self, partition: int, key: bytes, command_id: str) -> ScoreChanged | Literal["gone", "unread"]:
        """Return what a command of this contact did."""
        seq = next((s.seq for s in self._partitions.statuses() if s.partition == partition), 0)
        for change in self._recent.newest(partition, seq, key):
            if isinstance(change.cause, CommandCause) and change.cause.command_id == command_id:
                return change
        return "gone"
