"""The partition record is the truth: what agrees goes on, what differs stops and names the repair."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from confluent_kafka.admin import AdminClient

from schemas.journal import JOURNAL_SCHEMA_VERSION, PARTITION_RECORD_KEY, PartitionRecord
from tests.conftest import Broker
from tests.connected.counter_bench import Bench
from tests.connected.waiting import until


@pytest.fixture
async def bench(broker: Broker, scratch_prefix: str, tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench(broker.bootstrap, scratch_prefix, tmp_path) as bench:
        yield bench


async def counted(bench: Bench, records: int = 20) -> None:
    """Count some records and close the partition again."""
    partition = await bench.running()
    await bench.send_many(bench.events, records)
    await bench.caught_up(partition)
    await bench.end(partition)


async def forge(bench: Bench, key: bytes, value: bytes | None) -> None:
    """Write into the changelog as nobody should."""
    producer = AIOKafkaProducer(bootstrap_servers=bench.bootstrap, acks="all")
    await producer.start()
    await producer.send_and_wait(bench.changelog, value, key=key, partition=0)
    await producer.stop()


async def forge_record(bench: Bench, **changes: object) -> PartitionRecord:
    record = msgspec.structs.replace(await bench.record(), **changes)
    await forge(bench, PARTITION_RECORD_KEY, msgspec.json.encode(record))
    return record


async def test_the_partition_record_is_the_truth(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    await counted(bench)
    groups = AdminClient({"bootstrap.servers": bench.bootstrap})
    for future in (await asyncio.to_thread(groups.delete_consumer_groups, [bench.name])).values():
        await asyncio.to_thread(future.result)
    with caplog.at_level(logging.WARNING, "stream_app.delivery"):
        partition = await bench.running()
    assert f"the group's offset of {bench.events} is gone" in caplog.text
    await bench.send_many(bench.events, 20)
    await bench.caught_up(partition)
    await bench.exact()


async def test_an_offset_that_somebody_moved_stops_with_the_repair_named(bench: Bench) -> None:
    await counted(bench)
    place = TopicPartition(bench.events, 0)
    somebody = AIOKafkaConsumer(bootstrap_servers=bench.bootstrap, group_id=bench.name, enable_auto_commit=False)
    await somebody.start()
    try:
        somebody.assign([place])
        await somebody.commit({place: 7})
        partition = bench.start()
        why = await bench.stopped(partition)
        assert f"offset of {bench.events} is 7, the partition record says 20" in why
        assert "set it back to 20 or delete it" in why
        await somebody.commit({place: 20})
    finally:
        await somebody.stop()
    await bench.caught_up(await bench.running())
    await bench.exact()


async def test_state_without_a_partition_record_stops(bench: Bench) -> None:
    await forge(bench, b"nk", b"1")
    why = await bench.stopped(bench.start())
    assert "holds state but no partition record" in why and "restore the changelog topic" in why


async def test_offsets_without_state_stop(bench: Bench, admin: AIOKafkaAdminClient) -> None:
    await counted(bench)
    await admin.delete_topics([bench.changelog])

    async def gone() -> bool:
        return bench.changelog not in await admin.list_topics()

    await until(gone)
    await admin.create_topics([NewTopic(bench.changelog, 1, 1)])
    why = await bench.stopped(bench.start())
    assert "but the changelog is empty" in why


async def test_other_sources_stop(bench: Bench) -> None:
    await counted(bench)
    why = await bench.stopped(bench.start(sources=(bench.fast, bench.journal)))
    assert "state was made from sources" in why and bench.events in why


@pytest.mark.parametrize("which", ["events", "changelog", "journal"])
async def test_another_partition_count_stops(bench: Bench, admin: AIOKafkaAdminClient, which: str) -> None:
    topic = getattr(bench, which)
    await admin.create_partitions({topic: NewPartitions(3)})
    why = await bench.stopped(bench.start())
    assert f"topic {topic} has 3 partitions, the application 1" in why


async def test_a_newer_state_schema_stops(bench: Bench) -> None:
    await counted(bench)
    await forge_record(bench, schema_version=JOURNAL_SCHEMA_VERSION + 1)
    why = await bench.stopped(bench.start())
    assert f"schema version {JOURNAL_SCHEMA_VERSION + 1} is newer" in why and "upgrade this worker" in why


async def test_never_starts_from_somewhere_else(bench: Bench, admin: AIOKafkaAdminClient) -> None:
    await counted(bench)
    await bench.send_many(bench.events, 20)
    await admin.delete_records({TopicPartition(bench.events, 0): RecordsToDelete(before_offset=33)})
    why = await bench.stopped(bench.start())
    assert f"{bench.events}-0 lost offsets [20, 33)" in why and "--from 20 --to 33" in why


async def test_records_lost_while_running_stop_it_with_the_range_named(
    bench: Bench, admin: AIOKafkaAdminClient
) -> None:
    partition = await bench.running(fetch_bytes=1000)
    await bench.send_many(bench.events, 5)
    await bench.caught_up(partition)
    await partition.pause(5)
    await bench.send_many(bench.events, 5000)
    await admin.delete_records({TopicPartition(bench.events, 0): RecordsToDelete(before_offset=5000)})
    partition.start()
    why = await bench.stopped(partition)
    at = (await bench.record()).sources[bench.events]
    assert f"{bench.events}-0 lost offsets [{at}, 5000)" in why


async def test_a_log_that_shrank_stops(bench: Bench) -> None:
    await counted(bench)
    record = await bench.record()
    await forge_record(bench, sources={**record.sources, bench.events: 25})
    place = TopicPartition(bench.events, 0)
    somebody = AIOKafkaConsumer(bootstrap_servers=bench.bootstrap, group_id=bench.name, enable_auto_commit=False)
    await somebody.start()
    somebody.assign([place])
    await somebody.commit({place: 25})
    await somebody.stop()
    why = await bench.stopped(bench.start())
    assert f"{bench.events}-0 ends at 20, but 25 was read already" in why and "the log shrank" in why


async def test_restore_reads_to_the_end_position(bench: Bench) -> None:
    await counted(bench, 3)
    partition = await bench.running()
    await bench.send_many(bench.events, 3)
    await bench.caught_up(partition)
    await bench.end(partition)  # the changelog now ends in a commit marker
    reopened = await bench.running()
    store = reopened.committed()
    assert store is not None
    assert [store.get(b"nk%d" % i) for i in range(3)] == [b"2"] * 3
    assert reopened.status().restored_records >= 7
