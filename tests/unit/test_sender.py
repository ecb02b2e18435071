"""The one producer behind the API: what it says of records that Kafka has not acknowledged."""

import asyncio
from typing import Any, NamedTuple

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError

from stream_app.delivery import sender as module
from stream_app.delivery.sender import Sender, SourceRecord, Unsent

SOON = 0.02


class Sent(NamedTuple):
    offset: int


class FakeProducer:
    """A producer whose broker a test makes silent, or failing."""

    def __init__(self, world: "FakeKafka") -> None:
        self.world = world
        self.closed = False

    async def start(self) -> None:
        if self.world.refuses:
            raise KafkaConnectionError("nobody listens")
        await self.world.connected.wait()

    async def partitions_for(self, topic: str) -> set[int]:
        await self.world.metadata.wait()
        return {0}

    async def send(self, topic: str, value: Any, key: Any, partition: int) -> "asyncio.Future[Sent]":
        self.world.log.append(value)
        sent: asyncio.Future[Sent] = asyncio.get_running_loop().create_future()
        if self.world.error is not None:
            sent.set_exception(self.world.error)
        elif self.world.answers:
            sent.set_result(Sent(self.world.offset + len(self.world.log) - 1))
        else:
            self.world.waiting.append(sent)
        return sent


class FakeKafka:
    def __init__(self) -> None:
        self.refuses = False
        self.answers = True
        self.error: Exception | None = None
        self.offset = 0
        self.log: list[Any] = []
        self.waiting: list[asyncio.Future[Sent]] = []
        self.producers: list[FakeProducer] = []
        self.connected, self.metadata = asyncio.Event(), asyncio.Event()
        self.connected.set()
        self.metadata.set()

    def make(self, _: Any) -> FakeProducer:
        self.producers.append(FakeProducer(self))
        return self.producers[-1]

    async def cut_off(self, producer: FakeProducer) -> None:
        producer.closed = True


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> FakeKafka:
    made = FakeKafka()
    monkeypatch.setattr(module, "idempotent_producer", made.make)
    monkeypatch.setattr(module, "cut_off", made.cut_off)
    return made


def record(value: bytes = b"v") -> SourceRecord:
    return SourceRecord("t", 0, b"k", value)


async def test_offsets_come_in_order_over_one_producer(kafka: FakeKafka) -> None:
    sender = Sender({})
    assert await sender.send([record(b"a"), record(b"b")], SOON) == [0, 1]
    assert await sender.send([record(b"c")], SOON) == [2]
    assert len(kafka.producers) == 1
    await sender.close()
    assert kafka.producers[0].closed
    await sender.close()


async def test_what_never_reached_the_producer_is_certain(kafka: FakeKafka) -> None:
    sender = Sender({})
    kafka.refuses = True
    assert await sender.send([record()], SOON) == Unsent(certain=True)
    assert kafka.producers[0].closed
    kafka.refuses = False
    for gate in (kafka.connected, kafka.metadata):
        gate.clear()
        assert await sender.send([record()], SOON) == Unsent(certain=True)
        gate.set()
        assert await sender.send([record(b"next")], SOON) == [len(kafka.log) - 1]
    assert kafka.log == [b"next", b"next"]  # what was given up is not sent later


async def test_what_is_not_acknowledged_in_time_may_arrive_and_holds_the_next_back(kafka: FakeKafka) -> None:
    sender = Sender({})
    kafka.answers = False
    assert await sender.send([record(b"a")], SOON) == Unsent(certain=False)
    assert await sender.send([record(b"b")], SOON) == Unsent(certain=True)
    assert kafka.log == [b"a"]
    kafka.answers = True
    kafka.waiting.pop().set_result(Sent(0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await sender.send([record(b"c")], SOON) == [1]


@pytest.mark.parametrize("forgotten", [True, False])
async def test_a_producer_that_failed_is_replaced_and_its_other_records_are_uncertain(
    kafka: FakeKafka, forgotten: bool
) -> None:
    sender = Sender({})
    kafka.answers = False
    slow = asyncio.ensure_future(sender.send([record(b"slow")], 30))
    while not kafka.log:
        await asyncio.sleep(0)
    kafka.answers = True
    if forgotten:
        kafka.offset = -100
    else:
        kafka.error = KafkaError("no")
    assert await sender.send([record(b"bad")], SOON) == Unsent(certain=False)
    assert await slow == Unsent(certain=False)
    kafka.error, kafka.offset = None, 0
    assert await sender.send([record(b"good")], SOON) == [2]
    assert [producer.closed for producer in kafka.producers] == [True, False]


async def test_a_bug_is_raised(kafka: FakeKafka) -> None:
    kafka.error = ValueError("a bug")
    with pytest.raises(ValueError, match="a bug"):
        await Sender({}).send([record()], SOON)
