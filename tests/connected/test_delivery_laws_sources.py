"""Sources as Kafka has them: with transactions that aborted, markers, and holes left by compaction."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from stream_app.delivery import batches
from tests.conftest import Broker
from tests.connected import counter_fleet as fleet_of
from tests.connected.counter_bench import Bench
from tests.connected.waiting import until


@pytest.fixture
async def bench(broker: Broker, scratch_prefix: str, tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench(broker.bootstrap, scratch_prefix, tmp_path) as bench:
        yield bench


async def write_transactions(bench: Bench, count: int, size: int, writer: str) -> None:
    """Write transactions of ``size`` records to events; every second one is aborted."""
    producer = AIOKafkaProducer(bootstrap_servers=bench.bootstrap, transactional_id=f"{bench.name}-{writer}")
    await producer.start()
    try:
        for i in range(count):
            await producer.begin_transaction()
            value = b"boom" if i % 2 else b"x"  # an aborted record that is applied stops the partition
            sends = [await producer.send(bench.events, value, key=b"k", partition=0) for _ in range(size)]
            await asyncio.gather(*sends)
            if i % 2:
                await producer.abort_transaction()
            else:
                await producer.commit_transaction()
                bench.sent += size
    finally:
        await producer.stop()


@pytest.mark.parametrize("max_batch_records", [1, 4000])
async def test_aborted_records_are_never_applied_and_markers_are_gaps(bench: Bench, max_batch_records: int) -> None:
    await bench.send(bench.events, b"x", b"bad")
    await write_transactions(bench, 8, 5, "before")
    partition = await bench.running(max_batch_records=max_batch_records)
    await asyncio.gather(
        write_transactions(bench, 6, 3, "one"), write_transactions(bench, 6, 3, "two"), bench.send(bench.fast, b"x")
    )
    await fleet_of.settled(bench.bootstrap, [bench.events], 1)  # so that the last marker lies before the last record
    await bench.send(bench.events, b"x")
    await bench.caught_up(partition)
    assert not partition.stopped
    await bench.exact()
    counter = (await bench.record()).counters[bench.events]
    # 20 transactions: a marker each, and the records of the aborted half
    assert counter.gaps == 20 + 4 * 5 + 3 * 3 + 3 * 3
    await bench.end(partition)
    reopened = await bench.running()
    await bench.send(bench.events, b"x")
    await bench.caught_up(reopened)
    await bench.exact()


async def test_an_open_transaction_is_waited_for_in_order(bench: Bench) -> None:
    partition = await bench.running()
    producer = AIOKafkaProducer(bootstrap_servers=bench.bootstrap, transactional_id=f"{bench.name}-slow")
    await producer.start()
    await producer.begin_transaction()
    await producer.send_and_wait(bench.events, b"x", key=b"k", partition=0)
    await bench.send(bench.events, b"x")
    await bench.send(bench.fast, b"x", key=b"other")
    await until(lambda: bench.done(partition) == 1)
    assert partition.status().sources[bench.events] == 0
    await producer.commit_transaction()
    bench.sent += 1
    await producer.stop()
    await bench.caught_up(partition)
    await bench.exact()


async def test_holes_of_a_compacted_source_are_gaps(bench: Bench, admin: AIOKafkaAdminClient) -> None:
    compacted = f"{bench.name}.compacted"
    eager = {
        "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.001", "segment.ms": "100",
        "max.compaction.lag.ms": "100", "min.compaction.lag.ms": "0",
    }  # fmt: skip
    await admin.create_topics([NewTopic(compacted, 1, 1, topic_configs=eager)])
    for i in range(60):
        await bench.send(compacted, b"%d" % i, key=b"k%d" % (i % 3))

    async def has_holes() -> bool:
        await bench.send(compacted, b"roll", key=b"roll")  # a new segment, so that the old ones may be cleaned
        rows = await fleet_of.read_all(bench.bootstrap, compacted, 1)
        return rows[-1].offset + 1 > len(rows) + 30

    await until(has_holes, seconds=60)
    partition = await bench.running(sources=(bench.fast, compacted))
    await bench.send(compacted, b"last", key=b"last")
    store = None

    def last_is_there() -> bool:
        nonlocal store
        store = partition.committed()
        return store is not None and store.get(b"nlast") == b"1"

    await until(last_is_there)
    counter = (record := await bench.record()).counters[compacted]
    assert counter.gaps >= 30
    assert record.sources[compacted] - counter.start == counter.applied + counter.dead_letter + counter.gaps


async def test_a_quiet_source_that_ends_in_markers_is_read_to_its_end(
    bench: Bench, admin: AIOKafkaAdminClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka deletes a log that stays quiet whole, its markers too, and begins it anew behind them."""
    monkeypatch.setattr(batches, "QUIET_SECONDS", 0.5)
    partition = await bench.running()
    await write_transactions(bench, 4, 5, "last")
    end = 4 * (5 + 1)
    await until(lambda: partition.status().sources[bench.events] == end)
    last = partition.status().seq
    await asyncio.sleep(1.5)
    assert partition.status().seq == last  # once, not for ever
    await bench.end(partition)
    await bench.exact()
    assert (await bench.record()).counters[bench.events].gaps == 4 + 2 * 5
    await admin.delete_records({TopicPartition(bench.events, 0): RecordsToDelete(before_offset=end)})
    reopened = await bench.running()
    await bench.send(bench.events, b"x")
    await bench.caught_up(reopened)
