"""`partition skip`: what cannot be read is passed over by order of a person, counted, and in the journal."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from stream_app.delivery.errors import PartitionStopped
from stream_app.delivery.repair import skip
from tests.conftest import Broker
from tests.connected import counter_fleet as fleet_of
from tests.connected.counter_bench import Bench


@pytest.fixture
async def bench(broker: Broker, scratch_prefix: str, tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench(broker.bootstrap, scratch_prefix, tmp_path) as bench:
        yield bench


async def test_a_skipped_range_is_counted_journaled_and_never_applied(
    bench: Bench, broker: Broker, admin: AIOKafkaAdminClient
) -> None:
    partition = await bench.running()
    await bench.send_many(bench.events, 20)
    await bench.caught_up(partition)
    await bench.end(partition)
    await bench.send_many(bench.events, 30)
    await admin.delete_records({TopicPartition(bench.events, 0): RecordsToDelete(before_offset=33)})
    assert "--from 20 --to 33" in await bench.stopped(bench.start())

    with pytest.raises(PartitionStopped, match="stands at 20"):
        await skip(bench.job(), 0, bench.events, 21, 33)
    planned = await skip(bench.job(), 0, bench.events, 20, 33, dry_run=True)
    assert (await bench.record()).seq == planned.seq - 1
    done = await skip(bench.job(), 0, bench.events, 20, 33)
    assert (done.skipped, done.counters[bench.events].gaps) == (13, 13)

    partition = await bench.running()
    bench.sent -= 13
    await bench.caught_up(partition)
    record = await bench.record()
    counter = record.counters[bench.events]
    assert record.sources[bench.events] - counter.start == counter.applied + counter.gaps == 50
    entries = (await fleet_of.journals(broker.bootstrap, bench.name, 1))[0]
    assert [(e.inputs[0].from_, e.inputs[0].to) for e in entries if e.kind == "skip"] == [(20, 33)]
    assert [e.seq for e in entries] == list(range(1, len(entries) + 1))


async def test_only_what_is_there_is_skipped(bench: Bench) -> None:
    """A skip beyond the end was committed, and the partition could neither start nor go back."""
    partition = await bench.running()
    await bench.send_many(bench.events, 20)
    await bench.caught_up(partition)
    await bench.end(partition)
    await bench.send_many(bench.events, 5)
    before = await bench.record()
    for dry_run in (True, False):
        with pytest.raises(PartitionStopped, match=r"ends at 25: .* to 26 would never be applied; skip to 25 at most"):
            await skip(bench.job(), 0, bench.events, 20, 26, dry_run=dry_run)
    assert await bench.record() == before
    assert (await skip(bench.job(), 0, bench.events, 20, 25)).skipped == 5
    await bench.send_many(bench.events, 5)
    bench.sent -= 5
    await bench.caught_up(await bench.running())
