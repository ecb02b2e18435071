"""One partition: fence, restore, then one batch after the other until it is told to stop.

Laws: one task per Partition, ever (delivery law 2); a batch starts where the previous one of its source ended (law 1);
nothing is merged before it is committed, nothing is read before it is merged.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, NoReturn

from schemas.journal import PartitionRecord
from stream_app.delivery.batches import Batches
from stream_app.delivery.errors import ChainBroken, PartitionStopped, fenced
from stream_app.delivery.job import Job
from stream_app.delivery.opening import open_partition
from stream_app.delivery.probe import Point
from stream_app.delivery.reader import SourceReader
from stream_app.delivery.recovery import cancel_was_asked_for, rest, what_stops
from stream_app.delivery.status import DeliveryCounters, PartitionPhase, PartitionStatus
from stream_app.delivery.stores import Store
from stream_app.delivery.tasks import ended
from stream_app.delivery.transaction import TransactionalWriter

log = logging.getLogger(__name__)

FENCES_PER_MINUTE: Final = 3
MARKER_SECONDS: Final = 5.0


class Partition:
    """Owns partition ``number`` of every source and output while it is open."""

    def __init__(self, job: Job, number: int, counters: DeliveryCounters, leave: Callable[[str], NoReturn]) -> None:
        self.number = number
        self.phase: PartitionPhase = "idle"
        self.why = ""
        self._job = job
        self._counters = counters
        self._leave = leave
        self._writer = TransactionalWriter(job, number)
        self._reader = SourceReader(job, number)
        self._store: Store | None = None
        self._batches: Batches | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._verified = True
        self._restored = 0
        self._fences: list[float] = []

    # ------------------------------------------------------------------ told by Partitions
    def start(self) -> None:
        """Run in a task of its own; does nothing while one runs or the partition is stopped."""
        # INVARIANT: one_task_per_partition
        if not self.stopped and (self._task is None or self._task.done()):
            self._stopping, self._verified = False, False
            self._task = asyncio.get_running_loop().create_task(self._run(), name=f"partition-{self.number}")

    async def pause(self, limit_seconds: float) -> None:
        """Finish the batch in flight and end the task; producer, reader and state stay if it ended by itself.

        Half of the limit is for the batch, the rest for cutting it off; what is still closing then goes on by itself.
        """
        task, self._stopping = self._task, True
        if task is None:
            return
        time = asyncio.get_running_loop().time
        ends = time() + limit_seconds
        self._reader.wake()
        await asyncio.wait([task], timeout=limit_seconds / 2 if self.phase == "running" else 0.1)
        cut = not task.done()
        if not await ended(task, ends):
            self._leave(f"partition {self.number}: its task does not end")
        self._task = None
        self._reach("rebalancing")
        if cut or task.cancelled():
            closing = asyncio.ensure_future(self.close())
            await asyncio.wait([closing], timeout=max(0.1, ends - time()))

    async def close(self) -> None:
        """Forget everything; the next open fences whatever was left behind."""
        if not self.stopped:
            self._enter("closing")
        store, reader, writer = self._store, self._reader, self._writer
        self._store = self._batches = None
        self._reader, self._writer = SourceReader(self._job, self.number), TransactionalWriter(self._job, self.number)
        if store is not None:
            self._release(store)  # before anything awaits: a cancel must not leave its lock behind
        await asyncio.gather(reader.stop(), writer.close())
        if self.phase == "closing":
            self._enter("idle")

    def _release(self, store: Store) -> None:
        # INVARIANT: a_store_that_does_not_close_keeps_nothing_else_open
        try:
            store.close()
        except Exception as error:  # RocksDB writes as it closes: a full disk is a plain Exception
            self._warn(f"its local store was closed without its last writes, the changelog has them: {error!r}")

    # ------------------------------------------------------------------ its task
    async def _run(self) -> None:
        delay = 0.0
        while not self._stopping:
            try:
                if self._batches is None or not await self._current(self._batches):
                    await self._open()
                delay = 0.0
                await self._work()
            except ChainBroken as broken:
                await self._reposition(broken)
            except asyncio.CancelledError as error:
                if self._stopping or cancel_was_asked_for():
                    raise
                delay = await self._recover(error, delay)
            except Exception as error:
                if (stop := what_stops(error, "a source")) is not None:
                    return await self._stop(stop)
                delay = await self._recover(error, delay)

    async def _current(self, batches: Batches) -> bool:
        """Tell whether the changelog still ends where this partition left it; closes it if not: opening judges why."""
        # INVARIANT: state_kept_over_a_pause_is_current
        if self._verified:
            return True
        self._enter("opening")
        time = asyncio.get_running_loop().time
        end, by = await self._reader.end_of(self._job.changelog), time() + MARKER_SECONDS
        # INVARIANT: a_changelog_that_has_shrunk_is_not_waited_for
        while end < batches.end and time() < by:  # our own commit marker is still on its way
            self.why = f"waits for its changelog, which ends at {end}, to reach {batches.end}"
            await asyncio.sleep(0.05)
            end = await self._reader.end_of(self._job.changelog)
        self._verified = end == batches.end
        if not self._verified:
            what = "was written while it was paused" if end > batches.end else f"ends at {end}, not at {batches.end}"
            self._warn(f"its changelog {what}: opening again")
            await self.close()
        return self._verified

    async def _open(self) -> None:
        job = self._job
        self._enter("opening")
        await self._writer.fence()
        self._reach("fenced")
        self._enter("restoring")
        store = self._store = job.store(self.number)
        opened = await open_partition(job, self.number, store, self._writer.producer, self._warn, self._progress)
        await self._await_rulebook(opened.record)
        self._counters.restored += opened.restored_records
        batches = Batches(job, self.number, opened, store, self._writer, self._reader, self._counters)
        if opened.fresh:
            await batches.commit_first()
        await self._reader.start(opened.record.sources)
        # INVARIANT: nothing_is_applied_or_shown_before_fence_and_restore_have_ended
        self._batches, self._verified = batches, True
        log.info("partition %d: open, restored %d records", self.number, opened.restored_records)

    async def _await_rulebook(self, record: PartitionRecord) -> None:
        while self._job.handler.version() < record.rulebook_version:
            self.why = f"waits for rulebook {record.rulebook_version}, knows {self._job.handler.version()}"
            await asyncio.sleep(0.05)
        self.why = ""

    async def _work(self) -> None:
        batches = self._batches
        if batches is None:
            return
        self._enter("running")
        while not self._stopping:
            if not await batches.next():
                self._reach("waiting")
                await self._reader.wait()
            elif batches.rest:
                await asyncio.sleep(batches.rest)

    async def _reposition(self, broken: ChainBroken) -> None:
        self._counters.chain_breaks += 1
        log.warning("partition %d: %s: reading again from the partition record", self.number, broken)
        await self.close()

    async def _recover(self, error: BaseException, delay: float) -> float:
        """Close and rest; return the next delay."""
        now = asyncio.get_running_loop().time()
        if fenced(error):
            self._counters.fenced += 1
            self._fences = [at for at in self._fences if now - at < 60] + [now]
            if len(self._fences) >= FENCES_PER_MINUTE:
                self._leave(f"partition {self.number}: fenced {FENCES_PER_MINUTE} times in a minute")
        self._counters.reopened += 1
        log.warning("partition %d: %s: opening again", self.number, "fenced" if fenced(error) else repr(error))
        await self.close()
        self.why = f"opens again after {error!r}"
        return await rest(delay, self._job.heartbeat_seconds)

    async def _stop(self, stop: PartitionStopped) -> None:
        # INVARIANT: a_raising_handler_stops_its_partition_alone
        log.error("partition %d stopped: %s", self.number, stop, exc_info=stop.__cause__)
        self._enter("stopped")
        self.why = str(stop)
        await self.close()

    # ------------------------------------------------------------------ what it says
    @property
    def stopped(self) -> bool:
        """Whether it waits for a person."""
        return self.phase == "stopped"

    def committed(self) -> Store | None:
        """Return the committed state, None unless it is complete and, after a pause, known to be the newest."""
        return self._store if self._batches is not None and (self._stopping or self._verified) else None

    def status(self) -> PartitionStatus:
        """Return a snapshot."""
        if self._batches is None:
            return PartitionStatus(self.number, self.phase, self.why, restored_records=self._restored)
        record = self._batches.record
        return PartitionStatus(
            self.number, self.phase, self.why, record.seq, record.clock, record.rulebook_version,
            dict(record.sources), self._reader.lag(), dict(record.counters), self._restored,
        )  # fmt: skip

    def _enter(self, phase: PartitionPhase) -> None:
        self.phase, self.why = phase, ""
        if phase in ("idle", "opening", "restoring"):
            self._reach(phase)

    def _progress(self, restored: int) -> None:
        self._restored = restored
        self._reach("loaded")

    def _warn(self, text: str) -> None:
        log.warning("partition %d: %s", self.number, text)

    def _reach(self, point: Point) -> None:
        if self._job.probe is not None:
            self._job.probe.reached(self.number, point)
