"""Read the whole `config` topic, and write to it as its only writer.

Laws: one writer at a time: a ConfigWriter first fences any other of the same app id, then reads to the end, then
writes, each put in one transaction, and returns when that can be read; what is read is committed; rulebookVersion is
the last record's offset + 1.
Reads and writes: the topic ``config``.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

from aiokafka import (  # pyright: ignore[reportMissingTypeStubs] untyped library
    AIOKafkaConsumer,
    AIOKafkaProducer,
    TopicPartition,
)
from aiokafka.errors import KafkaError  # pyright: ignore[reportMissingTypeStubs] untyped library

from schemas.config_headers import Headers
from stream_app.authoring.changes import Change
from stream_app.authoring.config_log import ConfigLog
from stream_app.delivery.aiokafka_clients import cut_off, stop_consumer
from stream_app.delivery.aiokafka_records import read_any_header_name
from stream_app.scoring.rulebook import ConfigRecord
from stream_app.settings import Settings, declared_topics, kafka_client_arguments

TRANSACTION_MS: Final = 30_000
MARKERS_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.01
REQUEST_MS: Final = 5_000  # how soon a missing topic is told; a fetch waits 0.5 s at most


class Received(Protocol):
    """A record as aiokafka gives it, sent or consumed."""

    offset: int
    key: bytes | None
    value: bytes | None


class Consumed(Received, Protocol):
    """A record as aiokafka's consumer gives it; ``timestamp`` in ms."""

    timestamp: int
    headers: Sequence[tuple[str, bytes | None]]


class Consumer(Protocol):
    """The part of aiokafka's consumer, which has no types, that reading ``config`` takes."""

    async def start(self) -> None:
        """Connect."""
        ...

    async def stop(self) -> None:
        """Disconnect."""
        ...

    def assign(self, partitions: list[TopicPartition]) -> None:
        """Read these partitions."""
        ...

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on at an offset."""
        ...

    async def position(self, partition: TopicPartition) -> int:
        """Return the next offset; markers are behind it."""
        ...

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the last stable offsets."""
        ...

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int
    ) -> Mapping[TopicPartition, Sequence[Consumed]]:
        """Return what has arrived, empty when time is up."""
        ...


