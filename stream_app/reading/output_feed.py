"""Reads output topics from any position with a group-less, read_committed consumer.

Laws: only committed records are handed out; positions include markers, so that "read to here" can be compared.
A start before the log's beginning or beyond its end is moved into the log and reported as such (``moved``).
Reads the output topics; writes nothing, commits nothing.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from aiokafka import (  # pyright: ignore[reportMissingTypeStubs] untyped library
    AIOKafkaConsumer,
    TopicPartition,
)

from stream_app.delivery.aiokafka_clients import stop_consumer
from stream_app.reading.positions import Positions

POLL_RECORDS: Final = 2000
POLL_MILLISECONDS: Final = 500
QUIET_SECONDS: Final = 3.0
PROOF_SECONDS: Final = 3.0
STOP_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Passage:
    """One output record; ``timestamp`` is its LogAppendTime in milliseconds, a null ``value`` an erase."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes | None
    timestamp: int


@dataclass(frozen=True, slots=True)
class Tail:
    """Start so that about ``records`` of the newest records are read first; 0 is the end."""

    records: int = 0


Start = Positions | Tail


@dataclass(frozen=True, slots=True)
class Opened:
    """Where a feed stands after opening; ``moved`` when a start position was not in the log any more."""

    positions: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])
    moved: bool = False


class Feed(Protocol):
    """One reader of the output topics; opened once, closed once."""

    async def open(self, start: Start) -> Opened:
        """Connect and stand at the start; raises KafkaError or OSError when the broker cannot be reached."""
        ...

    async def take(self) -> tuple[list[Passage], dict[tuple[str, int], int]]:
        """Return the next records and the positions after them; empty after about half a second."""
        ...

    async def close(self) -> None:
        """Let go; safe after a failed open."""
        ...


class KafkaFeed:
    """A Feed of partitions 0 to ``partition_count`` - 1 of each topic; ``client`` are aiokafka's connection options."""

    def __init__(self, client: Mapping[str, Any], topics: list[str], partition_count: int) -> None:
        self._client = client
        self._partitions: list[Any] = [TopicPartition(topic, p) for topic in topics for p in range(partition_count)]
        self._topics = topics
        self._consumer: Any = None
        self._heard = 0.0

    async def open(self, start: Start) -> Opened:
        """Connect, assign and seek."""
        consumer: Any = AIOKafkaConsumer(
            **self._client,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
        )
        self._consumer = consumer
        await consumer.start()
        consumer.assign(self._partitions)
        first: Mapping[Any, int] = await consumer.beginning_offsets(self._partitions)
        end: Mapping[Any, int] = await consumer.end_offsets(self._partitions)
        opened: dict[tuple[str, int], int] = {}
        moved = False
        for where in self._partitions:
            wanted = self._wanted(where, start, end[where])
            inside = min(max(wanted, first[where]), end[where])
            moved = moved or (inside != wanted and not isinstance(start, Tail))
            opened[where.topic, where.partition] = inside
            consumer.seek(where, inside)
        return Opened(opened, moved)

    def _wanted(self, where: Any, start: Start, end: int) -> int:
        if isinstance(start, Tail):
            return end - -(-start.records // len(self._partitions) * len(self._topics))
        return start.get((where.topic, where.partition), end)

    async def take(self) -> tuple[list[Passage], dict[tuple[str, int], int]]:
        """Poll once; when nothing came for a while, ask whether the broker is there (a poll alone never says)."""
        consumer = self._consumer
        polled: Mapping[Any, list[Any]] = await consumer.getmany(timeout_ms=POLL_MILLISECONDS, max_records=POLL_RECORDS)
        await self._prove(bool(polled))
        passages = [
            Passage(where.topic, where.partition, r.offset, r.key or b"", r.value, r.timestamp)
            for where, records in polled.items()
            for r in records
        ]
        return passages, {(w.topic, w.partition): await consumer.position(w) for w in self._partitions}

    async def _prove(self, heard: bool) -> None:
        now = time.monotonic()
        if heard:
            self._heard = now
        elif now - self._heard > QUIET_SECONDS:
            async with asyncio.timeout(PROOF_SECONDS):
                await self._consumer.end_offsets(self._partitions)
            self._heard = time.monotonic()

    async def close(self) -> None:
        """Stop the consumer, within STOP_SECONDS."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_consumer(consumer, STOP_SECONDS)
