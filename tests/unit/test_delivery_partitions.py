"""What a worker does with its partitions when the group assigns and revokes, without a broker."""

import asyncio
from typing import Any

import pytest
from faust.types import TP

from stream_app.delivery import Job, partitions
from stream_app.delivery.partitions import Partitions
from stream_app.delivery.status import PartitionStatus
from tests.connected.counter import Counter
from tests.connected.waiting import until

BOTH = {TP("fast", 0), TP("events", 0)}


class FakePartition:
    """Notes what it is told; its close ends when the test lets it."""

    made: "list[FakePartition]"

    def __init__(self, job: Job, number: int, *_: object) -> None:
        self.number, self.stopped = number, False
        self.said: list[str] = []
        self.may_close = asyncio.Event()
        self.may_close.set()
        FakePartition.made.append(self)

    def start(self) -> None:
        self.said.append("start")

    async def pause(self, limit_seconds: float) -> None:
        self.said.append("pause")

    async def close(self) -> None:
        self.said.append("close")
        await self.may_close.wait()
        self.said.append("closed")

    def committed(self) -> None:
        return None

    def status(self) -> PartitionStatus:
        return PartitionStatus(self.number, "running")


class FakeConsumer:
    """Faust's consumer: raises what the test wants."""

    should_stop = False
    error: BaseException | None = None

    async def pause_ours(self) -> None:
        if self.error is not None:
            raise self.error


class Left(BaseException):
    """The worker would have ended its process."""


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Partitions:
    FakePartition.made = []
    monkeypatch.setattr(partitions, "Partition", FakePartition)
    job = Job(
        name="job", sources=("fast", "events"), changelog="changelog", journal="journal", partitions=2,
        handler=Counter("out"), client={},
    )  # fmt: skip
    held = Partitions(job)
    consumer: Any = FakeConsumer()
    held.bind(consumer)
    return held


async def test_a_partition_opens_only_with_all_its_sources(held: Partitions) -> None:
    held.resume({TP("events", 0), TP("fast", 1), TP("events", 1), TP("other", 0)})
    await until(lambda: len(FakePartition.made) == 1)
    assert FakePartition.made[0].number == 1
    assert [(s.partition, s.phase, s.why) for s in held.statuses()] == [
        (0, "idle", "not assigned here: fast"),
        (1, "running", ""),
    ]


async def test_a_partition_that_is_kept_is_paused_and_started_never_closed(held: Partitions) -> None:
    held.resume(BOTH)
    await until(lambda: len(FakePartition.made) == 1)
    await held.pause()
    held.resume(BOTH)
    await until(lambda: FakePartition.made[0].said == ["start", "pause", "start"])
    assert len(FakePartition.made) == 1


async def test_a_lost_partition_is_closed_though_another_rebalance_cuts_in(held: Partitions) -> None:
    held.resume(BOTH)
    await until(lambda: len(FakePartition.made) == 1)
    lost = FakePartition.made[0]
    await held.pause()
    lost.may_close.clear()
    held.resume(set())
    await until(lambda: lost.said[-1] == "close")
    await held.pause()  # cancels the resume that is closing it
    lost.may_close.set()
    held.resume(set())
    await until(lambda: lost.said[-1] == "closed")
    assert held.statuses() == []


async def test_a_stopped_partition_is_not_started_by_a_rebalance(held: Partitions) -> None:
    held.resume(BOTH)
    await until(lambda: len(FakePartition.made) == 1)
    FakePartition.made[0].stopped = True
    await held.pause()
    held.resume(BOTH)
    for _ in range(10):
        await asyncio.sleep(0)
    assert FakePartition.made[0].said == ["start", "pause"]


@pytest.mark.parametrize("error", [ValueError("a bug"), asyncio.CancelledError()], ids=repr)
async def test_an_assignment_that_cannot_be_carried_out_ends_the_worker(
    held: Partitions, error: BaseException, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its task died in silence: the worker kept its membership, and its partitions stood still."""

    def leave(why: str) -> None:
        raise Left(why)

    monkeypatch.setattr(partitions, "leave", leave)
    held._consumer.error = error
    held.resume(BOTH)
    resuming = held._resuming
    assert resuming is not None
    await asyncio.wait([resuming])
    left = resuming.exception()
    assert isinstance(left, Left) and "an assignment cannot be carried out" in str(left)
    assert "an assignment cannot be carried out" in caplog.text
    held._consumer.should_stop = True  # SIGTERM: nobody is to be told
    held.resume(BOTH)
    resuming = held._resuming
    assert resuming is not None
    await asyncio.wait([resuming])
    assert resuming.cancelled() or resuming.exception() is error


async def test_nothing_is_settled_until_the_newest_assignment_shows_in_the_statuses(held: Partitions) -> None:
    """A worker that was asked in between called itself ready, with no partition yet."""
    assert not held.settled
    held.resume(BOTH)
    await asyncio.sleep(0)
    assert (held.settled, bool(held.statuses())) in {(False, False), (True, True)}
    await until(lambda: held.settled)
    assert [status.partition for status in held.statuses()] == [0]
    await held.pause()
    assert not held.settled
    held.resume(set())
    assert not held.settled
    await until(lambda: held.settled)
    assert held.statuses() == []
