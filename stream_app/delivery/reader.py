"""The own reader of one partition: every source, no group, read_committed, never from somewhere else.

Laws: sources are taken in turn, in the order of the job, so that a backlog of one cannot hold up another; positions
come from the partition record only (``auto_offset_reset=none``, delivery law 8).
Reads the source topics of one partition number.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from stream_app.delivery.aiokafka_clients import stop_consumer
from stream_app.delivery.aiokafka_fetch import (
    Take,
    TopicPartition,
    fetch_beside,
    fetch_meanwhile,
    fetch_more,
    fetch_waiter,
    last_fetch,
    start_reader,
    take_buffered,
)
from stream_app.delivery.job import AnyJob

IDLE_WAIT_SECONDS: Final = 0.5
QUIET_SECONDS: Final = 60.0  # until markers are committed alone: less than anybody keeps a log, seldom enough


class SourceReader:
    """Reads ahead one page per source on the main loop."""

    def __init__(self, job: AnyJob, partition: int) -> None:
        self._job = job
        self._ring = [TopicPartition(topic, partition) for topic in job.sources]
        self._next = 0
        self._woken = False
        self._waiter: asyncio.Future[None] | None = None
        self._consumer: Any = None
        self._positions: dict[str, int] = {}

    async def start(self, positions: Mapping[str, int]) -> None:
        """Start reading at the given next offsets, one per source."""
        self._positions = dict(positions)
        self._consumer = consumer = await start_reader(self._job.client, self._job.fetch_bytes)
        consumer.assign(self._ring)
        for source in self._ring:
            consumer.seek(source, positions[source.topic])

    def take_now(self, max_records: int) -> Take | None:
        """Return the next take of the next source that has one, None when nothing is fetched."""
        consumer = self._consumer
        if consumer is None:
            raise RuntimeError("the reader is not started")
        # INVARIANT: a_source_with_records_waits_for_at_most_one_batch_of_another
        for step in range(len(self._ring)):
            index = (self._next + step) % len(self._ring)
            take = take_buffered(consumer, self._ring[index], max_records)
            if take is not None:
                self._next = (index + 1) % len(self._ring)
                self._positions[take.topic] = take.end
                return take
        return None

    def look_beside(self) -> None:
        """Fetch what other sources have while a page of one is buffered; a page may be many batches long."""
        if self._consumer is not None:
            fetch_beside(self._consumer)

    def look_meanwhile(self) -> None:
        """Fetch what has come while batches without records are committed; there may be hundreds in a row."""
        if self._consumer is not None:
            fetch_meanwhile(self._consumer)

    async def read_again(self, take: Take) -> list[Any]:
        """Return the records of a take, whose batches can be walked only once; the reader is of no use afterwards."""
        source, at = TopicPartition(take.topic, self._ring[0].partition), take.start
        records: list[Any] = []
        self._consumer.seek(source, at)
        while at < take.end:
            more = take_buffered(self._consumer, source, take.end - at)
            if more is None:
                await self.wait(1.0)
                continue
            records += [record for record in more.records() if record.offset < take.end]
            at = more.end
        return records

    async def wait(self, timeout_seconds: float = IDLE_WAIT_SECONDS) -> None:
        """Wait until something may be taken, `wake` is called, or time is up."""
        if self._woken or self._consumer is None:
            self._woken = False
            return
        fetch_more(self._consumer)
        self._waiter = fetch_waiter(self._consumer)
        done, _ = await asyncio.wait([self._waiter], timeout=timeout_seconds)
        if done:
            self._waiter.result()
        else:
            self._waiter.cancel()
        self._waiter, self._woken = None, False

    def wake(self) -> None:
        """End the wait under way, or the next one."""
        self._woken = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def lag(self) -> dict[str, int]:
        """Return unread offsets per source as of the last fetch."""
        return {topic: max(0, high - at) for topic, at, high, _ in self._seen()}

    def read_to_end_at(self, topic: str) -> int | None:
        """Return when (milliseconds) a source was last asked and then read to its end, None while it is not."""
        for name, at, high, when in self._seen():
            if name == topic and when is not None and at >= high:
                return when
        return None

    def _seen(self) -> list[tuple[str, int, int, int | None]]:
        consumer = self._consumer
        if consumer is None:
            return []
        rows: list[tuple[str, int, int, int | None]] = []
        for source in self._ring:
            high, when = last_fetch(consumer, source)
            at = self._positions[source.topic]
            rows.append((source.topic, at, at if high is None else high, when))
        return rows

    async def end_of(self, topic: str) -> int:
        """Return the last stable offset of this partition of any topic."""
        place = TopicPartition(topic, self._ring[0].partition)
        ends: Mapping[Any, int] = await self._consumer.end_offsets([place])
        return ends[place]

    async def stop(self) -> None:
        """Stop reading."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_consumer(consumer)
