"""The batches of one open partition: take, apply on an overlay, commit, merge.

Laws: the journal of a batch says all that a replay needs; sources, clock and sweeps move only with a commit; the
partition record's ``seq`` rises by exactly one; at most one batch is in flight.
Reads the sources; writes outputs, changelog, journal and offsets in one transaction, then the store.
"""

import asyncio
import time
from typing import Final

from schemas.journal import BatchJournal, InputRange, PartitionRecord, Sweep
from stream_app.delivery import clock, steps
from stream_app.delivery.aiokafka_fetch import Take
from stream_app.delivery.errors import ChainBroken, HandlerFailed
from stream_app.delivery.handler import Batch, BatchKind, Effects, Output, Work
from stream_app.delivery.job import Job
from stream_app.delivery.opening import Opened, now_ms
from stream_app.delivery.pace import Pace
from stream_app.delivery.probe import Point
from stream_app.delivery.reader import QUIET_SECONDS, SourceReader
from stream_app.delivery.status import DeliveryCounters
from stream_app.delivery.stores import Checkpoint, Store
from stream_app.delivery.transaction import TransactionalWriter

NO_HEADERS: Final[list[tuple[str, bytes | None]]] = []


class Batches:
    """Runs one batch at a time.

    ``record`` is the partition record of the last committed one, ``end`` the changelog's last stable offset after it;
    ``rest`` says how many seconds to let pass before `next` is called again.
    """

    def __init__(
        self, job: Job, partition: int, opened: Opened, store: Store, writer: TransactionalWriter,
        reader: SourceReader, counters: DeliveryCounters,
    ) -> None:  # fmt: skip
        self.record = opened.record
        self.end = opened.end
        self._job = job
        self._partition = partition
        self._store = store
        self._writer = writer
        self._reader = reader
        self._counters = counters
        self._positions = dict(opened.record.sources)
        self._marked: dict[str, float] = {}  # sources read up to markers that no batch covers yet, and since when
        self._journal_key = b"%d" % partition
        self._pace = Pace(job.max_batch_records)
        self._lock = asyncio.Lock()
        self.rest = 0.0

    async def commit_first(self) -> None:
        """Commit the partition record of a partition that never had one: where it started is decided once."""
        await self._commit(Effects(), None, self.record, dict(self.record.sources))

    async def next(self) -> bool:
        """Run what is due next, one batch of it; False when there is nothing to do."""
        # INVARIANT: one_batch_in_flight
        async with self._lock:
            self._reach("applying")
            begun, count, take = time.monotonic(), 0, self._reader.take_now(self._pace.size)
            if take is not None:
                count = await self._taken(take)
            more = await self._markers(begun) or await self._sweep() or await self._due()
            rest = 0.0 if more else self._pace.rest(count, time.monotonic() - begun)
            self.rest = rest if rest and not any(self._reader.lag().values()) else 0.0
            return more or take is not None

    # ------------------------------------------------------------------ kinds
    async def _taken(self, take: Take) -> int:
        # INVARIANT: batch_starts_where_the_last_one_ended
        if take.start != self._positions[take.topic]:
            raise ChainBroken(f"{take.topic} starts at {take.start}, expected {self._positions[take.topic]}")
        self._positions[take.topic] = take.end
        if not take.batches:  # markers only: they become part of the next batch's range
            self._marked[take.topic] = time.monotonic()
            return 0
        self._marked.pop(take.topic, None)
        return await self._records(take)

    async def _markers(self, now: float) -> bool:
        """Commit the end of a source that is markers alone, once nothing has followed on them for a while.

        Kafka deletes a log that stays quiet whole, markers too: its beginning would lie beyond what we have read.
        """
        # INVARIANT: a_quiet_source_that_ends_in_markers_is_read_to_its_end
        for topic, since in self._marked.items():
            if now - since >= QUIET_SECONDS:
                del self._marked[topic]
                await self._records(Take(topic, self.record.sources[topic], self._positions[topic], []))
                return True
        return False

    async def _records(self, take: Take) -> int:
        ends = {topic: self._reader.read_to_end_at(topic) for topic in self._job.sources}
        wall = now_ms()
        batch = self._begin("records", clock.ceiling(self.record.newest, ends, take.topic, wall), wall)
        work = self._job.handler.begin(batch, self._store)
        count, newest = await self._feed(work, batch, take)
        record = self._following(batch)
        steps.see(record, take.topic, newest)
        record.clock = work.clock
        if self._job.clock_mode == "wall":
            record.clock = clock.after(work.clock, record.newest, ends, now_ms())
        start = record.sources[take.topic]
        effects = self._finish(work, record.clock, count, f"{take.topic}-{self._partition} [{start}, {take.end})")
        inputs = [InputRange(take.topic, start, take.end)]
        steps.account(record, take.topic, take.end, count, effects)
        self._reader.look_beside()
        await self._commit(effects, self._journal(batch, record, inputs), record, {take.topic: take.end}, batch)
        self._counters.records += count
        return count

    async def _due(self) -> bool:
        handler, record = self._job.handler, self.record
        due = handler.next_due(self._store)
        if due is None:
            return False
        now = record.clock
        if self._job.clock_mode == "wall":
            ends = {topic: self._reader.read_to_end_at(topic) for topic in self._job.sources}
            now = clock.after(record.clock, record.newest, ends, now_ms())
        if due > now:
            return False
        batch = self._begin("clock", None)
        work = handler.begin(batch, self._store)
        following = self._following(batch)
        following.clock = now
        effects = self._finish(work, now, 0, f"a clock batch at {now}")
        self._reader.look_meanwhile()
        await self._commit(effects, self._journal(batch, following, []), following, {}, batch)
        return True

    async def _sweep(self) -> bool:
        handler, record = self._job.handler, self.record
        sweep = record.sweep
        if handler.version() > record.rulebook_version and handler.needs_sweep(
            record.rulebook_version, handler.version()
        ):
            sweep = Sweep(handler.version(), "", "")
        if sweep is None:
            return False
        batch = self._begin("sweep", None)
        work = handler.begin(batch, self._store)
        done = steps.sweep_on(work, sweep, self._job.tick_contacts)
        following = self._following(batch)
        following.sweep = None if done.done else done
        effects = self._finish(work, None, 0, "a sweep batch")
        self._reader.look_meanwhile()
        await self._commit(effects, self._journal(batch, following, [], done), following, {}, batch)
        return True

    # ------------------------------------------------------------------ parts of a batch
    def _begin(self, kind: BatchKind, ceiling: int | None, wall: int = 0) -> Batch:
        record, mode = self.record, self._job.clock_mode
        version = max(record.rulebook_version, self._job.handler.version())
        return Batch(
            self._partition, record.seq + 1, kind, record.clock, version, ceiling, mode, wall if mode == "wall" else 0,
        )  # fmt: skip

    async def _feed(self, work: Work, batch: Batch, take: Take) -> tuple[int, int]:
        """Apply a take in slices with a breath between; return (records, newest timestamp)."""
        fed, spent, begun = (0, 0), 0.0, time.monotonic()
        try:
            for so_far in steps.feed(work, take.topic, self._partition, take.records(), self._job.slice_records):
                fed, spent = so_far, spent + time.monotonic() - begun
                await asyncio.sleep(0)
                begun = time.monotonic()
        except HandlerFailed:
            again = self._job.handler.begin(batch, self._store)  # one by one, to name the record
            records = iter(await self._reader.read_again(take))
            for _ in steps.feed(again, take.topic, self._partition, records, 1):
                await asyncio.sleep(0)
            raise
        self._pace.note(take.topic, fed[0], spent)
        return fed

    def _finish(self, work: Work, until: int | None, count: int, where: str) -> Effects:
        return steps.finish(work, until, self._job.tick_contacts, count, where)

    def _following(self, batch: Batch) -> PartitionRecord:
        return steps.following(self.record, batch, self._job.handler)

    def _journal(
        self, batch: Batch, record: PartitionRecord, inputs: list[InputRange], sweep: Sweep | None = None
    ) -> BatchJournal:
        return BatchJournal(
            batch.seq, batch.kind, record.store_id, batch.version, record.clock, inputs, batch.ceiling,
            batch.clock_mode, sweep, batch.wall if batch.wall and batch.wall != batch.ceiling else None,
        )  # fmt: skip

    async def _commit(
        self, effects: Effects, journal: BatchJournal | None, record: PartitionRecord, offsets: dict[str, int],
        batch: Batch | None = None,
    ) -> None:  # fmt: skip
        job, changes = self._job, steps.changes(effects, record)
        changelog: list[Output] = [(key, value, NO_HEADERS) for key, value in changes.items()]
        outputs = dict(effects.outputs)
        if journal is not None:
            outputs[job.journal] = [(self._journal_key, steps.encode(journal), NO_HEADERS)]
        effects.ends = await self._writer.commit(outputs, changelog, offsets)
        end = effects.ends[job.changelog]
        # INVARIANT: merged_only_after_commit; nothing awaits between the commit and the end of the merge
        self._reach("merging")
        self._store.apply(changes, Checkpoint(end, now_ms()), effects.dues)
        self.end = end + 1  # its own commit marker
        self.record = record
        self._counters.batches += 1
        if batch is not None:
            job.handler.committed(batch, effects)

    def _reach(self, point: Point) -> None:
        if self._job.probe is not None:
            self._job.probe.reached(self._partition, point)
