"""Follow the `api-keys` topic for as long as the process lives, read it once, write to it.

Laws: nothing is said of any key before the topic has been read to the end that it had at the first connection; a key
that was revoked is forgotten as soon as its tombstone is read; a worker that has not heard from Kafka for STALE_SECONDS
says that it does not know, for a revocation may have passed it by.  Each connection reads the whole topic into a ring
of its own, so that neither a log made again nor a tombstone compacted away while it was cut off leaves a key in force;
so a bug met on the way, aiokafka's included, is logged and tried again too, and no end of following.
A write is acknowledged by all replicas before it counts.
Reads and writes: the topic ``api-keys``.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from aiokafka import (  # pyright: ignore[reportMissingTypeStubs] untyped library
    AIOKafkaProducer,
    TopicPartition,
)
from aiokafka.errors import OffsetOutOfRangeError  # pyright: ignore[reportMissingTypeStubs] untyped library

from stream_app.authoring.api_keys import ApiKey, KeyRing
from stream_app.authoring.config_topic import Received, config_consumer
from stream_app.delivery.aiokafka_clients import cut_off, stop_consumer
from stream_app.delivery.recovery import RETRIED, cancel_was_asked_for
from stream_app.delivery.tasks import ended
from stream_app.settings import Settings, declared_topics, kafka_client_arguments

AGAIN_SECONDS: Final = 0.5
POLL_MS: Final = 500
QUIET_SECONDS: Final = 2.0  # a poll alone never says that nobody is there
PROOF_SECONDS: Final = 2.0
STALE_SECONDS: Final = 60.0

logger = logging.getLogger(__name__)


def api_keys_partition(settings: Settings) -> TopicPartition:
    """Return the one partition of ``api-keys``."""
    return TopicPartition(declared_topics(settings).api_keys.name, 0)


async def write_key(settings: Settings, key_id: str, key: ApiKey | None) -> int:
    """Write a key, None revokes it, and return the record's offset; KafkaError when it was not acknowledged."""
    topic, partition = api_keys_partition(settings)
    producer: Any = AIOKafkaProducer(enable_idempotence=True, acks="all", **kafka_client_arguments(settings))
    try:
        await producer.start()
        value = None if key is None else key.encode()
        sent: Received = await producer.send_and_wait(topic, value, key_id.encode(), partition=partition)
    finally:
        await cut_off(producer)
    return sent.offset


async def read_keys(settings: Settings) -> KeyRing:
    """Return the keys up to the topic's end as of now."""
    reading = Reading(settings)
    try:
        end = await reading.open()
        while await reading.position() < end:
            await reading.take()
    finally:
        await reading.close()
    return reading.ring


class Reading:
    """One connection that folds the whole of ``api-keys``, and then what comes, into a ring of its own."""

    def __init__(self, settings: Settings) -> None:
        self.ring = KeyRing()
        self._consumer: Any = config_consumer(settings)
        self._partition = api_keys_partition(settings)

    async def open(self) -> int:
        """Connect, stand at the log's beginning and return its end."""
        await self._consumer.start()
        self._consumer.assign([self._partition])
        first: Mapping[TopicPartition, int] = await self._consumer.beginning_offsets([self._partition])
        self._consumer.seek(self._partition, first[self._partition])
        return await self.end()

    async def end(self) -> int:
        """Ask for the log's end; TimeoutError when nobody answers."""
        async with asyncio.timeout(PROOF_SECONDS):
            ends: Mapping[TopicPartition, int] = await self._consumer.end_offsets([self._partition])
        return ends[self._partition]

    async def position(self) -> int:
        """Return the next offset."""
        at: int = await self._consumer.position(self._partition)
        return at

    async def take(self) -> bool:
        """Fold what arrives within POLL_MS; tell whether anything did."""
        taken: Mapping[TopicPartition, Sequence[Received]]
        taken = await self._consumer.getmany(self._partition, timeout_ms=POLL_MS)
        for record in (records := taken.get(self._partition, ())):
            if why := self.ring.fold(record.key or b"", record.value):
                logger.warning("api key at offset %d is ignored: %s", record.offset, why)
        return bool(records)

    async def close(self) -> None:
        """Disconnect."""
        await stop_consumer(self._consumer)


class ApiKeyFollower:
    """Keeps the keys in force on the running loop; ``trouble`` says why it cannot, None while all is well."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._now = now
        self._ring: KeyRing | None = None
        self._position = 0
        self._heard = now()
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self.trouble: str | None = None

    async def start(self) -> None:
        """Begin to follow; returns at once, whether or not a broker answers."""
        if self._task is None:
            self._task = asyncio.create_task(self._follow_for_ever(), name="api-key-follower")

    async def stop(self) -> None:
        """End following."""
        task, self._task = self._task, None
        if task is not None:
            await ended(task, again_seconds=AGAIN_SECONDS)

    # INVARIANT: keys_are_unknown_before_the_topic_is_read_and_after_a_minute_without_kafka
    def ring(self) -> KeyRing | None:
        """Return the keys in force; None while they are not known."""
        return self._ring if self._now() - self._heard < STALE_SECONDS else None

    async def wait_for(self, offset: int) -> None:
        """Wait until the record at an offset is in force here; bound it with ``asyncio.timeout``."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._position > offset)

    async def _follow_for_ever(self) -> None:
        while True:
            reading = Reading(self._settings)
            try:
                await self._follow(reading)
            except RETRIED as error:
                self._tell(error)
            except asyncio.CancelledError as error:
                if self._task is None or cancel_was_asked_for():
                    raise
                self._tell(error)
            # INVARIANT: no_error_but_a_stop_ends_the_following_of_api_keys
            except Exception as error:
                self._tell(error, bug=True)
            finally:
                await reading.close()
            await asyncio.sleep(AGAIN_SECONDS)

    async def _follow(self, reading: Reading) -> None:
        """Read from the beginning, take the new ring into force at the end, read on; returns never."""
        end, heard = await reading.open(), self._now()
        while True:
            position = await reading.position()
            if reading.ring is self._ring or position >= end:
                await self._publish(reading.ring, position, heard)
            if await reading.take():
                heard = self._now()
            elif self._now() - heard > QUIET_SECONDS and await self._stands(reading):
                heard = self._now()
            if self._now() - heard > STALE_SECONDS:
                raise TimeoutError("the topic's end is not reached")

    async def _stands(self, reading: Reading) -> bool:
        """Tell whether all of the log as of now has been read; OffsetOutOfRangeError when it has shrunk."""
        end, position = await reading.end(), await reading.position()
        if position > end:
            raise OffsetOutOfRangeError(f"it ends at {end}, {position} was read")
        return position == end

    async def _publish(self, ring: KeyRing, position: int, heard: float) -> None:
        self.trouble = None
        async with self._changed:
            self._ring, self._position, self._heard = ring, position, heard
            self._changed.notify_all()

    def _tell(self, error: BaseException, *, bug: bool = False) -> None:
        why = type(error).__name__ if bug else repr(error)  # what a bug says may be of a key: for the log alone
        trouble = f"api keys cannot be read: {why}"
        if trouble != self.trouble:
            logger.error("api keys cannot be read: %r", error, exc_info=error if bug else None)
        self.trouble = trouble
