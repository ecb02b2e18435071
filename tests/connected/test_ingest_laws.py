"""The laws of forwarding on a real broker, without scoring: two owners, cuts, ranges that are gone, first starts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import NoReturn

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, RecordsToDelete

from schemas.ingest import IngestProgress
from stream_app.delivery import rekey_partition
from stream_app.delivery.aiokafka_clients import restore_consumer
from stream_app.delivery.aiokafka_fetch import Take
from stream_app.delivery.handler import Record
from stream_app.delivery.probe import Point
from stream_app.delivery.reader import SourceReader
from stream_app.delivery.rekey import RekeyCounters, RekeyJob, Routed
from stream_app.delivery.rekey_group import RekeyGroup
from stream_app.delivery.rekey_partition import RekeyPartition
from stream_app.delivery.stable_offsets import stable_offsets
from tests.conftest import Broker
from tests.connected.counter_fleet import read_all
from tests.connected.waiting import until

CreateTopic = Callable[..., Awaitable[str]]
TARGETS = 2


def leave(why: str) -> NoReturn:
    raise AssertionError(why)


class Setting:
    """A source, where its records go, and the job between."""

    def __init__(self, broker: Broker, prefix: str, source: str, target: str, producer: AIOKafkaProducer) -> None:
        self.bootstrap, self.source, self.target, self._producer = broker.bootstrap, source, target, producer
        self.sent = 0
        self.job = RekeyJob(
            name=f"{prefix}-ingest", sources=(source,), route=self.route, heartbeat_seconds=0.05,
            client={"bootstrap_servers": broker.bootstrap}, session_timeout_seconds=6, max_batch_records=100,
            witness=TopicPartition(target, 0),
        )  # fmt: skip

    def route(self, topic: str, partition: int, record: Record) -> Routed:
        if record.value == b"boom":
            raise ValueError("boom")
        origin: list[tuple[str, bytes | None]] = [("origin", f"{partition}-{record.offset}".encode())]
        output = record.key, record.value, origin
        return Routed(self.target, record.offset % TARGETS, output, record.value != b"bad")

    def partition(
        self, number: int = 0, job: RekeyJob | None = None, counters: RekeyCounters | None = None
    ) -> RekeyPartition:
        place = TopicPartition(self.source, number)
        return RekeyPartition(job or self.job, place, counters or RekeyCounters(), leave)

    async def send(self, count: int, number: int = 0, value: bytes = b"good") -> None:
        for _ in range(count):
            await self._producer.send(self.source, value, partition=number)
        await self._producer.flush()
        self.sent += count

    async def knows(self, number: int) -> bool:
        """Whether the producer knows of a partition that was added."""
        await self._producer.client.force_metadata_update()
        return number in await self._producer.partitions_for(self.source)

    async def forwarded(self) -> list[str]:
        rows = await read_all(self.bootstrap, self.target, TARGETS)
        return [dict(row.headers)["origin"].decode() for row in rows]

    async def committed(self, number: int = 0) -> tuple[int, IngestProgress | None]:
        consumer = restore_consumer(self.job.client, self.job.name)
        await consumer.start()
        try:
            place = TopicPartition(self.source, number)
            offset, said = (await stable_offsets(consumer, self.job.name, {self.source: [number]}))[place]
        finally:
            await consumer.stop()
        return offset, msgspec.json.decode(said, type=IngestProgress) if said else None

    async def commit(self, offset: int, number: int = 0) -> None:
        """Set the offset of the group as a person does, with the Kafka tools."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, group_id=self.job.name, enable_auto_commit=False)
        await consumer.start()
        try:
            place = TopicPartition(self.source, number)
            consumer.assign([place])
            await consumer.commit({place: offset})
        finally:
            await consumer.stop()


@pytest.fixture
async def setting(broker: Broker, scratch_prefix: str, create_topic: CreateTopic) -> AsyncIterator[Setting]:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, enable_idempotence=True)
    await producer.start()
    try:
        source, target = await create_topic("web", 3), await create_topic("keyed", TARGETS)
        yield Setting(broker, scratch_prefix, source, target, producer)
    finally:
        await producer.stop()


def stands_at(partition: RekeyPartition, offset: int) -> Callable[[], bool]:
    return lambda: partition.status().position == offset


async def exactly(setting: Setting, partition: RekeyPartition) -> None:
    """Everything sent to partition 0 is forwarded once, in order, and counted."""
    await until(stands_at(partition, setting.sent))
    await partition.close(10)
    origins = await setting.forwarded()
    assert sorted(origins, key=lambda origin: int(origin[2:])) == [f"0-{n}" for n in range(setting.sent)]
    assert [o for o in origins if int(o[2:]) % 2] == [f"0-{n}" for n in range(1, setting.sent, 2)]
    offset, progress = await setting.committed()
    assert offset == setting.sent
    assert progress == IngestProgress(3, 0, rekeyed=setting.sent)


