"""One partition without a broker: what it closes when its disk is full, how long it waits for its changelog."""

import asyncio
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import pytest
from faust.types import TP

from stream_app.delivery import DeliveryCounters, Job, partitions
from stream_app.delivery.partition import Partition
from stream_app.delivery.partitions import Partitions
from stream_app.delivery.rocks import RocksStore
from stream_app.delivery.stores import Checkpoint, MemoryStore
from tests.connected.counter import Counter
from tests.connected.waiting import until


class FullDisk(MemoryStore):
    """A store that cannot write what it holds when it is closed, as RocksDB's on a full disk."""

    def close(self) -> None:
        raise Exception("IO error: No space left on device")


class FakeReader:
    def __init__(self, changelog_end: int) -> None:
        self.stopped = False
        self.changelog_end = changelog_end

    async def end_of(self, topic: str) -> int:
        return self.changelog_end

    async def wait(self) -> None:
        await asyncio.sleep(0.01)

    def wake(self) -> None:
        pass

    async def stop(self) -> None:
        self.stopped = True


class FakeWriter:
    def __init__(self) -> None:
        self.closed = False

    async def close(self) -> None:
        self.closed = True


class FakeBatches:
    """Never has anything to do."""

    rest = 0.0
    end = 5

    async def next(self) -> bool:
        return False


class HeldPartition(Partition):
    """Opens on a full disk, without a broker; ``errors`` are raised by the opens, one by one."""

    made: ClassVar[list[Partition]] = []

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.errors: list[Exception] = []
        self.clients: list[tuple[FakeReader, FakeWriter]] = []
        HeldPartition.made.append(self)

    async def _open(self) -> None:
        reader, writer = FakeReader(FakeBatches.end), FakeWriter()
        self.clients.append((reader, writer))
        held: Any = self
        held._reader, held._writer, held._store = reader, writer, FullDisk()
        if self.errors:
            raise self.errors.pop(0)
        held._batches, held._verified = FakeBatches(), True

    @property
    def all_closed(self) -> bool:
        return all(reader.stopped and writer.closed for reader, writer in self.clients)


def job() -> Job:
    return Job(
        name="job", sources=("fast", "events"), changelog="changelog", journal="journal", partitions=4,
        handler=Counter("out"), client={}, heartbeat_seconds=0.01,
    )  # fmt: skip


def leave(why: str) -> NoReturn:
    raise AssertionError(why)


def held_partition(*errors: Exception) -> HeldPartition:
    partition = HeldPartition(job(), 0, DeliveryCounters(), leave)
    partition.errors = list(errors)
    partition.start()
    return partition


async def test_a_store_that_does_not_close_keeps_nothing_else_open(caplog: pytest.LogCaptureFixture) -> None:
    partition = held_partition()
    await until(lambda: partition.phase == "running")
    with caplog.at_level(logging.WARNING, "stream_app.delivery"):
        await partition.pause(1)
        await partition.close()
    assert partition.all_closed and partition.phase == "idle" and partition.committed() is None
    assert "partition 0: its local store was closed without its last writes" in caplog.text
    assert "No space left on device" in caplog.text


async def test_a_partition_recovers_though_its_store_does_not_close() -> None:
    """It stayed `closing` for ever."""
    partition = held_partition(OSError("no broker"))
    await until(lambda: partition.phase == "running")
    assert len(partition.clients) == 2 and partition.clients[0][1].closed
    await partition.pause(1)


async def test_a_partition_stops_and_lets_its_clients_go_though_its_store_does_not_close() -> None:
    partition = held_partition(Exception("IO error: No space left on device"))
    await until(lambda: partition.stopped and partition.all_closed)
    assert "No space left" in partition.why


async def test_a_lost_partition_whose_store_does_not_close_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Partitions that were kept stayed paused, new ones were never opened, and the worker was never ready again."""

    class FakeConsumer:
        should_stop = False

        async def pause_ours(self) -> None:
            pass

    HeldPartition.made = []
    monkeypatch.setattr(partitions, "Partition", HeldPartition)
    held, consumer = Partitions(job()), FakeConsumer()
    held.bind(consumer)

    def assigned(*numbers: int) -> set[TP]:
        return {TP(topic, number) for topic in held.sources for number in numbers}

    def running() -> list[int]:
        return [number for number, partition in held._open.items() if partition.phase == "running"]

    held.resume(assigned(0, 1))
    await until(lambda: running() == [0, 1])
    await held.pause()
    held.resume(assigned(1, 2))
    await until(lambda: running() == [1, 2] and held.settled)
    await held.pause()
    await held.close()  # SIGTERM
    assert [(p.number, isinstance(p, HeldPartition) and p.all_closed) for p in HeldPartition.made] == [
        (0, True),
        (1, True),
        (2, True),
    ]


ON_A_FULL_DISK = """
import asyncio, os, resource, signal, sys
from pathlib import Path
from stream_app.delivery.rocks import RocksStore
from stream_app.delivery.stores import Checkpoint
from tests.unit.test_delivery_partition import held_partition

async def main():
    partition = held_partition()
    await asyncio.sleep(0.1)
    store = partition._store = RocksStore(Path(sys.argv[1]))
    store.load([(b"n%d" % i, os.urandom(100)) for i in range(1000)], Checkpoint(7, 1))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    await partition.pause(1)
    await partition.close()
    print(partition.phase, partition.all_closed)

asyncio.run(main())
"""


def test_a_rocksdb_on_a_full_disk_is_closed_and_is_a_valid_base(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ON_A_FULL_DISK, str(tmp_path / "store")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "idle True\n"
    assert "closed without its last writes" in done.stderr
    store = RocksStore(tmp_path / "store")
    assert store.checkpoint() == Checkpoint(7, 1) and store.get(b"n999") is not None
    store.close()


async def paused_while_its_changelog_shrinks(to: int) -> HeldPartition:
    held = held_partition()
    await until(lambda: held.phase == "running")
    await held.pause(1)
    held.clients[0][0].changelog_end = to
    held.start()
    return held


async def test_a_changelog_that_has_shrunk_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A partition that was kept over a rebalance waited for ever, and said nothing."""
    monkeypatch.setattr("stream_app.delivery.partition.MARKER_SECONDS", 0.5)
    held = await paused_while_its_changelog_shrinks(to=2)
    await until(lambda: held.why == "waits for its changelog, which ends at 2, to reach 5")
    assert held.phase == "opening" and held.committed() is None
    await until(lambda: held.phase == "running")
    assert len(held.clients) == 2 and held.clients[0][1].closed
    assert "partition 0: its changelog ends at 2, not at 5: opening again" in caplog.text
    await held.pause(1)


async def test_a_commit_marker_that_is_on_its_way_is_waited_for() -> None:
    held = await paused_while_its_changelog_shrinks(to=4)
    await until(lambda: held.why != "")
    held.clients[0][0].changelog_end = 5
    await until(lambda: held.phase == "running")
    assert len(held.clients) == 1
    await held.pause(1)
