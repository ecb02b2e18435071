"""The score log: every row of a contact back to the first, whatever becomes of its local copy."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from schemas.ids import contact_key
from schemas.outputs import ScoreChanged
from stream_app.delivery.handler import Output
from stream_app.reading.award_rows import Asked, KnownRows
from stream_app.reading.recent_awards import RecentAwards
from stream_app.reading.score_log import ScoreLog
from stream_app.reading.score_log_follower import BUSY_LAG, ScoreLogFollower
from tests.conftest import Broker
from tests.connected.conftest import CreateTopic
from tests.connected.waiting import until
from tests.unit.web_fakes import FakePartitions, change, running

ALL = Asked("default", 10_000)
KEY = contact_key("1", "42")


class Worker:
    """The score log of one worker that holds the topic's only partition, and what it knows of its last batch."""

    def __init__(self, bootstrap: str, topic: str, folder: Path) -> None:
        self.view = FakePartitions(1)
        self.recent = RecentAwards(topic)
        self.log = ScoreLog(self.recent, folder, days=400)
        client = {"bootstrap_servers": bootstrap}
        self.follower = ScoreLogFollower(client, topic, self.view, self.recent, self.log)

    async def rows(self, log_id: int, asked: Asked = ALL, key: bytes = KEY) -> KnownRows:
        return await self.log.rows(0, self.view.status[0].seq, key, log_id, asked)

    async def whole(self, log_id: int, key: bytes = KEY) -> list[int]:
        """Wait until a contact's log is complete; its log ids."""
        await until(lambda: self._complete(log_id, key))
        return [row.award.log_id for row in (await self.rows(log_id, key=key)).rows]

    async def _complete(self, log_id: int, key: bytes) -> bool:
        return (await self.rows(log_id, key=key)).complete


class Ledger:
    """score-changed with one partition, and workers on it."""

    def __init__(self, bootstrap: str, topic: str, folder: Path, producer: AIOKafkaProducer) -> None:
        self.bootstrap, self.topic, self.folder, self.producer = bootstrap, topic, folder, producer

    async def send(self, changes: Iterable[ScoreChanged], key: bytes = KEY) -> int:
        """Send changes of a contact in one transaction; the end behind them."""
        sent = [(key, msgspec.json.encode(one)) for one in changes]
        return await self.commit(sent)

    async def commit(self, records: Iterable[tuple[bytes, bytes | None]]) -> int:
        async with self.producer.transaction():
            sends = [await self.producer.send(self.topic, value, key, partition=0) for key, value in records]
            done = await asyncio.gather(*sends)
        return done[-1].offset + 1

    @asynccontextmanager
    async def worker(self, folder: str = "one") -> AsyncIterator[Worker]:
        worker = Worker(self.bootstrap, self.topic, self.folder / folder)
        await worker.follower.start()
        try:
            yield worker
        finally:
            await worker.follower.stop()


def awards(first: int, last: int) -> list[ScoreChanged]:
    return [change("42", n, points=n % 7 + 1, before=n) for n in range(first, last + 1)]


@pytest.fixture
async def ledger(
    broker: Broker, create_topic: CreateTopic, scratch_prefix: str, tmp_path: Path
) -> AsyncIterator[Ledger]:
    topic = await create_topic("score-changed")
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id=scratch_prefix)
    await producer.start()
    yield Ledger(broker.bootstrap, topic, tmp_path, producer)
    await producer.stop()


async def test_a_new_owner_is_not_complete_until_it_has_read_the_topic(ledger: Ledger) -> None:
    await ledger.send(awards(1, 700))
    async with ledger.worker() as worker:
        assert not (await worker.rows(700)).complete
        assert await worker.whole(700) == list(range(700, 0, -1))
        last = await worker.rows(700, Asked("default", 100, before=51))
        assert [row.award.log_id for row in last.rows if last.complete][-50:] == list(range(50, 0, -1))
        assert sum(row.award.points for row in last.rows) == sum(n % 7 + 1 for n in range(1, 701))


async def test_only_the_newest_thousand_rows_are_kept(ledger: Ledger) -> None:
    await ledger.send(awards(1, 2500))
    async with ledger.worker() as worker:
        assert await worker.whole(2500) == list(range(2500, 1500, -1))
        assert worker.log.figures()[0].rows < 2500


async def test_a_restart_reads_only_what_is_new(ledger: Ledger) -> None:
    await ledger.send(awards(1, 700))
    async with ledger.worker() as worker:
        await worker.whole(700)
        assert worker.log.read == 700
    await ledger.send(awards(701, 710))
    async with ledger.worker() as again:
        assert await again.whole(710) == list(range(710, 0, -1))
        assert again.log.read == 10


async def test_a_deleted_log_is_read_again(ledger: Ledger) -> None:
    await ledger.send(awards(1, 60))
    async with ledger.worker() as worker:
        await worker.whole(60)
    shutil.rmtree(ledger.folder / "one")
    async with ledger.worker() as again:
        assert await again.whole(60) == list(range(60, 0, -1))
        assert again.log.read == 60


