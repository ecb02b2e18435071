"""The only place that touches private names of Faust; proved with the versions below, checked at start.

Faust keeps group membership, assignment, tables and application life.  Here its consumer is told to leave our topics
paused for ever, its table to hold committed data that only delivery writes, and its recovery to have nothing to do
(delivery section 5 lists every override and why).
"""
# pyright: basic

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import faust
from aiokafka import TopicPartition
from faust.assignor.partition_assignor import PartitionAssignor
from faust.stores import memory
from faust.tables.manager import TableManager
from faust.tables.table import Table
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from stream_app.delivery import aiokafka_clients, aiokafka_fetch, aiokafka_records, aiokafka_send, stable_offsets
from stream_app.delivery.heartbeats import PRIVATE_NAMES as HEARTBEAT_NAMES
from stream_app.delivery.heartbeats import Heartbeats

MISSED_SECONDS = 0.5
PROVED_WITH = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0", "mode-streaming": "0.7.1"}
PRIVATE_NAMES = (
    (driver.Consumer, "getmany seek_to_committed verify_event_path on_partitions_revoked on_stop"),
    (driver.AIOKafkaConsumerThread, "_ensure_consumer call_thread"),
    (TableManager, "_update_channels on_actives_ready"),
    (Table, "_new_store on_key_set on_key_del"),
    (faust.App, "_new_transport rebalancing"),
    (PartitionAssignor, "external_topics_metadata assign"),
    *HEARTBEAT_NAMES,
    *aiokafka_clients.PRIVATE_NAMES,
    *aiokafka_fetch.PRIVATE_NAMES,
    *aiokafka_records.PRIVATE_NAMES,
    *aiokafka_send.PRIVATE_NAMES,
    *stable_offsets.PRIVATE_NAMES,
)


def check_versions() -> None:
    """Raise RuntimeError naming what differs from what these files were proved with."""
    wrong = [f"{name} {version(name)} (proved with {v})" for name, v in PROVED_WITH.items() if version(name) != v]
    for owner, names in PRIVATE_NAMES:
        wrong += [f"{owner.__name__}.{name} is gone" for name in names.split() if not hasattr(owner, name)]
    if wrong:
        raise RuntimeError("the seams do not fit: " + "; ".join(wrong))


class WatchfulAssignor(PartitionAssignor):
    """Faust's assignor, which leaves out topics that metadata lacks: it notes that it had to."""

    app: Any
    partial = False

    def assign(self, cluster: Any, member_metadata: Any) -> Any:
        """Assign as Faust does; only the leader of the group is asked."""
        self.partial = not all(cluster.partitions_for_topic(topic) for topic in self.app.partitions.sources)
        return super().assign(cluster, member_metadata)


class MembershipConsumer(driver.Consumer):
    """Faust's consumer as keeper of the membership: our topics are assigned to it and never fetched by it."""

    app: Any

    def _ours(self, tp: Any) -> bool:
        return tp.topic in self.app.partitions.sources

    async def pause_ours(self) -> None:
        """Pause our topics in Faust's consumer thread; called after each assignment."""
        consumer = self._thread._ensure_consumer()
        self.app.heartbeats.joined(consumer._coordinator)

        async def pause() -> None:
            for tp in consumer.assignment():
                if self._ours(tp):
                    consumer.pause(tp)

        await self._thread.call_thread(pause)
        await self._assign_again_what_was_missed(consumer)

    async def _assign_again_what_was_missed(self, consumer: Any) -> None:
        """Ask for one more assignment after one without all topics, as after a broker has come back.

        aiokafka does so when metadata changes, but forgets it when that happens while the assignment is handed out.
        """
        # INVARIANT: topics_that_an_assignment_missed_are_assigned_again
        if self.app.assignor.partial:
            self.app.assignor.partial = False

            async def join_again() -> None:
                await asyncio.sleep(MISSED_SECONDS)
                await consumer._client.force_metadata_update()
                consumer._coordinator.request_rejoin()

            await self._thread.call_thread(join_again)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        """Yield records of other topics; what was fetched of ours before the pause is dropped, never acknowledged."""
        async for tp, message in super().getmany(timeout):
            if not self._ours(tp):
                yield tp, message

    async def seek_to_committed(self) -> Any:
        """Position every topic but ours: Faust neither positions nor judges those."""
        others = [TopicPartition(*tp) for tp in self.assignment() if not self._ours(tp)]
        if not others:
            return {}
        return await self._thread.call_thread(self._thread._ensure_consumer().seek_to_committed, *others)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Finish what our partitions are doing before the group goes on."""
        await self.app.partitions.pause()
        await super().on_partitions_revoked(revoked)

    async def on_stop(self) -> None:
        """Close our partitions before the membership ends."""
        await self.app.partitions.pause()
        await super().on_stop()
        await self.app.partitions.close()

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Judge other topics only: ours would be called stuck for ever."""
        if not self._ours(tp):
            super().verify_event_path(now, tp)


