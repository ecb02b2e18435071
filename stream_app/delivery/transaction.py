"""One transactional producer of one partition, and the one order in which a batch is committed.

Laws: every send is awaited before commit, because aiokafka commits a transaction in which a batch failed (delivery
law 3); offsets are sent after the data is acknowledged (law 4); what is unclear after a failure is decided by the
fence and the partition record, never guessed here.
Writes output topics, the changelog, the journal and the group's offsets.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from stream_app.delivery.aiokafka_seams import TopicPartition, build_batch, cut_off, send_ready, transactional_producer
from stream_app.delivery.handler import Output
from stream_app.delivery.job import Job
from stream_app.delivery.opening import now_ms
from stream_app.delivery.probe import Point


class TransactionalWriter:
    """Owns partition p of every output while it is not fenced."""

    def __init__(self, job: Job, partition: int) -> None:
        self._job = job
        self._partition = partition
        self._producer: Any = None

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
    ) -> int:
        """Commit one batch within the job's limit; return the changelog offset after its last record.

        ``changelog`` is never empty: its last record is the partition record.  Raises whatever aiokafka raises, and
        TimeoutError; the outcome is unknown then.
        """
        return await asyncio.wait_for(self._commit(outputs, changelog, offsets), self._job.commit_limit_seconds)

    async def _commit(
        self, outputs: Mapping[str, Sequence[Output]], changelog: Sequence[Output], offsets: Mapping[str, int]
    ) -> int:
        producer = self._producer
        if producer is None:
            raise RuntimeError("not fenced yet")
        await producer.begin_transaction()
        self._reach("sending")
        at = now_ms()  # wall time: a clock of 1970 would be deleted by retention at once where CreateTime rules
        sends: list[asyncio.Future[Any]] = []
        for topic, records in outputs.items():
            sends += [send for send, _ in await self._send(producer, topic, records, at)]
        state = await self._send(producer, self._job.changelog, changelog, at)
        # INVARIANT: every_send_is_awaited_before_commit
        for result in await asyncio.gather(*sends, *(send for send, _ in state), return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
        self._reach("sent")
        # INVARIANT: offsets_are_sent_after_the_data_is_acknowledged
        if offsets:
            where = {TopicPartition(topic, self._partition): offset for topic, offset in offsets.items()}
            await producer.send_offsets_to_transaction(where, self._job.name)
        self._reach("committing")
        await producer.commit_transaction()
        self._reach("committed")
        last, count = state[-1]
        return last.result().offset + count

    async def _send(
        self, producer: Any, topic: str, records: Sequence[Output], at: int
    ) -> list[tuple["asyncio.Future[Any]", int]]:
        job, sends, first = self._job, list[tuple["asyncio.Future[Any]", int]](), 0
        limit = job.wide_topics.get(topic, job.batch_bytes)
        while first < len(records):
            batch, end = build_batch(limit, job.compression, records, first, at)
            if end == first:
                raise ValueError(f"a record for {topic} is larger than {limit} bytes")
            sends.append((await send_ready(producer, batch, topic, self._partition), end - first))
            first = end
        return sends

    def _reach(self, point: Point) -> None:
        if self._job.probe is not None:
            self._job.probe.reached(self._partition, point)

    async def close(self) -> None:
        """Give the producer up; the next fence aborts what it may have left open."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await cut_off(producer)
