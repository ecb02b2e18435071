"""Read the whole `config` topic, and write to it as its only writer.

Laws: one writer at a time: a ConfigWriter first fences any other of the same app id, then reads to the end, then
writes, each put in one transaction; what is read is committed; rulebookVersion is the last record's offset + 1.
Reads and writes: the topic ``config``.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Final, Protocol, cast

from aiokafka import (  # pyright: ignore[reportMissingTypeStubs] untyped library
    AIOKafkaConsumer,
    AIOKafkaProducer,
    TopicPartition,
)

from stream_app.authoring.config_log import ConfigLog
from stream_app.authoring.puts import Change
from stream_app.delivery.aiokafka_seams import stop_consumer
from stream_app.scoring.rulebook import ConfigRecord
from stream_app.settings import Settings, declared_topics, kafka_client_arguments

CLOSE_SECONDS: Final = 5.0
TRANSACTION_MS: Final = 30_000
REQUEST_MS: Final = 5_000  # how soon a missing topic is told; a fetch waits 0.5 s at most


class Received(Protocol):
    """A record as aiokafka gives it, sent or consumed."""

    offset: int
    key: bytes | None
    value: bytes | None


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
    ) -> Mapping[TopicPartition, Sequence[Received]]:
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

    async def send_and_wait(self, topic: str, value: bytes | None, key: bytes, partition: int) -> Received:
        """Send and return what the broker says of it."""
        ...


def config_consumer(settings: Settings) -> Consumer:
    """Return a reader without a group that never starts from somewhere else; to be started, assigned and sought."""
    consumer: Any = AIOKafkaConsumer(
        group_id=None, enable_auto_commit=False, isolation_level="read_committed", auto_offset_reset="none",
        request_timeout_ms=REQUEST_MS, **kafka_client_arguments(settings),
    )  # fmt: skip
    return cast(Consumer, consumer)


def config_partition(settings: Settings) -> TopicPartition:
    """Return the one partition of ``config``."""
    return TopicPartition(declared_topics(settings).config.name, 0)


def config_record(record: Received) -> ConfigRecord:
    """Return a consumed record as ``ConfigRecord``."""
    return ConfigRecord(record.key or b"", record.value, record.offset)


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


class ConfigWriter:
    """Writes to ``config``; ``log`` is what it says, own writes included."""

    def __init__(self, producer: Producer, partition: TopicPartition, log: ConfigLog) -> None:
        self.log = log
        self._producer = producer
        self._partition = partition

    async def write(self, changes: Sequence[Change]) -> int:
        """Write changes in one transaction and return the rulebook version they give; ProducerFenced if replaced."""
        if not changes:
            return self.log.version
        topic, number = self._partition
        written: list[ConfigRecord] = []
        async with self._producer.transaction():
            for change in changes:
                key = change.key.encode()
                # Awaited one by one: aiokafka commits a transaction in which a batch failed (delivery law 3).
                sent = await self._producer.send_and_wait(topic, change.value, key, partition=number)
                written.append(ConfigRecord(key, change.value, sent.offset))
        for record in written:
            self.log.add(record)
        return self.log.version


@asynccontextmanager
async def config_writer(settings: Settings) -> AsyncGenerator[ConfigWriter, None]:
    """Become the writer of ``config`` for the length of a block: fence, then read to the end."""
    producer: Any = AIOKafkaProducer(
        transactional_id=f"{settings.app_id}-config", transaction_timeout_ms=TRANSACTION_MS,
        **kafka_client_arguments(settings),
    )  # fmt: skip
    try:
        await producer.start()
        log = ConfigLog.of(await read_config(settings))
        yield ConfigWriter(cast(Producer, producer), config_partition(settings), log)
    finally:
        with suppress(TimeoutError):
            await asyncio.wait_for(producer.stop(), CLOSE_SECONDS)