class Producer(Protocol):
    """The part of aiokafka's producer, which has no types, that writing ``config`` takes."""

    async def start(self) -> None:
        """Connect."""
        ...

    async def stop(self) -> None:
        """Disconnect."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[object]:
        """Commit at the end of a block, abort when it raises."""
        ...

    async def send_and_wait(
        self, topic: str, value: bytes | None, key: bytes, partition: int, *, headers: list[tuple[str, bytes]]
    ) -> Received:
        """Send and return what the broker says of it."""
        ...


def config_consumer(settings: Settings) -> Consumer:
    """Return a reader without a group that never starts from somewhere else; to be started, assigned and sought."""
    read_any_header_name()
    consumer: Any = AIOKafkaConsumer(
        group_id=None, enable_auto_commit=False, isolation_level="read_committed", auto_offset_reset="none",
        request_timeout_ms=REQUEST_MS, **kafka_client_arguments(settings),
    )  # fmt: skip
    return cast(Consumer, consumer)


def config_partition(settings: Settings) -> TopicPartition:
    """Return the one partition of ``config``."""
    return TopicPartition(declared_topics(settings).config.name, 0)


def config_record(record: Consumed) -> ConfigRecord:
    """Return a consumed record as ``ConfigRecord``, without headers that have no value: leadstream writes none."""
    headers = tuple((name, value) for name, value in record.headers if value is not None)
    return ConfigRecord(record.key or b"", record.value, record.offset, record.timestamp, headers)


async def read_config(settings: Settings) -> list[ConfigRecord]:
    """Return every record of ``config`` up to its end as of now."""
    consumer, partition = config_consumer(settings), config_partition(settings)
    records: list[ConfigRecord] = []
    await consumer.start()
    try:
        consumer.assign([partition])
        consumer.seek(partition, 0)
        end = (await consumer.end_offsets([partition]))[partition]
        while await consumer.position(partition) < end:
            taken = await consumer.getmany(partition, timeout_ms=200)
            records += map(config_record, taken.get(partition, []))
    finally:
        await stop_consumer(consumer)
    return records


def _config_producer(settings: Settings) -> Producer:
    """Return the producer whose start fences any other of the same app id."""
    producer: Any = AIOKafkaProducer(
        transactional_id=f"{settings.app_id}-config", transaction_timeout_ms=TRANSACTION_MS,
        **kafka_client_arguments(settings),
    )  # fmt: skip
    return cast(Producer, producer)


async def _write(
    producer: Producer, partition: TopicPartition, changes: Sequence[Change], sent: list[ConfigRecord], headers: Headers
) -> None:
    """Write changes in one transaction, the last with headers; ``sent`` gets all just before it is committed."""
    topic, number = partition
    written: list[ConfigRecord] = []
    async with producer.transaction():
        for left, change in zip(reversed(range(len(changes))), changes, strict=True):
            key = change.key.encode()
            marks = [] if left else list(headers)
            # Awaited one by one: aiokafka commits a transaction in which a batch failed (delivery law 3).
            one = await producer.send_and_wait(topic, change.value, key, partition=number, headers=marks)
            written.append(ConfigRecord(key, change.value, one.offset))
        sent += written


@dataclass(frozen=True, slots=True)
class ConfigSession:
    """The right to write ``config`` until someone else takes it; who holds it reads the topic elsewhere.

    ``consumer`` fetches nothing, so that a question for the end never waits behind a long poll.
    """

    producer: Producer
    consumer: Consumer
    partition: TopicPartition

    @classmethod
    async def open(cls, settings: Settings) -> "ConfigSession":
        """Fence whoever wrote before; what they committed is in ``end`` from now on."""
        session = cls(_config_producer(settings), config_consumer(settings), config_partition(settings))
        try:
            await session.producer.start()
            await session.consumer.start()
        except BaseException:
            await session.close()
            raise
        return session

    async def end(self) -> int:
        """Return the last stable offset as of now."""
        return (await self.consumer.end_offsets([self.partition]))[self.partition]

    async def commit(self, changes: Sequence[Change], sent: list[ConfigRecord], headers: Headers) -> None:
        """Write changes; once their records are in ``sent`` an error leaves open whether they were committed."""
        await _write(self.producer, self.partition, changes, sent, headers)

    async def close(self) -> None:
        """Disconnect; bounded."""
        await asyncio.gather(cut_off(self.producer), stop_consumer(self.consumer))


class ConfigWriter:
    """Writes to ``config`` within a session; ``log`` is what it says, own writes included."""

    def __init__(self, session: ConfigSession, log: ConfigLog) -> None:
        self.log = log
        self._session = session

    async def write(self, changes: Sequence[Change]) -> int:
        """Write changes in one transaction and return the rulebook version they give; ProducerFenced if replaced.

        Whoever reads ``config`` then reads them.
        """
        sent: list[ConfigRecord] = []
        if changes:
            await self._session.commit(changes, sent, ())
            await self._readable(sent[-1].offset)
        for record in sent:
            self.log.add(record)
        return self.log.version

    async def _readable(self, offset: int) -> None:
        """Wait for the markers of a transaction: it is answered before they are there, but committed it is."""
        with suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(MARKERS_SECONDS):
                while await self._session.end() <= offset:
                    await asyncio.sleep(LOOK_SECONDS)


@asynccontextmanager
async def config_writer(settings: Settings) -> AsyncGenerator[ConfigWriter, None]:
    """Become the writer of ``config`` for the length of a block: fence, then read to the end."""
    session = await ConfigSession.open(settings)
    try:
        yield ConfigWriter(session, ConfigLog.of(await read_config(settings)))
    finally:
        await session.close()
