"""One owner, one task: cancels, zombies, fences, bugs and dead brokers leave every record counted once."""

import asyncio
import gc
from collections.abc import AsyncIterator, Coroutine, Generator
from pathlib import Path
from typing import Any

import pytest

from stream_app.delivery.partition import FENCES_PER_MINUTE, Partition
from tests.conftest import Broker
from tests.connected.counter_bench import Bench, Left, Phases
from tests.connected.waiting import until

AWAITS = 72  # about 30 to open, 3 a batch


@pytest.fixture
async def bench(broker: Broker, scratch_prefix: str, tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench(broker.bootstrap, scratch_prefix, tmp_path) as bench:
        yield bench


class CutAt:
    """Runs a coroutine and cancels its task at its nth await."""

    def __init__(self, inner: Coroutine[Any, Any, None], cut: "CutPartition") -> None:
        self._inner, self._cut = inner, cut

    def __await__(self) -> Generator[Any, Any, None]:
        steps = self._inner.__await__()
        task = asyncio.current_task()
        assert task is not None
        step: Any = steps.send
        value: Any = None
        while True:
            try:
                waiting = step(value)
            except StopIteration:
                return
            self._cut.awaits += 1
            if self._cut.awaits == self._cut.nth:
                self._cut.end_now(task)
            try:
                step, value = steps.send, (yield waiting)
            except BaseException as error:
                step, value = steps.throw, error


class CutPartition(Partition):
    """A partition whose task is cancelled at its nth await, as `pause` does."""

    nth = 0
    awaits = 0

    def end_now(self, task: "asyncio.Task[Any]") -> None:
        self._stopping = True
        asyncio.get_running_loop().call_soon(task.cancel)

    def handler_is_idle(self) -> bool:
        """Whether nothing is due any more."""
        store = self.committed()
        return store is not None and self._job.handler.next_due(store) is None

    async def _run(self) -> None:
        await CutAt(super()._run(), self)


# aiokafka 0.14 drops a connection whose connect() is cancelled; it is closed when it is collected, with a warning
dropped_connections = pytest.mark.filterwarnings(
    "ignore:Unclosed AIOKafkaConnection:ResourceWarning", "ignore:unclosed <StreamWriter:ResourceWarning"
)


@pytest.mark.slow
@dropped_connections
async def test_one_task_per_partition(bench: Bench) -> None:
    partition = bench.partition(kind=CutPartition, store=bench.rocks, max_batch_records=1)
    assert isinstance(partition, CutPartition)
    for nth in range(1, AWAITS):
        partition.nth, partition.awaits = nth, 0
        await bench.send(bench.events, b"due:100", *[b"x"] * 7)
        await bench.send(bench.fast, b"x")
        partition.start()
        partition.start()
        (task,) = [task for task in asyncio.all_tasks() if task.get_name() == "partition-0"]
        await until(lambda: partition.awaits >= partition.nth)
        await partition.pause(5)
        assert task.done()
    assert bench.done(partition) < bench.sent  # there was work to be cut off to the last
    partition.nth = 0
    partition.start()
    await bench.caught_up(partition)
    await until(partition.handler_is_idle)
    await bench.exact()
    await bench.end(partition)
    gc.collect()  # here, where the filter above holds


@dropped_connections
@pytest.mark.parametrize(
    "point",
    ["opening", "fenced", "restoring", "loaded", "applying", "sending", "sent", "committing", "committed"],
)
async def test_a_cancel_at_any_point_counts_once(bench: Bench, point: str) -> None:
    phases = Phases()
    partition = bench.partition(probe=phases)
    pauses: list[asyncio.Task[None]] = []
    for nth in (1, 2, 5):
        seen = [0]

        def cut(seen: list[int] = seen, nth: int = nth) -> None:
            seen[0] += 1
            if seen[0] == nth:
                task = partition._task
                assert task is not None
                partition._stopping = True
                asyncio.get_running_loop().call_soon(task.cancel)
                pauses.append(asyncio.ensure_future(partition.pause(5)))

        phases.act[point] = cut  # pyright: ignore[reportArgumentType] a Point, by the list above
        await bench.send(bench.events, *[b"x"] * 8)
        partition.start()
        await until(lambda: len(pauses) > 0 or bench.done(partition) == bench.sent)
        phases.act.clear()
        await asyncio.gather(*pauses)
        pauses.clear()
        await partition.pause(5)
    partition.start()
    await bench.caught_up(partition)
    await bench.exact()
    await bench.end(partition)
    gc.collect()  # here, where the filter above holds


async def test_a_cancel_that_nobody_asked_for_opens_again(bench: Bench) -> None:
    def cancelled() -> None:
        raise asyncio.CancelledError

    phases = Phases()
    partition = await bench.running(probe=phases)
    phases.act["sent"] = cancelled
    await bench.send(bench.events, b"x")
    await until(lambda: partition._counters.reopened == 1)
    phases.act.clear()
    await bench.caught_up(partition)
    await bench.exact()


async def test_a_fenced_zombie_shows_nothing_and_comes_back(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    zombie = await bench.running(heartbeat_seconds=1.0)
    await bench.send(bench.events, b"x")
    await bench.caught_up(zombie)
    other = await bench.running()
    await bench.send_many(bench.events, 10)  # both read it; the zombie's commit is refused
    await until(lambda: zombie._counters.fenced == 1)
    await bench.caught_up(other)
    await bench.exact()
    await bench.send_many(bench.events, 10)
    await bench.caught_up(other)
    await until(lambda: zombie.phase == "running", seconds=20)
    await bench.end(other)
    await bench.send_many(bench.events, 10)
    await bench.caught_up(zombie)
    await bench.exact()
    gc.collect()
    assert "never retrieved" not in caplog.text


async def test_three_fences_in_a_minute_leave(bench: Bench) -> None:
    zombie = await bench.running()
    for _ in range(FENCES_PER_MINUTE):
        await bench.caught_up(zombie)
        fenced = zombie._counters.fenced
        other = await bench.running()
        await bench.end(other)
        await bench.send(bench.events, b"x")
        await until(lambda: zombie._counters.fenced > fenced)  # noqa: B023
    task = zombie._task
    assert task is not None
    await until(task.done)
    assert isinstance(task.exception(), Left)
    zombie._task = None
    other = await bench.running()
    await bench.caught_up(other)
    await bench.exact()


async def test_a_raising_handler_stops_its_partition_alone(
    broker: Broker, scratch_prefix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Bench(broker.bootstrap, scratch_prefix, tmp_path, partitions=2) as bench:
        await bench.send_many(bench.events, 30, number=0)
        await bench.send(bench.events, b"boom", number=0)
        await bench.send_many(bench.events, 30, number=0)
        await bench.send_many(bench.events, 30, number=1)
        bad, good = bench.start(0), bench.start(1)
        why = await bench.stopped(bad)
        assert f"ValueError at {bench.events}-0 offset 30;" in why
        assert [row.exc_info[0] for row in caplog.records if "stopped" in row.message and row.exc_info] == [ValueError]
        await until(lambda: bench.done(good) == 30)
        assert (await bench.record(0)).sources[bench.events] == 0
        bad.start()
        assert bad._task is None or bad._task.done()
        assert bad.stopped and bad.why == why
        await bad.pause(1)
        assert bad.stopped and bad.why == why
        await bench.send_many(bench.events, 30, number=1)
        await until(lambda: bench.done(good) == 60)