async def test_ingest_reads_its_position_after_the_fence(setting: Setting) -> None:
    """Two owners of one partition fence each other again and again: whoever opens goes on where the other ended."""
    counters = [RekeyCounters(), RekeyCounters()]
    owners = [setting.partition(counters=counted) for counted in counters]

    async def fought() -> bool:
        await setting.send(50)
        return all(counted.fenced >= 2 for counted in counters)

    for owner in owners:
        owner.start()
    await until(fought, seconds=90)
    await owners[1].close(10)
    await exactly(setting, owners[0])


async def test_an_undecided_offset_is_waited_for(setting: Setting, broker: Broker, scratch_prefix: str) -> None:
    place = TopicPartition(setting.source, 0)
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id=scratch_prefix)
    consumer = restore_consumer(setting.job.client, setting.job.name)
    await producer.start()
    await consumer.start()

    async def asked() -> dict[int, tuple[int, str]]:
        shown = await stable_offsets(consumer, setting.job.name, {setting.source: [0, 1]})
        return {found.partition: said for found, said in shown.items()}

    try:
        await setting.commit(1)
        assert await asked() == {0: (1, "")}
        await producer.begin_transaction()
        await producer.send_offsets_to_transaction({place: (7, "beside")}, setting.job.name)
        answer = asyncio.ensure_future(asked())
        assert await consumer.committed(place) == 1  # what aiokafka would have gone on from
        done, _ = await asyncio.wait([answer], timeout=0.5)
        assert not done
        await producer.commit_transaction()
        assert await answer == {0: (7, "beside")}
    finally:
        await consumer.stop()
        await producer.stop()


async def test_ingest_batch_starts_where_the_last_one_ended(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """A take is withheld on the way: the next one does not fit, and all is read again from the committed offset."""
    withheld: list[Take] = []
    take_now = SourceReader.take_now

    def lossy(reader: SourceReader, max_records: int) -> Take | None:
        take = take_now(reader, max_records)
        if take is not None and not withheld:
            withheld.append(take)
            return None
        return take

    monkeypatch.setattr(SourceReader, "take_now", lossy)
    counters = RekeyCounters()
    partition = setting.partition(counters=counters)
    partition.start()
    await setting.send(100)
    await until(lambda: bool(withheld))
    await setting.send(100)
    await exactly(setting, partition)
    assert counters.reopened == 1


async def test_cut_off_in_a_transaction_it_is_decided_by_the_next_owner(setting: Setting) -> None:
    points: tuple[Point, ...] = ("ingest sent", "ingest committing", "ingest committed")
    reached: list[Point] = []

    class Noting:
        def reached(self, partition: int, point: Point) -> None:
            reached.append(point)

    job = replace(setting.job, probe=Noting())
    for point in points * 3:
        partition = setting.partition(job=job)
        partition.start()
        await until(lambda partition=partition: partition.phase == "running")
        reached.clear()
        await setting.send(40)
        await until(lambda point=point: point in reached)
        await partition.close(0.02)  # no time for the batch in flight
        assert partition.status().position is None
    last = setting.partition()
    last.start()
    await exactly(setting, last)


async def test_ingest_never_starts_from_somewhere_else(setting: Setting, admin: AIOKafkaAdminClient) -> None:
    first = setting.partition()
    first.start()
    await setting.send(10)
    await until(stands_at(first, 10))
    await first.close(10)
    await setting.send(10)
    await admin.delete_records({TopicPartition(setting.source, 0): RecordsToDelete(15)})
    behind = setting.partition()
    behind.start()
    await until(lambda: behind.phase == "stopped")
    assert f"{setting.source}-0 lost offsets [10, 15) before they were re-keyed" in behind.why
    assert f"set the offset of group {setting.job.name} to 15" in behind.why
    await behind.close(10)
    assert behind.phase == "stopped"  # a person must act: it is not forgotten by a rebalance's close
    await setting.commit(99)
    ahead = setting.partition()
    ahead.start()
    await until(lambda: ahead.phase == "stopped")
    assert f"{setting.source}-0 ends at 20, but 99 was re-keyed already" in ahead.why
    await ahead.close(10)
    await setting.commit(15)  # as the first sentence says
    mended = setting.partition()
    mended.start()
    await until(stands_at(mended, 20))
    assert mended.status().progress == IngestProgress(3, 15, rekeyed=5)
    await mended.close(10)
    assert sorted(await setting.forwarded()) == sorted(f"0-{n}" for n in [*range(10), *range(15, 20)])


async def test_markers_are_gaps_and_dead_letters_are_counted(
    setting: Setting, broker: Broker, scratch_prefix: str
) -> None:
    await setting.send(5)
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id=scratch_prefix)
    await producer.start()
    try:
        for commit in (False, True):
            await producer.begin_transaction()
            await producer.send_and_wait(setting.source, b"good", partition=0)
            await (producer.commit_transaction() if commit else producer.abort_transaction())
    finally:
        await producer.stop()
    await setting.send(2, value=b"bad")
    partition = setting.partition()
    partition.start()
    await until(stands_at(partition, 11))
    assert partition.status().progress == IngestProgress(3, 0, rekeyed=6, dead_letter=2, gaps=3)
    assert len(await setting.forwarded()) == 8
    await partition.close(10)