async def test_another_worker_takes_over_and_gives_back(ledger: Ledger) -> None:
    await ledger.send(awards(1, 300))
    async with ledger.worker("one") as one, ledger.worker("two") as two:
        two.view.status = {}
        await one.whole(300)
        one.view.status = {}
        await until(lambda: not one.log.held)
        await ledger.send(awards(301, 310))
        two.view.status = {0: replace(running(0), seq=8)}
        assert await two.whole(310) == list(range(310, 0, -1))
        two.view.status = {}
        one.view.status = {0: replace(running(0), seq=9)}
        assert await one.whole(310) == list(range(310, 0, -1))
        assert (one.log.read, two.log.read) == (310, 310)


async def test_a_log_that_another_process_has_open_is_left_alone(ledger: Ledger) -> None:
    await ledger.send(awards(1, 30))
    async with ledger.worker("shared") as one:
        await one.whole(30)
        async with ledger.worker("shared") as two:
            await until(lambda: two.log.failures > 0)
            assert not (await two.rows(30)).complete
            assert (await one.rows(30)).complete
            one.view.status = {}
            assert await two.whole(30) == list(range(30, 0, -1))
            assert two.log.read == 0


async def test_rows_of_an_erased_contact_are_never_shown(ledger: Ledger) -> None:
    other = contact_key("1", "43")
    await ledger.send(awards(1, 40), other)
    await ledger.send(awards(1, 40))
    async with ledger.worker() as worker:
        await worker.whole(40)
        worker.view.status[0] = replace(running(0), seq=6)  # a batch that erased: the log has not read it yet
        worker.recent.observe(0, 6, {ledger.topic: [(KEY, None, [])]}, {ledger.topic: 10_000})
        assert (await worker.rows(40)).rows == []
        assert (await worker.rows(40, key=other)).rows == []  # no row is shown before the log has that erase
    await ledger.commit([(KEY, None)])
    await ledger.send(awards(1, 3))
    async with ledger.worker() as worker:
        assert await worker.whole(3) == [3, 2, 1]
        assert await worker.whole(40, other) == list(range(40, 0, -1))
        assert (await worker.rows(40)).rows == []


async def test_a_log_of_another_topic_is_read_again(ledger: Ledger, create_topic: CreateTopic) -> None:
    await ledger.send(awards(1, 50))
    async with ledger.worker() as worker:
        await worker.whole(50)
    other = Ledger(ledger.bootstrap, await create_topic("again"), ledger.folder, ledger.producer)
    async with other.worker() as shorter:  # it ends before the place that the log stands for
        await until(lambda: 0 in shorter.log.held and shorter.log.held[0].position == 0)
        assert (await shorter.rows(50)).rows == []
    await other.send(awards(1, 20))
    async with other.worker() as longer:
        await longer.whole(20)
    async with ledger.worker() as back:  # there is a record at that place, but not the one of the log
        assert await back.whole(50) == list(range(50, 0, -1))
        assert back.log.read == 50


async def test_a_damaged_log_is_read_again(ledger: Ledger) -> None:
    await ledger.send(awards(1, 50))
    async with ledger.worker() as worker:
        await worker.whole(50)
    for file in (ledger.folder / "one" / "0").glob("*.sst"):
        file.write_bytes(bytes(file.stat().st_size))
    async with ledger.worker() as again:
        assert await again.whole(50) == list(range(50, 0, -1))
        assert (again.log.read, again.log.failures) == (50, 1)


async def test_without_a_usable_disk_the_rows_in_memory_are_shown(ledger: Ledger) -> None:
    end = await ledger.send(awards(1, 50))
    in_the_way = ledger.folder / "one"
    in_the_way.write_text("not a folder")
    async with ledger.worker() as worker:
        worker.recent.observe(0, 5, {ledger.topic: newest(49, 50)}, {ledger.topic: end})
        await until(lambda: worker.log.failures > 0)
        known = await worker.rows(50)
        assert ([row.award.log_id for row in known.rows], known.complete) == ([50, 49], False)
        in_the_way.unlink()
        assert await worker.whole(50) == list(range(50, 0, -1))


async def test_a_log_that_is_behind_shows_its_rows_when_memory_joins_them(ledger: Ledger) -> None:
    await ledger.send(awards(1, 50))
    async with ledger.worker() as worker:
        await worker.whole(50)
        worker.view.status[0] = replace(running(0), seq=6)
        worker.recent.observe(0, 6, {ledger.topic: newest(51, 52)}, {ledger.topic: 10_000})  # not read by the log yet
        known = await worker.rows(52, Asked("default", 1))
        assert ([row.award.log_id for row in known.rows][:2], known.complete) == ([52, 51], True)
        assert len((await worker.rows(52)).rows) == 52
        known = await worker.rows(54)  # 53 and 54 are nowhere yet
        assert (known.rows, known.complete) == ([], False)


async def test_while_scoring_is_far_behind_the_log_only_trickles(ledger: Ledger) -> None:
    await ledger.send(awards(1, 2000))
    async with ledger.worker() as worker:
        worker.view.status[0] = running(0, lag=BUSY_LAG + 1)
        await until(lambda: worker.log.read > 0)
        assert worker.log.read < 2000
        worker.view.status[0] = running(0)
        assert len(await worker.whole(2000)) == 1000


def newest(first: int, last: int) -> list[Output]:
    return [(KEY, msgspec.json.encode(one), []) for one in awards(first, last)]
