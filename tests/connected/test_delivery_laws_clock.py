"""Batches without input records: what is due acts once and in order, a sweep meets each contact once."""

import asyncio
import collections
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka.protocol.fetch import FetchRequest

from stream_app.delivery.opening import now_ms
from stream_app.delivery.partition import Partition
from stream_app.delivery.reader import SourceReader
from tests.conftest import Broker
from tests.connected import counter_fleet as fleet_of
from tests.connected.counter_bench import Bench, Phases
from tests.connected.waiting import until


@pytest.fixture
async def bench(broker: Broker, scratch_prefix: str, tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench(broker.bootstrap, scratch_prefix, tmp_path) as bench:
        yield bench


async def ids(bench: Bench, value: bytes) -> list[bytes]:
    """The ids of all outputs of a kind, in the order of the log."""
    rows = await fleet_of.read_all(bench.bootstrap, bench.counted, 1)
    return [dict(row.headers)["id"] for row in rows if row.value == value]


async def no_dues_left(bench: Bench) -> None:
    async def none() -> bool:
        state = {row.key: row.value for row in await fleet_of.read_all(bench.bootstrap, bench.changelog, 1)}
        return all(value is None for key, value in state.items() if key[:1] == b"d")

    await until(none, 120)


@pytest.mark.parametrize("limit", [3, 500])
async def test_due_times_act_once_in_order_also_across_a_restart(bench: Bench, limit: int) -> None:
    for i in range(40):
        await bench.producer.send(bench.events, b"due:100", key=b"k%d" % (i % 7))
    await bench.producer.flush()
    bench.sent = 40
    partition = await bench.running(tick_contacts=limit)
    await until(lambda: partition.status().seq >= 1)
    await bench.end(partition)
    partition = await bench.running(tick_contacts=limit)
    await bench.caught_up(partition)
    await no_dues_left(bench)
    await bench.exact()
    ticks = await ids(bench, b"tick")
    assert ticks == sorted(ticks)
    kinds = [entry.kind for entry in (await fleet_of.journals(bench.bootstrap, bench.name, 1))[0]]
    assert set(kinds) <= {"records", "clock"}


async def test_a_tick_whose_commit_failed_acts_once(bench: Bench) -> None:
    def fail_once_all_is_read() -> None:
        if bench.done(partition) == 10:
            raise OSError("the connection broke")

    phases = Phases()
    partition = await bench.running(probe=phases, tick_contacts=2)
    phases.act["committed"] = fail_once_all_is_read
    await bench.send(bench.events, *[b"due:100"] * 10)
    await until(lambda: partition._counters.reopened > 0)
    phases.act.clear()
    await no_dues_left(bench)
    await bench.exact()


async def swept(bench: Bench, version: int) -> "collections.Counter[bytes]":
    """How often each contact was swept for a version."""
    head = b"sweep-%d-n" % version
    told = [i for i in await ids(bench, b"swept") if i.startswith(head)]
    return collections.Counter(i[len(head) :].split(b"=")[0] for i in told)


async def contacts(bench: Bench, count: int) -> set[bytes]:
    await bench.send_many(bench.events, count, keys=count)
    partition = await bench.running()
    await bench.caught_up(partition)
    await bench.end(partition)
    return {b"k%d" % i for i in range(count)}


async def test_a_sweep_meets_each_contact_once_though_ended_in_the_middle(bench: Bench) -> None:
    names = await contacts(bench, 100)
    phases = Phases()
    partition = await bench.running(probe=phases, tick_contacts=10)
    left = [4]

    def end_in_the_middle() -> None:
        left[0] -= 1
        if left[0] == 0:
            raise OSError("killed")

    phases.act["committed"] = end_in_the_middle
    bench.handler.rulebook = 1
    await until(lambda: partition._counters.reopened == 1)
    await bench.end(partition)
    record = await bench.record()
    assert record.sweep is not None and record.sweep.version == 1
    partition = await bench.running(tick_contacts=10)
    await until(lambda: partition._batches is not None and partition._batches.record.sweep is None)
    assert await swept(bench, 1) == collections.Counter(names)
    entries = (await fleet_of.journals(bench.bootstrap, bench.name, 1))[0]
    parts = [entry.sweep for entry in entries if entry.sweep is not None]
    assert [part.from_key for part in parts] == ["", *(part.to_key for part in parts[:-1])]
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    await bench.exact()


async def test_a_sweep_overtaken_by_a_newer_version_starts_again(bench: Bench) -> None:
    names = await contacts(bench, 60)
    phases = Phases()
    partition = await bench.running(probe=phases, tick_contacts=10)
    left = [3]

    def publish_again() -> None:
        left[0] -= 1
        if left[0] == 0:
            bench.handler.rulebook = 2

    phases.act["committed"] = publish_again
    bench.handler.rulebook = 1
    await until(lambda: partition.status().version == 2)
    await until(lambda: partition._batches is not None and partition._batches.record.sweep is None)
    assert await swept(bench, 2) == collections.Counter(names)
    assert max((await swept(bench, 1)).values()) == 1
    await bench.exact()


async def one_after_another(bench: Bench, partition: Partition, count: int) -> None:
    """Send records of which each waits until the one before is counted."""
    for _ in range(count):
        await bench.send(bench.fast, b"x", key=b"a")
        await until(lambda: bench.done(partition) == bench.sent)


async def test_input_goes_on_during_a_sweep(bench: Bench) -> None:
    await contacts(bench, 400)
    partition = await bench.running(tick_contacts=1)
    bench.handler.rulebook = 1
    await until(lambda: partition.status().version == 1)
    await one_after_another(bench, partition, 3)
    assert partition._batches is not None and partition._batches.record.sweep is not None
    await until(lambda: partition._batches is not None and partition._batches.record.sweep is None, 120)
    assert set((await swept(bench, 1)).values()) == {1}
    await bench.exact()


async def test_input_goes_on_while_many_are_due(bench: Bench) -> None:
    for i in range(400):
        await bench.producer.send(bench.events, b"due:100", key=b"k%d" % i)
    await bench.producer.flush()
    bench.sent = 400
    partition = await bench.running(tick_contacts=1)
    await until(lambda: bench.done(partition) == bench.sent)
    await one_after_another(bench, partition, 3)
    store = partition.committed()
    assert store is not None and bench.handler.next_due(store) is not None
    await no_dues_left(bench)
    await bench.exact()


async def test_an_older_rulebook_waits_for_the_one_of_the_record(bench: Bench) -> None:
    bench.handler.rulebook = 5
    await contacts(bench, 5)
    bench.handler.rulebook = 4
    partition = bench.start()
    await until(lambda: partition.why == "waits for rulebook 5, knows 4")
    assert partition.committed() is None
    bench.handler.rulebook = 5
    await bench.caught_up(partition)


async def test_a_record_from_the_future_does_not_move_the_clock_beyond_wall_time(bench: Bench) -> None:
    partition = await bench.running()
    future = now_ms() + 50 * 60_000
    await bench.producer.send_and_wait(bench.events, b"x", key=b"k", timestamp_ms=future)
    bench.sent = 1
    await bench.caught_up(partition)
    assert (await bench.record()).clock <= now_ms() < future
    await bench.send(bench.events, b"x")
    await bench.caught_up(partition)
    assert (await bench.record()).clock <= now_ms()
    await bench.exact()


async def test_the_journal_says_the_wall_time_while_a_source_holds_the_clock(bench: Bench) -> None:
    """Decision 0015: what comes while another source lags is no older than it is, also when it is replayed."""
    before = now_ms()
    await bench.send(bench.events, b"x")
    await bench.send(bench.fast, b"x")
    partition = await bench.running()
    await bench.caught_up(partition)
    await bench.exact()
    entries = [e for e in (await fleet_of.journals(bench.bootstrap, bench.name, 1))[0] if e.kind == "records"]
    held, free = entries[0], entries[-1]
    assert held.ceiling == 0 and held.wall is not None and before <= held.wall <= now_ms()
    assert free.ceiling is not None and before <= free.ceiling <= (free.wall or free.ceiling) <= now_ms()


async def test_the_clock_never_goes_back_across_owners(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = await bench.running()
    later = now_ms() + 50 * 60_000
    monkeypatch.setattr("stream_app.delivery.batches.now_ms", lambda: later)  # this owner's clock is ahead
    monkeypatch.setattr(SourceReader, "read_to_end_at", lambda reader, topic: later)
    await bench.producer.send_and_wait(bench.events, b"x", key=b"k", timestamp_ms=later)
    bench.sent = 1
    await bench.caught_up(ahead)
    await bench.end(ahead)
    assert (await bench.record()).clock == later
    monkeypatch.undo()
    behind = await bench.running()
    await bench.send(bench.events, b"due:100")
    await bench.send(bench.fast, b"x")
    await bench.caught_up(behind)
    await no_dues_left(bench)
    clocks = [entry.clock for entry in (await fleet_of.journals(bench.bootstrap, bench.name, 1))[0]]
    assert clocks == sorted(clocks) and clocks[-1] >= later
    await bench.exact()


class Between:
    """Between a reader and its broker: keeps the first answer with records, and every question after it, on demand."""

    def __init__(self, partition: Partition) -> None:
        client: Any = partition._reader._consumer._client
        self._send, client.send = client.send, self
        self.passed, self.keeping, self.kept = 0, False, False
        self.release, self.go_on = asyncio.Event(), asyncio.Event()

    async def __call__(self, node: Any, request: Any, **more: Any) -> Any:
        if not isinstance(request, FetchRequest):
            return await self._send(node, request, **more)
        if self.kept:
            await self.go_on.wait()
        answer = await self._send(node, request, **more)
        self.passed += 1
        if self.keeping and not self.kept and any(part[-1] for _, parts in answer.topics for part in parts):
            self.kept = True
            await self.release.wait()
        return answer


async def test_a_source_is_read_to_its_end_as_of_when_it_was_asked(bench: Bench) -> None:
    """While a loop is held, or a process stopped, more may come than the answer that it finds can tell of."""
    partition = await bench.running()
    between = Between(partition)
    await until(lambda: between.passed > 0)
    between.keeping = True
    await bench.send(bench.fast, b"x")
    await until(lambda: between.kept)
    unread = now_ms()
    await bench.producer.send_and_wait(bench.events, b"x", key=b"k", timestamp_ms=unread)
    await until(lambda: now_ms() > unread)
    between.release.set()
    await until(lambda: bench.done(partition) == 1)
    assert (await bench.record()).clock <= unread
    between.go_on.set()
    bench.sent += 1
    await bench.caught_up(partition)
    await bench.exact()


async def test_a_due_time_acts_while_nothing_else_comes(bench: Bench) -> None:
    await bench.send(bench.events, b"due:1500")
    partition = await bench.running()
    await bench.caught_up(partition)
    assert await ids(bench, b"tick") == []
    async with asyncio.timeout(10):
        await no_dues_left(bench)
    assert len(await ids(bench, b"tick")) == 1
