"""The live stream's reader on a real broker: committed records only, resumable, told when the log has moved on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from stream_app.delivery.recovery import RETRIED
from stream_app.operations.broker import EmbeddedKafka
from stream_app.reading import output_feed
from stream_app.reading.live import Live
from stream_app.reading.output_feed import KafkaFeed, Passage, Start, Tail
from tests.conftest import Broker

PARTITIONS = 2


class Topics:
    """Two output topics of a test's own, and feeds of them."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.bootstrap = bootstrap
        self.names = [f"{prefix}.score-changed", f"{prefix}.threshold-crossed"]

    def feed(self) -> KafkaFeed:
        return KafkaFeed({"bootstrap_servers": self.bootstrap}, self.names, PARTITIONS)


@pytest.fixture
async def topics(broker: Broker, scratch_prefix: str) -> Topics:
    return await create(broker.bootstrap, scratch_prefix)


async def create(bootstrap: str, prefix: str) -> Topics:
    made = Topics(bootstrap, prefix)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in made.names])
    await admin.close()
    return made


@asynccontextmanager
async def opened(topics: Topics, start: Start) -> AsyncIterator[KafkaFeed]:
    feed = topics.feed()
    try:
        await feed.open(start)
        yield feed
    finally:
        await feed.close()


@asynccontextmanager
async def producing(topics: Topics) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=topics.bootstrap, transactional_id=topics.names[0])
    await producer.start()
    yield producer
    await producer.stop()


async def until(feed: KafkaFeed, enough: Callable[[list[Passage]], bool]) -> list[Passage]:
    found: list[Passage] = []
    async with asyncio.timeout(30):
        while not enough(found):
            found += (await feed.take())[0]
    return found


async def test_feed_sees_committed_records_only_and_resumes(topics: Topics) -> None:
    score = topics.names[0]
    async with producing(topics) as producer, opened(topics, Tail()) as feed:
        async with producer.transaction():
            await producer.send_and_wait(score, b"kept", b"1:42", partition=1)
        await producer.begin_transaction()
        await producer.send_and_wait(score, b"dropped", b"1:42", partition=1)
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait(score, None, b"1:42", partition=1)
        found = await until(feed, lambda found: len(found) == 2)
        assert [(p.topic, p.key, p.value) for p in found] == [(score, b"1:42", b"kept"), (score, b"1:42", None)]
        positions = {(name, p): 0 for name in topics.names for p in range(PARTITIONS)}
        async with opened(topics, positions | {(score, 1): found[0].offset + 1}) as again:
            assert [p.value for p in await until(again, bool)] == [None]


async def test_feed_stands_at_markers_so_that_catching_up_ends(topics: Topics) -> None:
    async with producing(topics) as producer:
        async with producer.transaction():
            await producer.send_and_wait(topics.names[1], b"x", b"1:42", partition=0)
        feed = topics.feed()
        end = (await feed.open(Tail())).positions
        await feed.close()
        assert end[topics.names[1], 0] == 2
        async with opened(topics, dict.fromkeys(end, 0)) as again:
            async with asyncio.timeout(30):
                while (await again.take())[1] != end:
                    pass


async def test_start_outside_the_log_is_moved_and_said(topics: Topics) -> None:
    feed = topics.feed()
    found = await feed.open({(name, p): 99 for name in topics.names for p in range(PARTITIONS)})
    await feed.close()
    assert found.moved
    assert set(found.positions.values()) == {0}


async def test_quiet_feed_notices_that_the_broker_went(
    own_broker: EmbeddedKafka, scratch_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_feed, "QUIET_SECONDS", 0.1)
    topics = await create(own_broker.bootstrap, scratch_prefix)
    async with opened(topics, Tail()) as feed:
        assert (await feed.take())[0] == []
        await asyncio.to_thread(own_broker.kill)
        with pytest.raises(RETRIED):
            async with asyncio.timeout(30):
                while True:
                    await feed.take()


async def test_live_starts_without_a_broker_and_says_so() -> None:
    live = Live(lambda: KafkaFeed({"bootstrap_servers": "127.0.0.1:1"}, ["t"], 1), {"t": "score-changed"}, 1)
    reader = live.subscribe("1")
    async with asyncio.timeout(30):
        while not (messages := await reader.take()):
            pass
    assert b'"waiting"' in messages[0].data
    await live.close()
