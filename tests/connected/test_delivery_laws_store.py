"""The local store: a valid base after any end, recognised as foreign, old or ahead, and never stale when shown."""

import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from schemas.journal import PARTITION_RECORD_KEY
from stream_app.delivery import DeliveryCounters
from stream_app.delivery.opening import STORE_MAX_AGE_MS
from stream_app.delivery.partition import Partition
from stream_app.delivery.rocks import CHECKPOINT_KEY, RocksStore
from stream_app.delivery.stores import Checkpoint
from tests.conftest import Broker
from tests.connected.counter_bench import Bench, Phases, leave
from tests.connected.waiting import until


@pytest.fixture
async def bench(broker: Broker, scratch_prefix: str, tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench(broker.bootstrap, scratch_prefix, tmp_path) as bench:
        yield bench


async def counted(bench: Bench, records: int = 300) -> None:
    """Count records on the local store and close it."""
    partition = await bench.running(store=bench.rocks)
    await bench.send_many(bench.events, records, keys=100)
    await bench.caught_up(partition)
    await bench.end(partition)


async def reopened(bench: Bench) -> int:
    """Open on the local store, count some more, and return how many changelog records the open read."""
    partition = await bench.running(store=bench.rocks)
    restored = partition.status().restored_records
    await bench.send_many(bench.events, 20)
    await bench.caught_up(partition)
    await bench.exact()
    await bench.end(partition)
    return restored


def kept(bench: Bench, key: bytes) -> bytes | None:
    """Return what the closed local store holds."""
    store = bench.rocks()
    try:
        return store.get(key)
    finally:
        store.close()


async def test_a_reopened_store_restores_only_the_tail(bench: Bench) -> None:
    await counted(bench)
    assert await reopened(bench) == 1  # the partition record itself
    elsewhere = await bench.running()
    await bench.send_many(bench.events, 50, keys=5)
    await bench.caught_up(elsewhere)
    await bench.end(elsewhere)
    assert 1 < await reopened(bench) < 60


async def test_a_store_that_missed_the_last_merge_restores_it(bench: Bench) -> None:
    await counted(bench)

    def die() -> None:
        raise OSError("killed between commit and merge")

    phases = Phases()
    partition = await bench.running(store=bench.rocks, probe=phases)
    phases.act["merging"] = die
    await bench.send(bench.events, b"x")
    await until(lambda: partition._counters.reopened > 0)
    phases.act.clear()
    await bench.caught_up(partition)
    await bench.end(partition)
    assert await reopened(bench) == 1


async def test_a_store_beyond_the_end_of_the_changelog_is_wiped(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    await counted(bench)
    store = bench.rocks()
    store.load([(b"nfalse", b"1")], Checkpoint(10_000_000, time.time_ns() // 1_000_000))
    store.close()
    with caplog.at_level(logging.WARNING, "stream_app.delivery"):
        assert await reopened(bench) > 100
    assert "stands for offset 10000000, the changelog ends at" in caplog.text and "wiped" in caplog.text
    assert kept(bench, b"nfalse") is None


async def test_a_store_of_another_changelog_is_wiped(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    await counted(bench)
    store = bench.rocks()
    record, checkpoint = store.get(PARTITION_RECORD_KEY), store.checkpoint()
    assert record is not None and checkpoint is not None
    own = (await bench.record()).store_id.encode()
    foreign = record.replace(own, b"0" * len(own))
    store.load([(PARTITION_RECORD_KEY, foreign), (b"nfalse", b"1")], checkpoint)
    store.close()
    with caplog.at_level(logging.WARNING, "stream_app.delivery"):
        assert await reopened(bench) > 100
    assert "of another changelog: wiped" in caplog.text
    assert kept(bench, b"nfalse") is None


async def test_a_store_older_than_tombstones_is_wiped(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    await counted(bench)
    store = bench.rocks()
    checkpoint = store.checkpoint()
    assert checkpoint is not None
    store.load([], Checkpoint(checkpoint.offset, checkpoint.at - STORE_MAX_AGE_MS - 1))
    store.close()
    with caplog.at_level(logging.WARNING, "stream_app.delivery"):
        assert await reopened(bench) > 100
    assert "older than tombstones are kept: wiped" in caplog.text


async def test_a_store_is_released_at_close_and_at_a_cut(bench: Bench) -> None:
    await counted(bench)
    partition = bench.partition(store=bench.rocks)
    for _ in range(5):
        partition.start()
        await until(lambda: partition._store is not None)
        await partition.pause(5)  # cut while it restores
        bench.rocks().close()  # raises while somebody holds its lock


async def test_state_kept_over_a_pause_is_current(bench: Bench) -> None:
    """A zombie paused while another owner committed does not show its old state once it is started again."""
    zombie = await bench.running()
    await bench.send(bench.events, b"x")
    await bench.caught_up(zombie)
    await zombie.pause(5)
    other = await bench.running()
    await bench.send(bench.events, b"x")
    await bench.caught_up(other)
    await bench.end(other)
    shown: set[bytes | None] = set()

    def look() -> bool:
        store = zombie.committed()
        if store is not None:
            shown.add(store.get(b"nk"))
        return store is not None

    zombie.start()
    look()
    await until(look)
    assert shown == {b"2"}
    await bench.send(bench.events, b"x")
    await bench.caught_up(zombie)
    await bench.exact()


@pytest.mark.parametrize("busy", [True, False])
async def test_a_kept_partition_goes_on_without_restoring(bench: Bench, busy: bool) -> None:
    phases = Phases()
    partition = await bench.running(probe=phases)
    for _ in range(3):
        await bench.send_many(bench.events, 500 if busy else 1)
        if not busy:
            await bench.caught_up(partition)
        await partition.pause(5)
        partition.start()
    await bench.caught_up(partition)
    assert phases.seen.count("restoring") == 1
    await bench.exact()


async def test_a_changelog_made_again_under_a_kept_partition_is_judged(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("stream_app.delivery.partition.MARKER_SECONDS", 0.5)
    partition = await bench.running()
    await bench.send_many(bench.events, 20)
    await bench.caught_up(partition)
    await partition.pause(5)
    admin = AIOKafkaAdminClient(bootstrap_servers=bench.bootstrap)
    await admin.start()

    async def made_again() -> bool:
        response: Any = await admin.create_topics([NewTopic(bench.changelog, 1, 1)])
        return all(code == 0 for _, code, *_ in response.topic_errors)

    try:
        await admin.delete_topics([bench.changelog])
        await until(made_again)
    finally:
        await admin.close()
    partition.start()
    assert "but the changelog is empty" in await bench.stopped(partition)
    assert "its changelog ends at 0, not at" in caplog.text


def test_a_batch_and_its_checkpoint_are_one_write(tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "store")
    store.apply({b"a": b"1", b"b": b"2"}, Checkpoint(7, 1))
    store.apply({b"a": None}, Checkpoint(9, 2))
    store.close()
    store = RocksStore(tmp_path / "store")
    assert store.checkpoint() == Checkpoint(9, 2)
    assert list(store.scan(b"")) == [(b"b", b"2")]
    assert store.get(CHECKPOINT_KEY) == b"9 2"
    with pytest.raises(ValueError, match="bytes"):
        store.apply({b"c": b"3", b"d": 4}, Checkpoint(11, 3))  # pyright: ignore[reportArgumentType] fails half way
    assert store.checkpoint() == Checkpoint(9, 2) and store.get(b"c") is None
    store.close()


async def test_a_partition_that_never_ran_has_nothing_to_show(bench: Bench) -> None:
    partition = Partition(bench.job(), 0, DeliveryCounters(), leave)
    await partition.pause(1)
    await partition.close()
    assert partition.committed() is None and partition.status().phase == "idle"
