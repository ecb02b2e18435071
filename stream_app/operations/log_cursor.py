"""Read one topic partition in order from a known offset to a known end, committed records only.

Laws: an end is taken by position, because a log ends in a marker; `settled_ends` are behind every transaction that was
under way when it was called, so that what one topic shows of a batch the others show too.
Reads topics without a group; writes nothing.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_app.delivery.aiokafka_clients import stop_consumer
from stream_app.delivery.aiokafka_records import read_any_header_name

OPEN_TRANSACTION_SECONDS: Final = 45.0  # a dead worker's transaction ends after 30 s
LOOK_SECONDS: Final = 0.05
FETCH_BYTES: Final = 1 << 20
Client = Mapping[str, Any]


class NeverSettles(TimeoutError):
    """A transaction stays open, so that nobody can say what is committed behind it."""


@asynccontextmanager
async def _consumer(client: Client, isolation: str = "read_committed") -> AsyncIterator[AIOKafkaConsumer]:
    read_any_header_name()
    consumer = AIOKafkaConsumer(
        group_id=None, enable_auto_commit=False, isolation_level=isolation, auto_offset_reset="none",
        max_partition_fetch_bytes=FETCH_BYTES, fetch_max_wait_ms=100, **client,
    )  # fmt: skip
    await consumer.start()
    try:
        yield consumer
    finally:
        await stop_consumer(consumer)


@asynccontextmanager
async def _asked(client: Client, places: list[TopicPartition], isolation: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Open a consumer to ask for offsets: assigned, so that it learns all leaders at once, and reading nothing."""
    async with _consumer(client, isolation) as consumer:
        consumer.assign(places)
        consumer.pause(*places)
        yield consumer


async def starts(client: Client, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    """Return the oldest retained offsets."""
    wanted = list(places)
    async with _asked(client, wanted, "read_committed") as consumer:
        return await consumer.beginning_offsets(wanted)


async def stable_ends(client: Client, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    """Return the ends of what is committed at this moment."""
    wanted = list(places)
    async with _asked(client, wanted, "read_committed") as consumer:
        return await consumer.end_offsets(wanted)


async def settled_ends(client: Client, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    """Return ends of committed records that are behind all that had been written when this was called."""
    wanted = list(places)
    async with _asked(client, wanted, "read_uncommitted") as consumer:
        written = await consumer.end_offsets(wanted)
    until = asyncio.get_running_loop().time() + OPEN_TRANSACTION_SECONDS
    async with _asked(client, wanted, "read_committed") as consumer:
        while True:
            ends = await consumer.end_offsets(wanted)
            behind = [place for place in wanted if ends[place] < written[place]]
            if not behind:
                return ends
            if asyncio.get_running_loop().time() > until:
                raise NeverSettles(f"a transaction in {behind[0].topic}-{behind[0].partition} stays open")
            await asyncio.sleep(LOOK_SECONDS)


class Cursor:
    """One topic partition between two offsets, read once; records are aiokafka's."""

    def __init__(self, consumer: AIOKafkaConsumer, place: TopicPartition, start: int, end: int) -> None:
        self.place = place
        self.end = end
        self._consumer = consumer
        self._waiting: deque[Any] = deque()
        self._position = start

    async def peek(self, before: int | None = None) -> Any | None:
        """Return the next record without taking it; None when there is none before an offset (default: the end)."""
        before = self.end if before is None else before
        while not self._waiting and self._position < before:
            taken = await self._consumer.getmany(self.place, timeout_ms=200)
            self._waiting += [row for rows in taken.values() for row in rows if row.offset < self.end]
            self._position = await self._consumer.position(self.place)
        return self._waiting[0] if self._waiting and self._waiting[0].offset < before else None

    async def next(self, before: int | None = None) -> Any | None:
        """Take the next record; None when there is none before an offset."""
        record = await self.peek(before)
        if record is not None:
            self._waiting.popleft()
        return record

    async def rest(self) -> AsyncIterator[Any]:
        """Yield every record that is left."""
        while (record := await self.next()) is not None:
            yield record


@asynccontextmanager
async def cursor(client: Client, place: TopicPartition, start: int, end: int) -> AsyncIterator[Cursor]:
    """Open a cursor for the length of a block: a reader of its own, so that none holds up another."""
    async with _consumer(client) as consumer:
        consumer.assign([place])
        consumer.seek(place, start)
        yield Cursor(consumer, place, start, end)
