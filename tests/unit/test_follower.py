"""The follower of `config` where its task meets what is no outage."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stream_app.authoring import follower as module
from stream_app.authoring.follower import ConfigFollower
from stream_app.settings import load_settings


class OneRecord:
    """A consumer of a topic with one record; ``failures`` are raised by the first polls."""

    def __init__(self, *failures: BaseException) -> None:
        self.failures = list(failures)
        self.position_ = 0

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def assign(self, partitions: Any) -> None: ...
    def seek(self, partition: Any, offset: int) -> None: ...

    async def position(self, partition: Any) -> int:
        return self.position_

    async def end_offsets(self, partitions: list[Any]) -> dict[Any, int]:
        return dict.fromkeys(partitions, 1)

    async def getmany(self, partition: Any, timeout_ms: int) -> dict[Any, list[Any]]:
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        if self.position_:
            await asyncio.sleep(60)
        self.position_ = 1
        return {partition: [SimpleNamespace(offset=0, key=b"1/rule/1", value=None, timestamp=0, headers=())]}


@pytest.fixture
def follower(monkeypatch: pytest.MonkeyPatch, consumer: OneRecord, tmp_path: Path) -> ConfigFollower:
    monkeypatch.setattr(module, "config_consumer", lambda _: consumer)
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.01)
    return ConfigFollower(load_settings({}, {}, tmp_path))


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("consumer", [OneRecord()])
async def test_rules_that_cannot_be_followed_any_more_are_told(
    follower: ConfigFollower, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise KeyError("a rule that is gone")

    monkeypatch.setattr(module, "fold", broken)
    await follower.start()
    await until(lambda: follower.trouble is not None)
    assert (follower.trouble or "").endswith("is not followed beyond 0: KeyError; restart the worker")  # for /ready
    assert "a rule that is gone" in caplog.text
    await asyncio.sleep(0.1)  # nothing takes that back
    assert follower.trouble is not None and "a bug" in caplog.text
    await follower.stop()


@pytest.mark.parametrize("consumer", [OneRecord(asyncio.CancelledError(), OSError("away"))])
async def test_a_cancel_of_aiokafkas_own_is_an_outage(follower: ConfigFollower) -> None:
    await follower.start()
    await until(lambda: follower.version == 1)
    assert follower.trouble is None
    await follower.stop()
