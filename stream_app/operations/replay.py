"""Sends records into topics at a chosen speed and counts what Kafka acknowledged.

Laws: a record goes to partition murmur2(key) mod n, one without key to partition 0; records of one partition keep their
order and, with the idempotent producer of ``open_producer``, appear once; what is counted is acknowledged.  A failed
batch raises, after which ``acknowledged`` in the caller's hands still tells what had arrived.
Reads an iterable of Outgoing; writes to the topics that it names, which must exist with n partitions.
"""

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaProducer, TopicPartition

from stream_app.processing.placement import partition_of

CHUNK_RECORDS: Final = 2000
TICK_SECONDS: Final = 0.02
CHUNKS_UNDER_WAY: Final = 3
BATCH_BYTES: Final = 128 * 1024
PATIENCE_MS: Final = 120_000


class Outgoing(NamedTuple):
    """A record to send: full topic name, key, value and, where known, event time in milliseconds."""

    topic: str
    key: bytes | None
    value: bytes | None
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast to send: a number of records per second, a multiple of the original time, or as fast as it goes."""

    per_second: float | None = None
    times_original: float | None = None

    def __post_init__(self) -> None:
        """Refuse two speeds at once, and a speed that is not a number above 0."""
        chosen = [speed for speed in (self.per_second, self.times_original) if speed is not None]
        if len(chosen) > 1 or not all(0 < speed < math.inf for speed in chosen):
            raise ValueError("a pace is one speed above 0")

    def due_seconds(self, index: int, elapsed_ms: int) -> float:
        """Return when, after the start, to send record ``index``, whose event is that much later than the first one."""
        if self.per_second is not None:
            return index / self.per_second
        return elapsed_ms / 1000 / self.times_original if self.times_original is not None else 0.0


AS_FAST_AS_IT_GOES: Final = Pace()

Acknowledged = Counter[TopicPartition]
Progress = Callable[[int], None]


@asynccontextmanager
async def open_producer(**client_arguments: Any) -> AsyncIterator[AIOKafkaProducer]:
    """Start an idempotent producer that stays patient while a broker restarts, and stop it at the end."""
    producer = AIOKafkaProducer(
        **client_arguments,
        acks="all",
        enable_idempotence=True,
        max_batch_size=BATCH_BYTES,
        request_timeout_ms=PATIENCE_MS,
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def replay(
    records: Iterable[Outgoing],
    producer: AIOKafkaProducer,
    partitions: int,
    pace: Pace = AS_FAST_AS_IT_GOES,
    progress: Progress | None = None,
    acknowledged: Acknowledged | None = None,
) -> Acknowledged:
    """Send all records; return how many each topic partition acknowledged.

    ``progress`` is told the sum so far whenever it grew; ``acknowledged`` is added to and returned, when given.
    """
    sender = _Sender(producer, partitions, Counter() if acknowledged is None else acknowledged, progress)
    try:
        async for chunk in _when_due(records, pace):
            await sender.send(chunk)
        await sender.settle(0)
    finally:
        await sender.abandon()
    return sender.acknowledged


async def _when_due(records: Iterable[Outgoing], pace: Pace) -> AsyncIterator[list[Outgoing]]:
    """Yield the records in chunks, none more than a tick before it is due."""
    started, first_at, chunk = time.monotonic(), None, list[Outgoing]()
    for index, record in enumerate(records):
        first_at = record.at if first_at is None else first_at
        elapsed_ms = 0 if record.at is None or first_at is None else record.at - first_at
        early = started + pace.due_seconds(index, elapsed_ms) - time.monotonic()
        if chunk and (early > TICK_SECONDS or len(chunk) == CHUNK_RECORDS):
            yield chunk
            chunk = []
        if early > TICK_SECONDS:
            await asyncio.sleep(early)
        chunk.append(record)
    if chunk:
        yield chunk


class _Sender:
    """Batches by partition, a few chunks under way at a time."""

    def __init__(
        self, producer: AIOKafkaProducer, partitions: int, acknowledged: Acknowledged, progress: Progress | None
    ) -> None:
        self.producer, self.partitions = producer, partitions
        self.acknowledged, self.progress = acknowledged, progress
        self.places: dict[bytes | None, int] = {}  # a contact comes often, and murmur2 in Python costs microseconds
        self.under_way: deque[list[asyncio.Future[Any]]] = deque()

    async def send(self, chunk: list[Outgoing]) -> None:
        """Hand the chunk to the producer; wait first until few enough earlier ones are under way."""
        await self.settle(CHUNKS_UNDER_WAY - 1)
        futures: list[asyncio.Future[Any]] = []
        self.under_way.append(futures)
        open_batches: dict[TopicPartition, Any] = {}
        for topic, key, value, _ in chunk:
            place = TopicPartition(topic, self._partition(key))
            batch = open_batches.get(place) or self.producer.create_batch()
            if batch.append(timestamp=None, key=key, value=value) is None:
                futures.append(await self._dispatch(place, batch))
                batch = self.producer.create_batch()
                batch.append(timestamp=None, key=key, value=value)
            open_batches[place] = batch
        for place, batch in open_batches.items():
            futures.append(await self._dispatch(place, batch))

    async def settle(self, left: int) -> None:
        """Wait for the oldest chunks until no more than ``left`` are under way; raise what a batch failed with."""
        while len(self.under_way) > left:
            await asyncio.gather(*self.under_way[0])
            self.under_way.popleft()
            if self.progress is not None:
                self.progress(self.acknowledged.total())

    async def abandon(self) -> None:
        """Await what is still under way after a failure, so that the counts are whole and no error is left unread."""
        await asyncio.gather(*(future for futures in self.under_way for future in futures), return_exceptions=True)

    def _partition(self, key: bytes | None) -> int:
        place = self.places.get(key)
        if place is None:
            place = self.places[key] = 0 if key is None else partition_of(key, self.partitions)
        return place

    async def _dispatch(self, place: TopicPartition, batch: Any) -> asyncio.Future[Any]:
        batch.close()
        future = await self.producer.send_batch(batch, place.topic, partition=place.partition)
        count = batch.record_count()
        return asyncio.ensure_future(self._acknowledge(future, place, count))

    async def _acknowledge(self, future: asyncio.Future[Any], place: TopicPartition, count: int) -> None:
        await future
        self.acknowledged[place] += count
