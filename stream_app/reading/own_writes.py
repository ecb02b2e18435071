"""Read your own write: a record is sent, and answered for when this worker's committed state has it (decision 0008).

Laws: a record counts as applied when the committed partition record says that its source was read beyond it, so a read
after that shows the write; an answer is a value; nothing waits beyond its limit.
Reads PartitionsView; writes sources through a Sender.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from schemas.state import SEPARATOR
from stream_app.delivery.sender import SourceRecord, Unsent
from stream_app.delivery.status import PartitionsView
from stream_app.processing.placement import partition_of
from stream_app.reading.contacts import NotHere, not_here

WRITE_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.2  # a partition that was elsewhere comes back without a commit of ours


@dataclass(frozen=True, slots=True)
class Written:
    """Committed and readable here."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Acknowledged by Kafka, not applied within the limit; ``command_id`` where it has one."""

    command_id: str = ""


@dataclass(frozen=True, slots=True)
class NotSent:
    """Kafka has not acknowledged; ``certain``: it will never arrive, else it may."""

    certain: bool


class Sends(Protocol):
    """What a Sender does."""

    async def send(self, records: Sequence[SourceRecord], limit_seconds: float) -> list[int] | Unsent:
        """Send records and return their offsets when all are acknowledged."""
        ...


class OwnWrites:
    """Writes to the partitions that are open here."""

    def __init__(self, partitions: PartitionsView, sender: Sends, *, limit_seconds: float = WRITE_SECONDS) -> None:
        self.limit_seconds = limit_seconds
        self._partitions = partitions
        self._sender = sender
        self._committed: dict[int, asyncio.Event] = {}

    def observe(self, partition: int) -> None:
        """Learn that a batch of a partition is committed."""
        if waited_for := self._committed.pop(partition, None):
            waited_for.set()

    async def write(
        self, record: SourceRecord, acknowledged: Callable[[int], None] | None = None
    ) -> Written | Waiting | NotSent:
        """Send a record and wait until it is applied; ``acknowledged`` is told its offset."""
        time = asyncio.get_running_loop().time
        until = time() + self.limit_seconds
        sent = await self._sender.send([record], self.limit_seconds)
        if isinstance(sent, Unsent):
            return NotSent(sent.certain)
        if acknowledged is not None:
            acknowledged(sent[0])
        while not self.has(record.partition, record.topic, sent[0]):
            left = until - time()
            if left <= 0:
                return Waiting()
            committed = self._committed.setdefault(record.partition, asyncio.Event())
            await wait_until_set(committed, min(left, LOOK_SECONDS))
        return Written()

    def has(self, partition: int, topic: str, offset: int) -> bool:
        """Tell whether a partition is open here and has committed that position."""
        if self._partitions.committed(partition) is None:
            return False
        return any(
            status.partition == partition and status.sources.get(topic, 0) > offset
            for status in self._partitions.statuses()
        )

    def seq(self, partition: int) -> int:
        """Return the last committed batch of a partition, 0 when it has none or is not held here."""
        return next((status.seq for status in self._partitions.statuses() if status.partition == partition), 0)

    def partition_of(self, key: bytes) -> int:
        """Return the partition of a contact."""
        return partition_of(key, self._partitions.partition_count)

    def elsewhere(self, key: bytes) -> NotHere | None:
        """Return why nothing can be written to a contact here, None when it can."""
        partition = self.partition_of(key)
        if self._partitions.committed(partition) is not None:
            return None
        return not_here(partition, next((s for s in self._partitions.statuses() if s.partition == partition), None))

    def section(self, key: bytes, section: bytes) -> bytes | None:
        """Return a committed section of a contact."""
        committed = self._partitions.committed(self.partition_of(key))
        return None if committed is None else committed.get(key + SEPARATOR + section)


async def wait_until_set(event: asyncio.Event, seconds: float) -> None:
    """Wait until an event is set, at most so long."""
    waiting = asyncio.ensure_future(event.wait())
    await asyncio.wait([waiting], timeout=max(0.0, seconds))
    waiting.cancel()
