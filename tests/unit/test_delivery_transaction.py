"""The one order in which a batch is committed, on a producer that answers when the test lets it."""

import asyncio
from typing import Any

import pytest
from aiokafka.errors import IllegalOperation, ProducerFenced
from aiokafka.producer.transaction_manager import TransactionManager

from stream_app.delivery import Job, MemoryStore, transaction
from stream_app.delivery.errors import fenced
from stream_app.delivery.recovery import what_stops
from stream_app.delivery.stores import Checkpoint
from stream_app.delivery.transaction import TransactionalWriter
from tests.connected.counter import Counter

RECORD = (b"k", b"v", [])


class Delivered:
    """What a broker answers to a send."""

    def __init__(self, offset: int) -> None:
        self.offset = offset


class FakeProducer:
    """Notes what is asked of it; sends end when the test says so."""

    def __init__(self, *_: object) -> None:
        self.said: list[str] = []
        self.sends: list[asyncio.Future[Delivered]] = []
        self.refused = 0

    async def start(self) -> None:
        self.said.append("start")

    async def begin_transaction(self) -> None:
        self.said.append("begin")

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> "asyncio.Future[Delivered]":
        self.said.append(f"send {topic}-{partition}")
        if self.refused and len(self.sends) >= self.refused:
            raise OSError("the producer is closed")
        self.sends.append(asyncio.get_running_loop().create_future())
        return self.sends[-1]

    async def send_offsets_to_transaction(self, offsets: dict[Any, int], group: str) -> None:
        self.said.append(f"offsets of {group}")

    async def commit_transaction(self) -> None:
        self.said.append("commit")


@pytest.fixture
async def producer(monkeypatch: pytest.MonkeyPatch) -> FakeProducer:
    producer = FakeProducer()
    monkeypatch.setattr(transaction, "transactional_producer", lambda *_: producer)
    return producer


async def begun(producer: FakeProducer) -> "asyncio.Task[dict[str, int]]":
    """Begin to commit a batch of two outputs; return when everything has been handed over."""
    job = Job(
        name="job", sources=("events",), changelog="changelog", journal="journal", partitions=1,
        handler=Counter("out"), client={},
    )  # fmt: skip
    writer = TransactionalWriter(job, 0)
    await writer.fence()
    outputs = {"out": [RECORD, RECORD], "journal": [RECORD]}
    committing = asyncio.ensure_future(writer.commit(outputs, [RECORD, RECORD], {"events": 7}))
    for _ in range(20):
        await asyncio.sleep(0)
    return committing


SENT = ["start", "begin", "send out-0", "send journal-0", "send changelog-0"]


async def test_offsets_are_sent_after_the_data_is_acknowledged(producer: FakeProducer) -> None:
    committing = await begun(producer)
    for i, send in enumerate(producer.sends):
        assert producer.said == SENT
        send.set_result(Delivered(100 + i))
        await asyncio.sleep(0)
    assert await committing == {"out": 100 + 2, "journal": 101 + 1, "changelog": 102 + 2}
    assert producer.said == [*SENT, "offsets of job", "commit"]


@pytest.mark.parametrize("failing", [0, 1, 2])
async def test_every_send_is_awaited_before_commit(producer: FakeProducer, failing: int) -> None:
    committing = await begun(producer)
    for i, send in enumerate(producer.sends):
        if i != failing:
            send.set_result(Delivered(100 + i))
    await asyncio.sleep(0)
    producer.sends[failing].set_exception(OSError("refused"))
    with pytest.raises(OSError, match="refused"):
        await committing
    assert producer.said == SENT


async def test_a_send_that_is_refused_at_once_commits_nothing(
    producer: FakeProducer, caplog: pytest.LogCaptureFixture
) -> None:
    producer.refused = 1
    committing = await begun(producer)
    producer.sends[0].set_exception(OSError("refused"))  # nobody waits for it any more, and it is not reported
    with pytest.raises(OSError, match="closed"):
        await committing
    assert producer.said == SENT[:4]
    del producer.sends[0]
    assert "never retrieved" not in caplog.text


def test_a_store_in_memory_iterates_in_key_order_and_forgets_what_is_deleted() -> None:
    store = MemoryStore()
    store.apply({b"b": b"1", b"a": b"2", b"c": b"3"}, Checkpoint(3, 0))
    store.apply({b"b": None}, Checkpoint(5, 0))
    assert list(store.scan(b"")) == [(b"a", b"2"), (b"c", b"3")]
    store.apply({b"b": b"4", b"d": b"5"}, Checkpoint(8, 0))
    assert list(store.scan(b"a")) == [(b"b", b"4"), (b"c", b"3"), (b"d", b"5")]
    for i in range(1000):
        store.apply({b"due%d" % i: b""}, Checkpoint(9, 0))
        store.apply({b"due%d" % i: None}, Checkpoint(10, 0))
        assert len(list(store.scan(b""))) == 4
    assert len(store._order) + len(store._unsorted) < 100


@pytest.mark.parametrize("met", [IllegalOperation("not in transaction"), AssertionError("Invalid state transition")])
async def test_a_fence_met_between_two_sends_is_a_fence(producer: FakeProducer, met: Exception) -> None:
    """As aiokafka does it: its sender ends the transaction, the next send says only that there is none."""
    manager = TransactionManager("id", 60_000)
    manager.set_pid_and_epoch(1, 1)
    producer._txn_manager = manager  # type: ignore[attr-defined]  # as in the real one
    begin = producer.begin_transaction

    async def fenced_soon() -> None:
        await begin()
        manager.begin_transaction()
        manager.fatal_error(ProducerFenced("another worker has it"))

    async def refuse(*_: Any, **__: Any) -> Any:
        raise met

    producer.begin_transaction, producer.send_batch = fenced_soon, refuse  # type: ignore[method-assign]
    with pytest.raises(ProducerFenced, match="another worker has it") as told:
        await (await begun(producer))
    assert fenced(told.value) and what_stops(told.value, "a source") is None  # it opens again


async def test_what_is_no_end_of_a_transaction_stays_what_it_is(producer: FakeProducer) -> None:
    producer._txn_manager = TransactionManager("id", 60_000)  # type: ignore[attr-defined]

    async def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a bug")

    producer.send_batch = refuse  # type: ignore[method-assign]
    with pytest.raises(AssertionError, match="a bug"):
        await (await begun(producer))
