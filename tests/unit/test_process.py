"""What a worker waits for before it boots: a broker, and topics as they should be."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import ClusterAuthorizationFailedError, NodeNotReadyError

from stream_app.operations import process
from stream_app.operations.process import TopicsChecked
from stream_app.operations.topic_administration import TopicsRefused
from stream_app.settings import Settings, load_settings

SETTINGS = load_settings({}, {}, Path("/nowhere"))


def answering(monkeypatch: pytest.MonkeyPatch, *answers: Exception | None) -> list[Exception | None]:
    """Let checks of topics end so, one after the other; return those that are left."""
    left = [*answers]

    async def check(settings: Settings) -> None:
        answer = left.pop(0)
        if answer is not None:
            raise answer

    monkeypatch.setattr(process, "check_topics", check)
    monkeypatch.setattr(process, "RETRY_SECONDS", 0)
    return left


async def test_a_broker_that_knows_of_no_broker_yet_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    left = answering(monkeypatch, NodeNotReadyError("node id None"), ConnectionResetError("gone"), None)
    await TopicsChecked(SETTINGS).on_start()
    assert left == []
    assert len(caplog.records) == 1


@pytest.mark.parametrize("error", [TopicsRefused("2 partitions"), ClusterAuthorizationFailedError("no")])
async def test_what_no_time_mends_ends_the_start(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, error)
    with pytest.raises(type(error)):
        await TopicsChecked(SETTINGS).on_start()


async def test_a_worker_that_is_told_to_stop_asks_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: Any = TopicsChecked(SETTINGS)
    left = answering(monkeypatch, NodeNotReadyError("node id None"))
    checked._stopped.set()
    async with asyncio.timeout(5):
        await checked.on_start()
    assert len(left) == 1
