"""One source partition being forwarded: fence, find the position, then one batch after the other.

Laws: a batch starts where the last committed one ended; what it sends, its offset and its counts are one transaction,
every send awaited before the offset, the offset before the commit (delivery laws 3 and 4); whatever fails, all is
forgotten and opened again: the fence decides what became of an open transaction.
Reads one partition of a source; writes whatever the job's route names, and the group's offset.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import msgspec

from schemas.ingest import IngestProgress
from stream_app.delivery.aiokafka_clients import cut_off, transactional_producer
from stream_app.delivery.aiokafka_fetch import Take, TopicPartition
from stream_app.delivery.aiokafka_send import reason_told
from stream_app.delivery.errors import ChainBroken, HandlerFailed, PartitionStopped, fenced
from stream_app.delivery.handler import Output, Record
from stream_app.delivery.opening import now_ms
from stream_app.delivery.probe import Point
from stream_app.delivery.reader import QUIET_SECONDS, SourceReader
from stream_app.delivery.recovery import cancel_was_asked_for, rest, what_stops
from stream_app.delivery.rekey import RekeyCounters, RekeyJob, RekeyPhase, RekeyStatus, Routed
from stream_app.delivery.rekey_offsets import Position, find_position
from stream_app.delivery.steps import slices
from stream_app.delivery.tasks import ended
from stream_app.delivery.transaction import acknowledged, send_records

log = logging.getLogger(__name__)

Places = Mapping[tuple[str, int], Sequence[Output]]


class RekeyPartition:
    """Owns one source partition while it is open; opened and closed once."""

    def __init__(
        self, job: RekeyJob, source: TopicPartition, counters: RekeyCounters, leave: Callable[[str], NoReturn]
    ) -> None:
        self.source = source
        self.phase: RekeyPhase = "idle"
        self.why = ""
        self._name = f"{source.topic}-{source.partition}"
        self._job, self._counters, self._leave = job, counters, leave
        self._producer: Any = None
        self._reader = self._new_reader()
        self._position: Position | None = None
        self._read_to = 0
        self._marked: float | None = None  # since when markers alone are read that no batch covers yet
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    # ------------------------------------------------------------------ told by RekeyGroup
    def start(self) -> None:
        """Run in a task of its own."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"rekey-{self._name}")

    async def close(self, limit_seconds: float) -> None:
        """Finish the batch in flight, end the task, forget everything; a batch may take half of the limit."""
        self._stopping, task = True, self._task
        ends = asyncio.get_running_loop().time() + limit_seconds
        if task is not None:
            self._reader.wake()
            await asyncio.wait([task], timeout=limit_seconds / 2 if self.phase == "running" else 0.1)
            if not await ended(task, ends):
                self._leave(f"ingest of {self._name}: its task does not end")
        await self._forget()

    # ------------------------------------------------------------------ its task
    async def _run(self) -> None:
        delay = 0.0
        while not self._stopping:
            try:
                position = await self._open()
                delay = 0.0
                await self._work(position)
            except asyncio.CancelledError as error:
                if self._stopping or cancel_was_asked_for():
                    raise
                delay = await self._recover(error, delay)
            except Exception as error:
                if (stop := what_stops(error, self._name)) is not None:
                    return await self._stop(stop)
                delay = await self._recover(error, delay)

    async def _open(self) -> Position:
        job = self._job
        self._enter("opening")
        widest = max([job.batch_bytes, *job.wide_topics.values()]) + 65_536
        self._producer = producer = transactional_producer(
            job.client, job.transactional_id(self.source), job.transaction_timeout_ms, widest
        )
        # INVARIANT: ingest_reads_its_position_after_the_fence
        await asyncio.wait_for(producer.start(), job.transaction_timeout_ms / 1000)
        position = await find_position(job, self.source, producer)
        if position.fresh:  # where it started is decided once
            log.warning("ingest of %s: no committed offset: a first start, at %d", self._name, position.offset)
            position = await self._commit({}, position.offset, position.progress)
        await self._reader.start({self.source.topic: position.offset})
        self._position, self._read_to, self._marked = position, position.offset, None
        log.info("ingest of %s: open at %d", self._name, position.offset)
        return position

    async def _work(self, position: Position) -> None:
        self._enter("running")
        while not self._stopping:
            take = self._reader.take_now(self._job.max_batch_records)
            if take is None:
                if self._marked is not None and time.monotonic() - self._marked >= QUIET_SECONDS:
                    # INVARIANT: a_quiet_source_that_ends_in_markers_is_forwarded_to_its_end
                    self._marked = None
                    nothing = Take(self.source.topic, position.offset, self._read_to, [])
                    position = self._position = await self._forward(nothing, position)
                await self._reader.wait()
                continue
            # INVARIANT: ingest_batch_starts_where_the_last_one_ended
            if take.start != self._read_to:
                raise ChainBroken(f"{self._name} starts at {take.start}, expected {self._read_to}")
            self._read_to = take.end
            # markers alone become part of the next batch's range
            self._marked = None if take.batches else time.monotonic()
            if take.batches:
                position = self._position = await self._forward(take, position)

    async def _forward(self, take: Take, position: Position) -> Position:
        places: dict[tuple[str, int], list[Output]] = {}
        rekeyed = count = 0
        for chunk in slices(take.records(), self._job.slice_records):
            for record in chunk:
                routed = self._routed(record)
                places.setdefault((routed.topic, routed.partition), []).append(routed.output)
                rekeyed += routed.accepted
            count += len(chunk)
            await asyncio.sleep(0)
        was = position.progress
        progress = IngestProgress(
            was.partitions, was.start, was.rekeyed + rekeyed, was.dead_letter + count - rekeyed,
            was.gaps + take.end - position.offset - count,
        )  # fmt: skip
        return await self._commit(places, take.end, progress)

    def _routed(self, record: Record) -> Routed:
        try:
            return self._job.route(self.source.topic, self.source.partition, record)
        except Exception as error:
            place = f"{self._name} offset {record.offset}"
            why = f"the route raised {type(error).__name__} at {place}"  # what it says may be of a contact
            raise HandlerFailed(why, "report it with that record") from error

    async def _commit(self, places: Places, end: int, progress: IngestProgress) -> Position:
        """Commit within the job's limit; raises whatever aiokafka raises, and TimeoutError: the outcome is unknown."""
        with reason_told(self._producer):
            await asyncio.wait_for(self._transact(places, end, progress), self._job.commit_limit_seconds)
        self._counters.batches += 1
        return Position(end, progress)

    async def _transact(self, places: Places, end: int, progress: IngestProgress) -> None:
        job, producer, at = self._job, self._producer, now_ms()
        await producer.begin_transaction()
        sends: list[asyncio.Future[Any]] = []
        for (topic, partition), records in places.items():
            limit = job.wide_topics.get(topic, job.batch_bytes)
            handed = await send_records(producer, (topic, partition), records, at, limit, job.compression)
            sends += [send for send, _ in handed]
        await acknowledged(sends)
        self._reach("ingest sent")
        beside = msgspec.json.encode(progress).decode()
        await producer.send_offsets_to_transaction({self.source: (end, beside)}, job.name)
        self._reach("ingest committing")
        await producer.commit_transaction()
        self._reach("ingest committed")

    # ------------------------------------------------------------------ ends
    async def _recover(self, error: BaseException, delay: float) -> float:
        """Forget and rest; return the next delay."""
        self._counters.reopened += 1
        self._counters.fenced += fenced(error)
        log.warning("ingest of %s: %r: opening again", self._name, error)
        await self._forget()
        self.why = f"opens again after {error!r}"
        return await rest(delay, self._job.heartbeat_seconds)

    async def _stop(self, stop: PartitionStopped) -> None:
        log.error("ingest of %s stopped: %s", self._name, stop, exc_info=stop.__cause__)
        self._enter("stopped")
        self.why = str(stop)
        await self._forget()

    async def _forget(self) -> None:
        if self.phase != "stopped":
            self._enter("closing")
        reader, producer = self._reader, self._producer
        self._reader, self._producer, self._position = self._new_reader(), None, None
        closing = [reader.stop()] if producer is None else [reader.stop(), cut_off(producer)]
        await asyncio.gather(*closing)
        if self.phase == "closing":
            self._enter("idle")

    # ------------------------------------------------------------------ what it says
    def status(self) -> RekeyStatus:
        """Return a snapshot."""
        source, position = self.source, self._position
        if position is None:
            return RekeyStatus(source.topic, source.partition, self.phase, self.why)
        return RekeyStatus(
            source.topic, source.partition, self.phase, self.why, position.offset,
            self._reader.lag().get(source.topic, 0), position.progress,
        )  # fmt: skip

    def _new_reader(self) -> SourceReader:
        return SourceReader(replace(self._job, sources=(self.source.topic,)), self.source.partition)

    def _enter(self, phase: RekeyPhase) -> None:
        self.phase, self.why = phase, ""

    def _reach(self, point: Point) -> None:
        if self._job.probe is not None:
            self._job.probe.reached(self.source.partition, point)
