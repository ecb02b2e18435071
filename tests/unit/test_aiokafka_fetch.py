"""When a source was asked of which an answer tells, whatever becomes of the questions."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from stream_app.delivery import aiokafka_fetch
from stream_app.delivery.aiokafka_fetch import TopicPartition, last_fetch

PLACE = TopicPartition("events", 0)
REQUEST = SimpleNamespace(topics=[("events", [(0, 7, 1_000)])])


class Fetcher:
    """A fetcher of one source whose answers the test gives: a high watermark, or None for none that counts."""

    def __init__(self) -> None:
        self.state = SimpleNamespace(highwater=None, timestamp=None)
        self.answers: list[asyncio.Future[int | None]] = []
        self.now = 0
        self.requests = aiokafka_fetch._Requests(self)
        subscription = SimpleNamespace(assignment=self)
        self.consumer = SimpleNamespace(_subscription=SimpleNamespace(subscription=subscription))

    def state_value(self, place: TopicPartition) -> Any:
        assert place == PLACE
        return self.state

    def _get_actions_per_node(self, assignment: Any) -> Any:
        raise AssertionError("not asked here")

    async def _proc_fetch_request(self, assignment: Any, node_id: int, request: Any) -> bool:
        self.answers.append(asyncio.get_running_loop().create_future())
        high = await self.answers[-1]
        if high is not None:
            self.state.highwater, self.state.timestamp = high, self.now
        return high is not None

    async def ask(self, at: int) -> "asyncio.Task[bool]":
        self.now = at
        asking = asyncio.ensure_future(self.requests.ask(self, 1, REQUEST))
        await asyncio.sleep(0)
        return asking

    def told(self) -> tuple[int | None, int | None]:
        return last_fetch(self.consumer, PLACE)


@pytest.fixture
def fetcher(monkeypatch: pytest.MonkeyPatch) -> Fetcher:
    fetcher = Fetcher()
    monkeypatch.setattr(aiokafka_fetch.time, "time_ns", lambda: fetcher.now * 1_000_000)
    return fetcher


async def test_an_answer_tells_of_when_it_was_asked_for(fetcher: Fetcher) -> None:
    asking = await fetcher.ask(1_000)
    assert fetcher.told() == (None, None)
    fetcher.now = 9_000  # the loop was held
    fetcher.answers[0].set_result(7)
    assert await asking
    assert fetcher.told() == (7, 1_000)


async def test_a_question_without_an_answer_tells_nothing(fetcher: Fetcher) -> None:
    first = await fetcher.ask(1_000)
    fetcher.answers[0].set_result(7)
    await first
    failing = await fetcher.ask(2_000)
    fetcher.answers[1].set_result(None)
    assert not await failing
    assert fetcher.told() == (7, 1_000)


async def test_of_two_questions_at_once_each_answer_tells_of_its_own(fetcher: Fetcher) -> None:
    """As when a source has got another leader and the old one has yet to answer."""
    first, second = await fetcher.ask(1_000), await fetcher.ask(2_000)
    fetcher.answers[0].set_result(7)
    await first
    assert fetcher.told() == (7, 1_000)
    fetcher.answers[1].set_result(8)
    await second
    assert fetcher.told() == (8, 2_000)
