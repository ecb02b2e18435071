"""All source partitions that this worker forwards: opened and closed as their group assigns them.

Laws: a plain consumer keeps the membership, and nothing that it fetches is used; a partition is closed before the group
goes on without it; who owns one is decided by its fence, never by the group; whatever ends the membership, a bug too,
it joins again and says why.  Membership is dynamic whatever the workers' is: there is no state to stay near, so
partitions go to others as soon as their worker leaves.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, Final

from aiokafka import (  # pyright: ignore[reportMissingTypeStubs] untyped library
    AIOKafkaConsumer,
    ConsumerRebalanceListener,
    TopicPartition,
)
from mode import Service

from stream_app.delivery.aiokafka_clients import started, stop_consumer
from stream_app.delivery.partitions import PAUSE_LIMIT_SECONDS, leave
from stream_app.delivery.recovery import LONGEST_DELAY_SECONDS, cancel_was_asked_for, what_stops
from stream_app.delivery.rekey import RekeyCounters, RekeyJob, RekeyStatus
from stream_app.delivery.rekey_partition import RekeyPartition
from stream_app.delivery.tasks import ended

log = logging.getLogger(__name__)

POLL_MS: Final = 500
NEW_PARTITIONS_MS: Final = 30_000
FIRST_DELAY_SECONDS: Final = 0.5


class RekeyGroup(Service, ConsumerRebalanceListener):
    """One member; implements `rekey.RekeyView`.  Without sources it is never one, and never in anybody's way."""

    def __init__(self, job: RekeyJob) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType] half typed library
        self.counters = RekeyCounters()
        self._job = job
        self._open: list[RekeyPartition] = []
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._consumer: Any = None
        self._settled = False
        self._stopping = False
        self._trouble = ""

    # ------------------------------------------------------------------ told by the application
    async def on_start(self) -> None:
        """Join the group in a task of its own and stay in it."""
        if self._job.sources:
            self._task = asyncio.get_running_loop().create_task(self._stay(), name="rekey-group")

    async def on_stop(self) -> None:
        """Finish the batches in flight, close all partitions, leave the group."""
        self._stopping, task = True, self._task
        await self._close_all()
        if task is None:
            return
        await asyncio.wait([task], timeout=PAUSE_LIMIT_SECONDS)
        await ended(task)

    # ------------------------------------------------------------------ its task
    async def _stay(self) -> None:
        delay = FIRST_DELAY_SECONDS
        # INVARIANT: whatever_ends_a_membership_of_ingest_it_joins_again
        while not self._stopping:
            try:
                await self._member()
            except asyncio.CancelledError as error:
                if self._stopping or cancel_was_asked_for():
                    raise
                delay = await self._rest(error, delay)
            except Exception as error:
                delay = await self._rest(error, delay)

    async def _rest(self, error: BaseException, delay: float) -> float:
        """Say what ended the membership and wait; return the next delay."""
        self._trouble = f"ingest joins again after {error!r}"
        unexpected = isinstance(error, Exception) and what_stops(error, "a source") is not None
        log.log(logging.ERROR if unexpected else logging.WARNING, "%s", self._trouble, exc_info=unexpected)
        await asyncio.sleep(delay)
        return min(2 * delay, LONGEST_DELAY_SECONDS)

    async def _member(self) -> None:
        """Be a member until told to stop, or until an error ends it."""
        job = self._job
        heartbeat_ms = int(min(job.heartbeat_seconds, job.session_timeout_seconds / 3) * 1000)
        self._consumer = consumer = AIOKafkaConsumer(
            group_id=job.name, enable_auto_commit=False, auto_offset_reset="latest", max_partition_fetch_bytes=1024,
            session_timeout_ms=int(job.session_timeout_seconds * 1000), heartbeat_interval_ms=heartbeat_ms,
            rebalance_timeout_ms=int(max(20.0, 2 * job.session_timeout_seconds) * 1000),
            metadata_max_age_ms=NEW_PARTITIONS_MS, **job.client,
        )  # fmt: skip
        try:
            await started(consumer)
            consumer.subscribe(job.sources, listener=self)  # pyright: ignore[reportUnknownMemberType] untyped library
            while not self._stopping:  # a member that does not poll is put out of the group
                await consumer.getmany(timeout_ms=POLL_MS)  # pyright: ignore[reportUnknownMemberType] same
        finally:
            try:
                await self._close_all()
            finally:
                await stop_consumer(consumer)

    # ------------------------------------------------------------------ told by aiokafka
    async def on_partitions_revoked(  # pyright: ignore[reportIncompatibleMethodOverride] it may be a coroutine
        self, revoked: Iterable[TopicPartition]
    ) -> None:
        """Close what is held, before the group goes on without it."""
        await self._close_all()

    async def on_partitions_assigned(  # pyright: ignore[reportIncompatibleMethodOverride] same
        self, assigned: Iterable[TopicPartition]
    ) -> None:
        """Open what is assigned; its tasks do it, not the rebalance."""
        sources = sorted(assigned)
        self._consumer.pause(*sources)
        async with self._lock:
            self.counters.rebalances += 1
            if self._stopping:
                return
            self._open = [RekeyPartition(self._job, source, self.counters, leave) for source in sources]
            for partition in self._open:
                partition.start()
            self._settled, self._trouble = True, ""

    async def _close_all(self) -> None:
        async with self._lock:
            self._settled = False
            await asyncio.gather(*(partition.close(PAUSE_LIMIT_SECONDS) for partition in self._open))
            self._open = []

    # ------------------------------------------------------------------ what it says
    def statuses(self) -> list[RekeyStatus]:
        """Return the status of every source partition assigned to this worker, by topic and number."""
        return [partition.status() for partition in self._open]

    def why_not(self) -> str | None:
        """Return why this worker does not forward what it should, None when it does."""
        if not self._job.sources:
            return None
        if not self._settled:
            return self._trouble or "The worker has not joined its ingest group yet."
        waiting = [status for status in self.statuses() if status.phase != "running"]
        told = (f"ingest of {s.topic}-{s.partition} is {s.phase}{': ' + s.why if s.why else ''}" for s in waiting)
        return "; ".join(told) or None
