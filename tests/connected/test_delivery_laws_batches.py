"""Laws of a batch: where it starts, what is seen of it and when, whatever its size."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from stream_app.delivery import partition as partition_module
from stream_app.delivery.aiokafka_fetch import Take
from stream_app.delivery.reader import SourceReader
from tests.conftest import Broker
from tests.connected import counter_fleet as fleet_of
from tests.connected.counter_bench import Bench, Phases
from tests.connected.waiting import until


@pytest.fixture
async def bench(broker: Broker, scratch_prefix: str, tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench(broker.bootstrap, scratch_prefix, tmp_path) as bench:
        yield bench


class SkippingReader(SourceReader):
    """Loses its third take, once in this process."""

    takes = 0

    def take_now(self, max_records: int) -> Take | None:
        take = super().take_now(max_records)
        if take is not None:
            SkippingReader.takes += 1
            if SkippingReader.takes == 3:
                return super().take_now(max_records)
        return take


async def test_batch_starts_where_the_last_one_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_module, "SourceReader", SkippingReader)
    await bench.send(bench.events, *[b"x"] * 12)
    counters = (partition := bench.start(max_batch_records=1))._counters
    await bench.caught_up(partition)
    assert counters.chain_breaks == 1
    await bench.exact()


async def refuse_outputs(bench: Bench, limit: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bench.bootstrap)
    await admin.start()
    try:
        resource = ConfigResource(ConfigResourceType.TOPIC, bench.counted, {"max.message.bytes": str(limit)})
        await admin.alter_configs([resource])
    finally:
        await admin.close()


async def test_every_send_is_awaited_before_commit(bench: Bench) -> None:
    partition = await bench.running()
    await bench.send_many(bench.events, 20)
    await bench.caught_up(partition)
    seen = await bench.outputs()
    await refuse_outputs(bench, 100)
    await bench.send_many(bench.events, 20)
    assert (await bench.stopped(partition)).startswith("an output is larger than its topic takes: MessageSizeTooLarge")
    assert await bench.outputs() == seen
    assert (await bench.record()).sources[bench.events] == 20
    await refuse_outputs(bench, 1_000_000)
    await bench.end(partition)
    await bench.caught_up(await bench.running(), seconds=60)
    await bench.exact()


async def test_nothing_is_applied_or_shown_before_fence_and_restore_have_ended(bench: Bench) -> None:
    await bench.send_many(bench.events, 50)
    first = await bench.running()
    await bench.caught_up(first)
    await bench.end(first)
    await bench.send_many(bench.events, 50)
    phases = Phases()
    partition = bench.partition(probe=phases)
    shown: list[object] = []
    for point in ("opening", "fenced", "restoring", "loaded"):
        phases.act[point] = lambda: shown.append(partition.committed())
    partition.start()
    assert partition.committed() is None
    await bench.caught_up(partition)
    assert shown == [None] * 4
    assert phases.seen[:5] == ["opening", "fenced", "restoring", "loaded", "applying"]
    await bench.exact()


@pytest.mark.parametrize("point", ["applying", "sending", "sent", "committing", "committed", "merging"])
async def test_merged_only_after_commit(bench: Bench, point: str) -> None:
    await bench.send(bench.events, b"x")
    phases = Phases()
    partition = await bench.running(probe=phases)
    await bench.caught_up(partition)
    shown: list[tuple[bytes | None, int]] = []

    def look() -> None:
        store = partition.committed()
        assert store is not None
        shown.append((store.get(b"nk"), partition.status().seq))

    phases.act[point] = look  # pyright: ignore[reportArgumentType] a Point, by the list above
    await bench.send(bench.events, b"x")
    await bench.caught_up(partition)
    del phases.act[point]  # pyright: ignore[reportArgumentType] as above
    assert (b"1", 1) in shown
    assert set(shown) <= {(b"1", 1), (b"2", 2)} if point == "applying" else set(shown) == {(b"1", 1)}


async def test_one_batch_in_flight(bench: Bench) -> None:
    phases = Phases()
    partition = bench.partition(max_batch_records=1, probe=phases)
    await bench.send(bench.events, *[b"x"] * 10)
    await bench.send(bench.fast, *[b"x"] * 10)
    partition.start()
    await bench.caught_up(partition)
    order = [point for point in phases.seen if point in ("sending", "committing", "merging")]
    assert order == ["sending", "committing", "merging"] * (len(order) // 3)


async def test_batches_of_one_and_of_4000_give_the_same_outputs(
    broker: Broker, scratch_prefix: str, tmp_path: Path
) -> None:
    told: list[list[tuple[bytes | None, bytes | None]]] = []
    for size in (1, 4000):
        async with Bench(broker.bootstrap, f"{scratch_prefix}{size}", tmp_path / str(size)) as bench:
            await bench.send(bench.events, *[b"x", b"bad"] * 30)
            await bench.send_many(bench.events, 300)
            partition = bench.start(max_batch_records=size)
            await bench.caught_up(partition)
            await bench.exact()
            told.append(await bench.outputs())
    assert told[0] == told[1]
    assert len(told[0]) == 330


@pytest.mark.parametrize("fetch_bytes", [10_000, 1 << 20])  # many pages, and all of it in one
async def test_a_backlog_of_one_source_does_not_hold_up_another(bench: Bench, fetch_bytes: int) -> None:
    await bench.send_many(bench.events, 20_000)
    partition = bench.start(max_batch_records=100, fetch_bytes=fetch_bytes)
    await until(lambda: bench.done(partition) > 200)
    await bench.send(bench.fast, b"x")
    await until(lambda: partition.status().sources[bench.fast] == 1)
    assert bench.done(partition) < bench.sent


async def test_a_source_with_records_waits_for_at_most_one_batch_of_another(bench: Bench) -> None:
    for _ in range(5):
        await bench.send(bench.events, b"x")
        await bench.send(bench.fast, b"x")
    partition = bench.partition(max_batch_records=1)
    partition.start()
    await bench.caught_up(partition)
    entries = (await fleet_of.journals(bench.bootstrap, bench.name, 1))[0]
    topics = [part.topic for entry in entries for part in entry.inputs]
    assert [set(pair) for pair in zip(topics[::2], topics[1::2], strict=True)] == [{bench.fast, bench.events}] * 5
