"""Offsets of a coordinator that has not read all of its log are not believed (decision 0017)."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_app.delivery import witness
from stream_app.delivery.rekey import RekeyCounters
from stream_app.delivery.stable_offsets import Committed
from tests.conftest import Broker
from tests.connected.counter_bench import Bench
from tests.connected.test_ingest_laws import Setting, exactly, setting, stands_at
from tests.connected.waiting import until

__all__ = ["setting"]  # the fixture

Ask = Callable[[Any, str, Mapping[str, Iterable[int]]], Awaitable[Committed]]


@pytest.fixture
async def bench(broker: Broker, scratch_prefix: str, tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench(broker.bootstrap, scratch_prefix, tmp_path) as bench:
        yield bench


class Behind:
    """A coordinator that shows what it showed when this was made, so many times."""

    def __init__(self, shown: Committed, times: float, ask: Ask) -> None:
        self.shown, self.times, self.ask, self.asked = shown, times, ask, 0

    async def __call__(self, consumer: Any, group: str, places: Mapping[str, Iterable[int]]) -> Committed:
        self.asked += 1
        return dict(self.shown) if self.asked <= self.times else await self.ask(consumer, group, places)


async def shown_now(setting: Setting) -> Committed:
    offset, _ = await setting.committed()
    return {TopicPartition(setting.source, 0): (offset, "")}


async def forward(setting: Setting, count: int) -> None:
    partition = setting.partition()
    partition.start()
    await setting.send(count)
    await until(stands_at(partition, setting.sent))
    await partition.close(10)


async def counted(bench: Bench) -> None:
    """Count 20 more records, and close the partition again."""
    partition = await bench.running()
    await bench.send_many(bench.events, 20)
    await bench.caught_up(partition)
    await bench.end(partition)


def shows_always(monkeypatch: pytest.MonkeyPatch, offset: int) -> None:
    """Have aiokafka read an offset of long ago, whatever is committed."""

    async def long_ago(consumer: Any, place: TopicPartition) -> int:
        await asyncio.sleep(0)
        return offset

    monkeypatch.setattr(AIOKafkaConsumer, "committed", long_ago)


async def test_a_position_is_read_beside_a_write_of_this_moment(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offsets of long ago, and none at all, are asked for again until the witness is seen: nothing is sent twice."""
    await forward(setting, 20)
    long_ago = await shown_now(setting)
    await forward(setting, 20)
    for shown in (long_ago, Committed()):
        behind = Behind(shown, 3, witness.stable_offsets)
        monkeypatch.setattr(witness, "stable_offsets", behind)
        await forward(setting, 20)
        assert behind.asked == 4
    last = setting.partition()
    last.start()
    await exactly(setting, last)


async def test_a_coordinator_that_stays_behind_keeps_ingest_from_going_on(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    await forward(setting, 20)
    monkeypatch.setattr(witness, "TRIES", 2)
    monkeypatch.setattr(witness, "stable_offsets", Behind({}, float("inf"), witness.stable_offsets))
    counters = RekeyCounters()
    partition = setting.partition(counters=counters)
    partition.start()
    await setting.send(10)
    await until(lambda: counters.reopened >= 2)
    assert partition.status().position is None
    assert "does not show what is written to it" in partition.why
    monkeypatch.undo()
    await exactly(setting, partition)


async def test_many_that_open_at_once_write_one_witness(setting: Setting) -> None:
    partitions = [setting.partition(number) for number in range(3)]
    for partition in partitions:
        partition.start()
    await setting.send(20)
    await until(lambda: [partition.status().position for partition in partitions] == [20, 0, 0])
    for partition in partitions[1:]:
        await partition.close(10)
    await exactly(setting, partitions[0])


async def test_the_record_goes_on_where_the_coordinator_is_behind(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What aiokafka reads is of long ago, and so is what is asked for beside the witness: the record is the truth."""
    for _ in range(2):
        await counted(bench)
    monkeypatch.setattr(witness, "TRIES", 2)
    shows_always(monkeypatch, 20)
    monkeypatch.setattr(witness, "stable_offsets", Behind({}, float("inf"), witness.stable_offsets))
    with caplog.at_level(logging.WARNING, "stream_app.delivery"):
        partition = await bench.running()
    assert "does not show what is written to it: going on from the partition record" in caplog.text
    await bench.send_many(bench.events, 20)
    await bench.caught_up(partition)
    monkeypatch.undo()
    await bench.exact()


async def test_the_record_goes_on_once_the_coordinator_has_caught_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await counted(bench)
    shows_always(monkeypatch, 7)
    behind = Behind({TopicPartition(bench.events, 0): (7, "")}, 2, witness.stable_offsets)
    monkeypatch.setattr(witness, "stable_offsets", behind)
    await bench.caught_up(await bench.running())
    assert behind.asked == 3
    monkeypatch.undo()
    await bench.exact()
