"""All partitions of this worker: opened, kept and closed as the group assigns them.

Laws: a partition opens only when every source of its number is assigned here, else it stays idle and says so; one that
is kept over a rebalance keeps producer, reader and state; one that is lost is closed before the group goes on without
it; an assignment that cannot be carried out ends the worker, so that others get it.  Never opens anything inside a
rebalance callback.
"""

import asyncio
import logging
import os
from collections.abc import Iterator
from typing import Any, Final, NoReturn

from faust.types import TP

from stream_app.delivery.job import Job
from stream_app.delivery.partition import Partition
from stream_app.delivery.recovery import cancel_was_asked_for
from stream_app.delivery.status import CommittedView, DeliveryCounters, PartitionStatus
from stream_app.delivery.stores import Store

log = logging.getLogger(__name__)

PAUSE_LIMIT_SECONDS: Final = 10.0
EXIT_CANNOT_GO_ON: Final = 75


def leave(why: str) -> NoReturn:
    """End the process at once: what is open is decided by the next owner's fence."""
    log.critical("leaving: %s", why)
    logging.shutdown()
    os._exit(EXIT_CANNOT_GO_ON)


class Partitions:
    """The partitions of one job on this worker; implements `status.PartitionsView`."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.sources: frozenset[str] = frozenset(job.sources)
        self.counters = DeliveryCounters()
        self.partition_count = job.partitions
        self._open: dict[int, Partition] = {}
        self._incomplete: dict[int, list[str]] = {}
        self._lock = asyncio.Lock()
        self._resuming: asyncio.Task[None] | None = None
        self._consumer: Any = None
        self.settled = False
        """Whether `statuses` shows every partition of the newest assignment: false before and between two."""

    def bind(self, consumer: Any) -> None:
        """Learn which Faust consumer keeps the membership."""
        self._consumer = consumer

    # ------------------------------------------------------------------ told by Faust
    async def pause(self) -> None:
        """Finish every batch in flight; called before the group revokes anything and before it is left."""
        self.settled = False
        resuming, self._resuming = self._resuming, None
        if resuming is not None:
            resuming.cancel()
            await asyncio.wait([resuming])
        await asyncio.gather(*(partition.pause(PAUSE_LIMIT_SECONDS) for partition in self._open.values()))

    def resume(self, assignment: set[TP]) -> None:
        """Bring the partitions to what is assigned, in a task of its own."""
        self.counters.rebalances += 1
        self.settled = False
        self._resuming = asyncio.get_running_loop().create_task(self._resume(assignment))

    async def _resume(self, assignment: set[TP]) -> None:
        # INVARIANT: an_assignment_that_cannot_be_carried_out_ends_the_worker
        try:
            await self._bring_to(assignment)
        except (Exception, asyncio.CancelledError) as error:
            if cancel_was_asked_for() or self._consumer.should_stop:
                raise
            log.error("an assignment cannot be carried out", exc_info=error)
            leave(f"an assignment cannot be carried out: {error!r}")

    async def _bring_to(self, assignment: set[TP]) -> None:
        async with self._lock:
            await self._consumer.pause_ours()
            here: dict[int, set[str]] = {}
            for tp in assignment:
                if tp.topic in self.sources:
                    here.setdefault(tp.partition, set()).add(tp.topic)
            wanted = {number for number, topics in here.items() if not self.sources - topics}
            self._incomplete = {
                number: sorted(self.sources - topics) for number, topics in here.items() if self.sources - topics
            }
            lost = [number for number in self._open if number not in wanted]
            await asyncio.gather(*(self._open[number].close() for number in lost))
            for number in lost:  # only now: a rebalance that cancels this must find those that are still to be closed
                del self._open[number]
            for number in sorted(wanted):
                if number not in self._open:
                    self._open[number] = Partition(self.job, number, self.counters, leave)
                if not self._open[number].stopped:
                    self._open[number].start()
            self.settled = True

    async def close(self) -> None:
        """Close all partitions: the membership is over."""
        await asyncio.gather(*(partition.close() for partition in self._open.values()))
        self._open.clear()

    # ------------------------------------------------------------------ what it shows
    def stores(self) -> Iterator[Store]:
        """Yield the committed stores that are complete."""
        for partition in self._open.values():
            store = partition.committed()
            if store is not None:
                yield store

    def committed(self, partition: int) -> CommittedView | None:
        """Return the committed state of a partition, None unless it is open here."""
        held = self._open.get(partition)
        return None if held is None else held.committed()

    def statuses(self) -> list[PartitionStatus]:
        """Return the status of every partition assigned to this worker, ascending."""
        waiting = [
            PartitionStatus(number, "idle", f"not assigned here: {', '.join(topics)}")
            for number, topics in self._incomplete.items()
        ]
        return sorted([p.status() for p in self._open.values()] + waiting, key=lambda status: status.partition)
