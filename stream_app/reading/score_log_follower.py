"""Reads score-changed into the local score logs of the partitions that this worker holds.

Laws: each log is read on from the record of its mark, which must be the topic's own: a log of another topic, of a
lost past or beyond the end is deleted and read again from the start; positions move without a gap.  It gives way:
after a slice a breath as long as the slice, a long one while partitions restore or are far behind.  A partition that
goes leaves its log as a base; a log that breaks is deleted and read again after a growing while.
Reads score-changed, read_committed and without a group; writes the local logs only.
"""

import asyncio
import logging
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from stream_app.delivery.aiokafka_clients import stop_consumer
from stream_app.delivery.aiokafka_fetch import (
    Take,
    TopicPartition,
    fetch_more,
    fetch_waiter,
    last_fetch,
    start_reader,
    take_buffered,
)
from stream_app.delivery.errors import ChainBroken
from stream_app.delivery.recovery import RETRIED, cancel_was_asked_for
from stream_app.delivery.status import PartitionStatus, PartitionsView
from stream_app.delivery.tasks import ended, telling_of_its_end
from stream_app.reading.recent_awards import RecentAwards
from stream_app.reading.score_log import Held, ScoreLog
from stream_app.reading.score_log_store import LogBroken, Mark

logger = logging.getLogger(__name__)

SLICE_RECORDS: Final = 250
FETCH_BYTES: Final = 512 << 10
BUSY_LAG: Final = 10_000
BUSY_SECONDS: Final = 0.25
IDLE_SECONDS: Final = 0.5
GATHER_SECONDS: Final = 0.1
AGAIN_SECONDS: Final = 0.5
OUTAGE: Final = (*RETRIED, ChainBroken)