async def test_a_quiet_source_that_ends_in_markers_is_forwarded_to_its_end(
    setting: Setting, broker: Broker, admin: AIOKafkaAdminClient, scratch_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rekey_partition, "QUIET_SECONDS", 0.5)
    partition = setting.partition()
    partition.start()
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id=scratch_prefix)
    await producer.start()
    try:
        for _ in range(3):
            async with producer.transaction():
                await producer.send_and_wait(setting.source, b"good", partition=0)
    finally:
        await producer.stop()
    await until(stands_at(partition, 6))
    assert partition.status().progress == IngestProgress(3, 0, rekeyed=3, gaps=3)
    await partition.close(10)
    # what Kafka does to a log that stays quiet
    await admin.delete_records({TopicPartition(setting.source, 0): RecordsToDelete(6)})
    again = setting.partition()
    again.start()
    await setting.send(1)
    await until(stands_at(again, 7))
    await again.close(10)
    assert len(await setting.forwarded()) == 4


async def test_a_bug_in_the_route_stops_its_partition_and_names_the_record(setting: Setting) -> None:
    await setting.send(3)
    await setting.send(1, value=b"boom")
    partition = setting.partition()
    partition.start()
    await until(lambda: partition.phase == "stopped")
    assert partition.why.startswith(f"the route raised ValueError at {setting.source}-0 offset 3")
    await partition.close(10)
    assert await setting.committed() == (0, IngestProgress(3, 0))


async def test_latest_is_about_the_first_start_only(setting: Setting, admin: AIOKafkaAdminClient) -> None:
    """What a partition gets while nobody reads is read, and a partition that is added later is read whole."""
    await setting.send(5)
    latest = replace(setting.job, start="latest")
    first = setting.partition(job=latest)
    first.start()
    await until(lambda: first.phase == "running")
    await first.close(10)
    await setting.send(3)
    again = setting.partition(job=latest)
    again.start()
    await until(stands_at(again, 8))
    await again.close(10)
    await admin.create_partitions({setting.source: NewPartitions(4)})
    await setting.send(4, number=2)
    await until(lambda: setting.knows(3))
    await setting.send(4, number=3)
    for number, start in ((2, 4), (3, 0)):
        added = setting.partition(number, latest)
        added.start()
        await until(stands_at(added, 4))
        progress = added.status().progress
        assert progress is not None and progress.start == start
        await added.close(10)
    assert sorted(await setting.forwarded()) == sorted(["0-5", "0-6", "0-7", *(f"3-{n}" for n in range(4))])


async def test_members_share_the_partitions_and_a_leaver_hands_over(setting: Setting) -> None:
    members = [RekeyGroup(setting.job), RekeyGroup(setting.job)]

    def held() -> list[int]:
        return [sum(status.phase == "running" for status in member.statuses()) for member in members]

    async def all_forwarded() -> bool:
        return len(await setting.forwarded()) >= setting.sent

    try:
        for member in members:
            await member.start()
        await until(lambda: sorted(held()) == [1, 2] and all(member.why_not() is None for member in members))
        for number in range(3):
            await setting.send(20, number)
        await until(all_forwarded)
        await members[1].stop()
        assert members[1].why_not() is not None
        await until(lambda: held() == [3, 0])
        for number in range(3):
            await setting.send(20, number)
        await until(all_forwarded)
    finally:
        for member in members:
            await member.stop()
    assert sorted(await setting.forwarded()) == sorted(f"{p}-{n}" for p in range(3) for n in range(40))


async def test_without_sources_there_is_no_member(setting: Setting) -> None:
    group = RekeyGroup(replace(setting.job, sources=()))
    await group.start()
    assert (group.why_not(), group.statuses()) == (None, [])
    await group.stop()


async def test_a_member_waits_for_a_broker_and_ends_when_told(setting: Setting) -> None:
    group = RekeyGroup(replace(setting.job, client={"bootstrap_servers": "127.0.0.1:1"}))
    await group.start()
    await until(lambda: "KafkaConnectionError" in str(group.why_not()))
    await group.stop()
    assert group.statuses() == []
