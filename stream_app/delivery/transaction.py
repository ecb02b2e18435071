"""One transactional producer of one partition, and the one order in which a batch is committed.

Laws: every send is awaited before commit, because aiokafka commits a transaction in which a batch failed (delivery
law 3); offsets are sent after the data is acknowledged (law 4); what is unclear after a failure is decided by the
fence and the partition record, never guessed here.
Writes output topics, the changelog, the journal and the group's offsets.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from stream_app.delivery.aiokafka_clients import cut_off, transactional_producer
from stream_app.delivery.aiokafka_fetch import TopicPartition
from stream_app.delivery.aiokafka_send import build_batch, reason_told, send_ready
from stream_app.delivery.handler import Output
from stream_app.delivery.job import Job
from stream_app.delivery.opening import now_ms
from stream_app.delivery.probe import Point


async def send_records(
    producer: Any, place: tuple[str, int], records: Sequence[Output], at: int, limit: int, compression: str | None
) -> list[tuple["asyncio.Future[Any]", int]]:
    """Hand records over in ready-made batches of at most ``limit`` bytes; return (delivery, records) of each batch."""
    topic, partition = place
    sends, first = list[tuple["asyncio.Future[Any]", int]](), 0
    while first < len(records):
        batch, end = build_batch(limit, compression, records, first, at)  # at least one, however large
        sends.append((await send_ready(producer, batch, topic, partition), end - first))
        first = end
    return sends


async def acknowledged(sends: Sequence["asyncio.Future[Any]"]) -> None:
    """Wait for all deliveries; raise what the first failed one says."""
    # INVARIANT: every_send_is_awaited_before_commit
    for result in await asyncio.gather(*sends, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


class TransactionalWriter:
    """Owns partition p of every output while it is not fenced."""

    def __init__(self, job: Job, partition: int) -> None:
        self._job = job
        self._partition = partition
        self._producer: Any = None

    @property
    def producer(self) -> Any:
        """The producer that fenced, for what a batch is not written with; None before."""
        return self._producer

    async def fence(self) -> None:
        """Take the transactional id over: whoever had it can commit nothing more, its open transaction is aborted."""
        job = self._job
        widest = max([job.batch_bytes, *job.wide_topics.values()]) + 65_536
        self._producer = transactional_producer(
            job.client, job.transactional_id(self._partition), job.transaction_timeout_ms, widest
        )
        await asyncio.wait_for(self._producer.start(), job.transaction_timeout_ms / 1000)

    async def commit(
        self, outputs: Mapping[str, Sequence[Output]], changelog: Sequence[Output], offsets: Mapping[str, int]
    ) -> dict[str, int]:
        """Commit one batch within the job's limit; return for each topic written the offset after its last record.

        ``changelog`` is never empty: its last record is the partition record.  Raises whatever aiokafka raises, and
        TimeoutError; the outcome is unknown then.
        """
        producer = self._producer
        if producer is None:
            raise RuntimeError("not fenced yet")
        with reason_told(producer):
            committing = self._commit(producer, outputs, changelog, offsets)
            return await asyncio.wait_for(committing, self._job.commit_limit_seconds)

    async def _commit(
        self, producer: Any, outputs: Mapping[str, Sequence[Output]], changelog: Sequence[Output],
        offsets: Mapping[str, int],
    ) -> dict[str, int]:  # fmt: skip
        await producer.begin_transaction()
        self._reach("sending")
        at = now_ms()  # wall time: a clock of 1970 would be deleted by retention at once where CreateTime rules
        sends: dict[str, list[tuple[asyncio.Future[Any], int]]] = {}
        for topic, records in (*outputs.items(), (self._job.changelog, changelog)):
            sends[topic] = await self._send(producer, topic, records, at)
        await acknowledged([send for parts in sends.values() for send, _ in parts])
        self._reach("sent")
        # INVARIANT: offsets_are_sent_after_the_data_is_acknowledged
        if offsets:
            where = {TopicPartition(topic, self._partition): offset for topic, offset in offsets.items()}
            await producer.send_offsets_to_transaction(where, self._job.name)
        self._reach("committing")
        await producer.commit_transaction()
        self._reach("committed")
        return {topic: parts[-1][0].result().offset + parts[-1][1] for topic, parts in sends.items() if parts}

    async def _send(
        self, producer: Any, topic: str, records: Sequence[Output], at: int
    ) -> list[tuple["asyncio.Future[Any]", int]]:
        limit = self._job.wide_topics.get(topic, self._job.batch_bytes)
        return await send_records(producer, (topic, self._partition), records, at, limit, self._job.compression)

    def _reach(self, point: Point) -> None:
        if self._job.probe is not None:
            self._job.probe.reached(self._partition, point)

    async def close(self) -> None:
        """Give the producer up; the next fence aborts what it may have left open."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await cut_off(producer)
