"""Editors on a real broker: several of them, the command line between, an outage, a commit whose answer is lost."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError

from schemas.config_headers import Headers, RequestMark
from stream_app.authoring.changes import Change
from stream_app.authoring.config_log import AuthoredKey, ConfigLog
from stream_app.authoring.config_topic import ConfigSession, config_writer, read_config
from stream_app.authoring.editor import ConfigUnavailable, Editor, Session
from stream_app.authoring.edits import Create, Delete, Done, Edit, Failed, Put
from stream_app.authoring.follower import ConfigFollower
from stream_app.authoring.puts import plan_put
from stream_app.operations.broker import EmbeddedKafka
from stream_app.scoring.rulebook import ConfigRecord
from stream_app.settings import Settings
from tests.conftest import Broker
from tests.connected.own_topics import prepared

LIMIT_SECONDS = 90
RULE: dict[str, Any] = {"name": "Opened", "eventType": "email_open", "points": 5}
FIRST = AuthoredKey("rule", "1", "1")
CREATE = Create(kind="rule", org_id="1", fields=RULE)


def now() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
async def settings(broker: Broker, scratch_prefix: str, tmp_path: Path) -> Settings:
    return await prepared(broker.bootstrap, scratch_prefix, tmp_path)


@asynccontextmanager
async def worker(settings: Settings, open_session: Any = None) -> AsyncIterator[Editor]:
    """What a worker has: a follower, and an editor that reads through it."""
    follower = ConfigFollower(settings)
    await follower.start()
    editor = Editor(open_session or partial(ConfigSession.open, settings), follower, now, limit_seconds=30)
    try:
        await follower.caught_up()
        yield editor
    finally:
        await editor.close()
        await follower.stop()


async def done(editor: Editor, edit: Edit) -> Done:
    outcome = await editor.apply(edit)
    assert isinstance(outcome, Done), outcome
    return outcome


def patch(points: int, *versions: int) -> Put:
    return Put(key=FIRST, fields={"points": points}, partial=True, versions=frozenset(versions) or None)


async def rules(settings: Settings) -> dict[str, int]:
    """Points of the live rules by id, read from the topic."""
    log = ConfigLog.of(await read_config(settings))
    return {rule_id: body["points"] for rule_id, body in log.objects("rule", "1").items()}


async def test_editors_and_the_command_line_take_turns(settings: Settings) -> None:
    async with asyncio.timeout(LIMIT_SECONDS), worker(settings) as first, worker(settings) as second:
        ids = [(await done(editor, CREATE)).key.id for editor in (first, first, second)]
        async with config_writer(settings) as writer:
            await writer.write(plan_put("rule", writer.log, "1", [{**RULE, "points": 7}], "").written)
        ids += [(await done(editor, CREATE)).key.id for editor in (second, first)]
        assert ids == ["1", "2", "3", "5", "6"]
        assert await rules(settings) == {"1": 5, "2": 5, "3": 5, "4": 7, "5": 5, "6": 5}


async def test_of_edits_of_one_version_on_two_workers_one_succeeds(settings: Settings) -> None:
    async with asyncio.timeout(LIMIT_SECONDS), worker(settings) as first, worker(settings) as second:
        version = (await done(first, CREATE)).version
        for points in (10, 20, 30):
            outcomes = await asyncio.gather(
                *(editor.apply(patch(points + i, version)) for i, editor in enumerate((first, second, first)))
            )
            won = [outcome for outcome in outcomes if isinstance(outcome, Done)]
            assert len(won) == 1 and outcomes.count(Failed("changed_meanwhile")) == 2
            version = won[0].version
            assert won[0].stored is not None and await rules(settings) == {"1": won[0].stored.body["points"]}


async def test_a_refusal_is_as_fresh_as_a_write(settings: Settings) -> None:
    async with asyncio.timeout(LIMIT_SECONDS), worker(settings) as first, worker(settings) as second:
        old = (await done(first, CREATE)).version
        new = (await done(second, patch(6))).version
        assert await first.apply(patch(7, old)) == Failed("changed_meanwhile")
        assert (await done(first, patch(7, new))).version > new
        await done(second, Delete(key=FIRST))
        assert await first.apply(patch(8)) == Failed("not_found")
        assert (await done(first, CREATE)).key.id == "2"


async def test_a_repeated_request_is_known_to_the_next_editor(settings: Settings) -> None:
    mark = RequestMark.of("k", RULE)
    edit = Create(kind="rule", org_id="1", fields=RULE, mark=mark)
    async with asyncio.timeout(LIMIT_SECONDS):
        async with worker(settings) as first:
            made = await done(first, edit)
            await done(first, patch(9))
        async with worker(settings) as second:
            assert await second.apply(edit) == made
            other = Create(kind="rule", org_id="1", fields=RULE, mark=RequestMark.of("k", {}))
            assert await second.apply(other) == Failed("key_reused")
        assert await rules(settings) == {"1": 9}


class Forgetful:
    """A session whose first commit is done, but says that it failed."""

    failed = 0

    def __init__(self, session: ConfigSession) -> None:
        self.session = session
        self.end, self.close = session.end, session.close

    async def commit(self, changes: Sequence[Change], sent: list[ConfigRecord], headers: Headers) -> None:
        await self.session.commit(changes, sent, headers)
        if not Forgetful.failed:
            Forgetful.failed += 1
            raise KafkaTimeoutError


async def test_a_commit_whose_answer_is_lost_is_not_made_twice(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Forgetful, "failed", 0)

    async def open_session() -> Session:
        return Forgetful(await ConfigSession.open(settings))

    async with asyncio.timeout(LIMIT_SECONDS), worker(settings, open_session) as editor:
        assert (await done(editor, CREATE)).key.id == "1"
        assert (Forgetful.failed, await rules(settings)) == (1, {"1": 5})


async def test_an_outage_is_told_and_then_outlived(
    own_broker: EmbeddedKafka, scratch_prefix: str, tmp_path: Path
) -> None:
    async with asyncio.timeout(2 * LIMIT_SECONDS):
        settings = await prepared(own_broker.bootstrap, scratch_prefix, tmp_path)
        async with worker(settings) as editor:
            await done(editor, CREATE)
            await asyncio.to_thread(own_broker.kill)
            with pytest.raises(ConfigUnavailable) as told:
                await editor.apply(CREATE)
            assert not told.value.maybe_written and not editor.writing
            await asyncio.to_thread(own_broker.start)
            assert (await done(editor, CREATE)).key.id == "2"
            assert await rules(settings) == {"1": 5, "2": 5}