class MembershipTransport(driver.Transport):
    """Faust's transport with the consumer above."""

    Consumer = MembershipConsumer


class CommittedStoreView(memory.Store):
    """What a Faust table of ours reads: the committed stores of the partitions open on this worker."""

    app: Any

    def _stores(self) -> Iterator[Any]:
        return self.app.partitions.stores()

    def __getitem__(self, key: bytes) -> bytes:
        for store in self._stores():
            value = store.get(key)
            if value is not None:
                return value
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return any(store.get(key) is not None for store in self._stores())

    def __iter__(self) -> Iterator[bytes]:
        return (key for store in self._stores() for key, _ in store.scan(b""))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    async def on_recovery_completed(self, active_tps: Any, standby_tps: Any) -> None:
        """Do nothing: recovery is delivery's."""


class CommittedTable(Table):
    """A Faust table that is written only by committed transactions."""

    def _new_store(self) -> CommittedStoreView:
        return CommittedStoreView("committed://", self.app, self, table_name=self.name, loop=self.loop)

    def on_key_set(self, key: Any, value: Any) -> None:
        """Refuse: a direct write would bypass the transaction."""
        raise TypeError("this table is written by committed batches only")

    def on_key_del(self, key: Any) -> None:
        """Refuse, as on_key_set."""
        raise TypeError("this table is written by committed batches only")


class CommittedTableManager(TableManager):
    """Never subscribes a changelog: Faust's recovery sees nothing to recover and reports ready at once."""

    app: Any

    async def _update_channels(self) -> None:
        self._tables_finalized.set()
        for table in self.values():
            await table.maybe_start()
        self._tables_registered.set()

    def on_actives_ready(self) -> None:
        """Open the partitions of this assignment."""
        super().on_actives_ready()
        self.app.partitions.resume(set(self.app.consumer.assignment()))


class SeamedApp(faust.App):
    """A faust.App wired to the classes above; `delivery.application` gives it its partitions."""

    partitions: Any

    def __init__(self, name: str, **settings: Any) -> None:
        check_versions()
        super().__init__(
            name, TableManager=CommittedTableManager, Table=CommittedTable, table_standby_replicas=0,
            topic_disable_leader=True, topic_allow_declare=False, env_prefix="FAUST_", web_enabled=False,
            PartitionAssignor=WatchfulAssignor, **settings,
        )  # fmt: skip
        self.heartbeats = Heartbeats(self.conf.broker_session_timeout)

    def members(self) -> Mapping[str, Mapping[str, Sequence[int]]] | None:
        """Return what the newest assignment gave to whom, by URL and topic; None unless it surely stands."""
        if self.rebalancing or not self.partitions.settled or not self.heartbeats.in_session():
            return None
        assignor: Any = self.assignor  # the method is the class's, not the interface's
        return assignor.external_topics_metadata()

    def _new_transport(self) -> MembershipTransport:
        return MembershipTransport(self.conf.broker_consumer, self)