class ScoreLogFollower:
    """Follows on the running loop; ``client`` are aiokafka's connection options, ``topic`` score-changed's name."""

    def __init__(
        self, client: Mapping[str, Any], topic: str, partitions: PartitionsView, recent: RecentAwards, log: ScoreLog
    ) -> None:
        self._client = client
        self._topic = topic
        self._partitions = partitions
        self._recent = recent
        self._log = log
        self._at: dict[int, int] = {}
        self._took = 0.0
        self._told = ""
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to follow; returns at once."""
        if self._task is None:
            self._task = asyncio.create_task(self._follow_for_ever(), name="score-log")
            self._task.add_done_callback(telling_of_its_end(logger, "the score log is not followed any more"))

    async def stop(self) -> None:
        """End following and close all logs."""
        task, self._task = self._task, None
        if task is not None:
            await ended(task, again_seconds=AGAIN_SECONDS)
        for partition in list(self._log.held):
            await self._log.let_go(partition)

    # ------------------------------------------------------------------ its task
    async def _follow_for_ever(self) -> None:
        while True:
            try:
                await self._session()
            except OUTAGE as error:
                self._tell(repr(error))
            except asyncio.CancelledError as error:
                if self._task is None or cancel_was_asked_for():
                    raise
                self._tell(repr(error))
            await asyncio.sleep(AGAIN_SECONDS)

    async def _session(self) -> None:
        """Follow one set of partitions until it changes."""
        statuses = self._partitions.statuses()
        self._recent.keep({status.partition for status in statuses})
        wanted = self._wanted(statuses)
        for partition in self._log.held.keys() - wanted:
            await self._log.let_go(partition)
        if not wanted:
            return
        consumer = await start_reader(self._client, FETCH_BYTES)
        try:
            places = [TopicPartition(self._topic, partition) for partition in sorted(wanted)]
            if not await self._position(consumer, places):
                return
            self._told = ""
            while self._log.held.keys() == self._wanted(statuses := self._partitions.statuses()):
                await self._learn(consumer, statuses)
                moved = [await self._take(consumer, place) for place in places]
                if not any(moved):
                    await self._wait(consumer, places)
        finally:
            await stop_consumer(consumer)

    async def _position(self, consumer: Any, places: list[TopicPartition]) -> bool:
        """Open every log and let the consumer stand at its mark; false when one cannot be opened now."""
        begin: Mapping[Any, int] = await consumer.beginning_offsets(places)
        end: Mapping[Any, int] = await consumer.end_offsets(places)
        for place in places:
            try:
                await self._open(place.partition, begin[place], end[place])
            except LogBroken as error:
                await self._log.broke(place.partition, error)
                return False
        consumer.assign(places)
        for place in places:
            consumer.seek(place, self._at[place.partition])
        return True

    def _wanted(self, statuses: list[PartitionStatus]) -> set[int]:
        """Return the partitions held here, without those whose log broke a short while ago."""
        return {status.partition for status in statuses if not self._log.waits(status.partition)}

    async def _learn(self, consumer: Any, statuses: list[PartitionStatus]) -> None:
        """Find out where the topic ended for partitions that have committed nothing since they were opened here."""
        unknown = {
            TopicPartition(self._topic, status.partition): status.seq
            for status in statuses
            if self._partitions.committed(status.partition) is not None
            and self._recent.frontier(status.partition, status.seq) is None
        }
        if unknown:  # behind the fence no transaction is open: the last stable offset is behind all that is committed
            ends: Mapping[Any, int] = await consumer.end_offsets(list(unknown))
            for place, seq in unknown.items():
                self._recent.learn(place.partition, seq, ends[place])

    # ------------------------------------------------------------------ one log
    async def _open(self, partition: int, begin: int, end: int) -> None:
        """Open the log of a partition, if it is not open, and decide from where it is read on."""
        held = self._log.held.get(partition)
        store = held.store if held is not None else await self._log.open(partition)
        # INVARIANT: a_log_of_another_topic_is_read_again
        if store.mark is not None and not begin <= store.mark.offset < end:
            self._say(partition, f"it stands at {store.mark.offset}, the topic is [{begin}, {end}): read again")
            await self._log.drop(partition, store)
            held, store = None, await self._log.open(partition)
        mark = store.mark
        self._at[partition] = begin if mark is None else mark.offset
        if held is None:
            position = begin if mark is None else mark.offset + 1
            self._log.held[partition] = Held(store, begin, position, end, proven=mark is None)
        else:
            held.begin, held.end = begin, end

    async def _take(self, consumer: Any, place: TopicPartition) -> bool:
        """Take what is fetched of one partition into its log, in slices; false when there was nothing."""
        partition = place.partition
        held = self._log.held.get(partition)
        if held is None:
            return False
        try:
            if held.broken:
                raise LogBroken(held.broken)
            take = take_buffered(consumer, place, SLICE_RECORDS)
            if take is None:
                return False
            if take.start != self._at[partition]:
                raise ChainBroken(f"{place.topic} starts at {take.start}, expected {self._at[partition]}")
            await self._keep(partition, held, take)
            self._at[partition] = take.end
        except LogBroken as error:
            await self._log.broke(partition, error)
        return True

    async def _keep(self, partition: int, held: Held, take: Take) -> None:
        records, mark = take.records(), held.store.mark
        if mark is not None and take.start == mark.offset:
            first = next(records, None)
            if first is None or Mark.of(first) != mark:
                self._say(partition, "it is of another topic: read again")
                return await self._log.drop(partition)
        held.proven = True
        now = asyncio.get_running_loop().time
        while part := list(islice(records, SLICE_RECORDS)):
            await asyncio.sleep(max(self._took, BUSY_SECONDS) if self._busy() else self._took)
            began = now()
            await self._log.write(held, [(r.key, r.value) for r in part if r.key], Mark.of(part[-1]))
            self._took = now() - began
        held.position = take.end
        if held.position >= held.end:
            self._log.healed(partition)

    def _busy(self) -> bool:
        """Tell whether partitions restore or have much to score."""
        statuses = self._partitions.statuses()
        opening = any(status.phase in ("opening", "restoring") for status in statuses)
        return opening or sum(sum(status.lag.values()) for status in statuses) > BUSY_LAG

    async def _wait(self, consumer: Any, places: list[TopicPartition]) -> None:
        """Wait until something is fetched, or for a short while; at the end of the topic let some more gather."""
        at_end = all(self._at[place.partition] >= (last_fetch(consumer, place)[0] or 0) for place in places)
        fetch_more(consumer)
        waiter = fetch_waiter(consumer)
        done, _ = await asyncio.wait([waiter], timeout=IDLE_SECONDS)
        if not done:
            waiter.cancel()
            return
        waiter.result()
        await asyncio.sleep(GATHER_SECONDS if at_end else 0)

    def _say(self, partition: int, what: str) -> None:
        logger.warning("score log of partition %d: %s", partition, what)

    def _tell(self, trouble: str) -> None:
        if trouble != self._told:
            logger.warning("the score log waits for Kafka: %s", trouble)
        self._told = trouble
