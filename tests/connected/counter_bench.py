"""The counter's partitions inside the test's own process, on the real broker: open, pause, close, look, break."""

import asyncio
import dataclasses
from pathlib import Path
from typing import Any, NoReturn, Self

from aiokafka import AIOKafkaProducer

from schemas.journal import PartitionRecord
from stream_app.delivery import DeliveryCounters, Job
from stream_app.delivery.partition import Partition
from stream_app.delivery.probe import Point
from stream_app.delivery.rocks import RocksStore
from tests.connected import counter_fleet as fleet_of
from tests.connected.counter import Counter, counter_job
from tests.connected.counter_accounts import exact
from tests.connected.waiting import until


class Left(BaseException):
    """The worker would have ended its process."""


def leave(why: str) -> NoReturn:
    raise Left(why)


class SteeredCounter(Counter):
    """A counter whose rulebook version the test sets."""

    rulebook = 0

    def version(self) -> int:
        return self.rulebook


class Phases:
    """A probe that notes every point, and does what the test asks for when one is reached."""

    def __init__(self) -> None:
        self.seen: list[Point] = []
        self.act: dict[Point, Any] = {}

    def reached(self, partition: int, point: Point) -> None:
        self.seen.append(point)
        if point in self.act:
            self.act[point]()


class Bench:
    """One counter job of a test and its partitions; ``fast`` and ``events`` are its sources."""

    def __init__(self, bootstrap: str, name: str, folder: Path, partitions: int = 1) -> None:
        self.bootstrap, self.name, self.folder, self.partitions = bootstrap, name, folder, partitions
        self.handler = SteeredCounter(f"{name}.counted")
        self.fast, self.events, self.counted = (f"{name}.{t}" for t in ("fast", "events", "counted"))
        self.changelog, self.journal = f"{name}-counts-changelog", f"{name}.journal"
        self.sent = 0
        self._open: list[Partition] = []

    async def __aenter__(self) -> Self:
        await fleet_of.make_topics(self.bootstrap, self.name, self.partitions)
        self.producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap)
        await self.producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for partition in self._open:
            await self.end(partition)
        await self.producer.stop()

    def job(self, **changes: Any) -> Job:
        plain = counter_job(self.name, self.bootstrap, self.partitions, self.folder, "memory")
        return dataclasses.replace(plain, **{"handler": self.handler, "heartbeat_seconds": 0.1, **changes})

    def rocks(self, number: int = 0) -> RocksStore:
        """The store that ``partition(store=bench.rocks)`` uses; open it only while that partition is closed."""
        return RocksStore(self.folder / f"store-{number}")

    def partition(self, number: int = 0, kind: type[Partition] = Partition, **changes: Any) -> Partition:
        """A partition, not started; ended with the bench."""
        partition = kind(self.job(**changes), number, DeliveryCounters(), leave)
        self._open.append(partition)
        return partition

    def start(self, number: int = 0, **changes: Any) -> Partition:
        partition = self.partition(number, **changes)
        partition.start()
        return partition

    async def running(self, number: int = 0, **changes: Any) -> Partition:
        """A partition that has been opened."""
        partition = self.start(number, **changes)
        await until(lambda: partition.phase == "running")
        return partition

    @staticmethod
    async def end(partition: Partition) -> None:
        await partition.pause(10)
        await partition.close()

    async def send(self, topic: str, *values: bytes, key: bytes = b"k", number: int = 0) -> None:
        """Send values one after the other, each a record batch of its own."""
        for value in values:
            await self.producer.send_and_wait(topic, value, key=key, partition=number)
        self.sent += len(values)

    async def send_many(self, topic: str, count: int, keys: int = 10, number: int = 0) -> None:
        """Send ``count`` records over ``keys`` keys in few record batches."""
        sends = [await self.producer.send(topic, b"x", key=b"k%d" % (i % keys), partition=number) for i in range(count)]
        await asyncio.gather(*sends)
        self.sent += count

    @staticmethod
    def done(partition: Partition) -> int:
        """How many records a partition has counted, one way or another."""
        counters = partition.status().counters.values()
        return sum(c.applied + c.dead_letter + c.duplicate + c.no_effect for c in counters)

    async def caught_up(self, partition: Partition, seconds: float = 30) -> None:
        """Wait until the only partition has counted all that was sent, and readers can see it."""
        await until(lambda: self.done(partition) == self.sent, seconds)
        await fleet_of.settled(self.bootstrap, fleet_of.written(self.name), self.partitions)

    async def stopped(self, partition: Partition) -> str:
        """Wait until a partition has stopped for a person; return why."""
        await until(lambda: partition.stopped and partition.why != "" and partition.committed() is None)
        return partition.why

    async def exact(self) -> None:
        await exact(self.bootstrap, self.name, self.partitions)

    async def outputs(self) -> list[tuple[bytes | None, bytes | None]]:
        return [(row.key, row.value) for row in await fleet_of.read_all(self.bootstrap, self.counted, self.partitions)]

    async def record(self, number: int = 0) -> PartitionRecord:
        """The newest committed partition record."""
        return (await fleet_of.partition_records(self.bootstrap, self.name, self.partitions))[number]
