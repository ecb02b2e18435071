"""Rules over HTTP at a real worker: in force when answered, put beside by the command line, exact through kill -9."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout
from aiokafka import AIOKafkaProducer

from schemas.hop import RULEBOOK_VERSION
from tests.conftest import Broker
from tests.connected.leadstream_process import KEY, Leadstream, run
from tests.connected.waiting import until

RULE: dict[str, Any] = {"name": "Opened", "siteId": 1, "eventType": "email_open", "points": 5}
RULES, DEFAULT = "/v1/scoring/rules", "/v1/scoring/profiles/default"
LIMIT_SECONDS = 120


class Answer(NamedTuple):
    """What came back; status 0: nothing did."""

    status: int
    body: Any = None
    etag: str = ""
    version: str = ""


async def ask(worker: Leadstream, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"http://127.0.0.1:{worker.port}{path}?orgId=1"
    sent = {"Authorization": f"Bearer {KEY}", **more}
    async with ClientSession(timeout=ClientTimeout(30)) as session:
        try:
            async with session.request(method, url, json=body, headers=sent) as answer:
                told = await answer.read()
                etag, version = (answer.headers.get(name, "") for name in ("ETag", RULEBOOK_VERSION))
                return Answer(answer.status, json.loads(told) if told else None, etag, version)
        except (ClientError, OSError):
            return Answer(0)


@pytest.fixture
def settings(broker: Broker, scratch_prefix: str) -> dict[str, object]:
    own: dict[str, object] = {
        "BOOTSTRAP_SERVERS": broker.bootstrap, "PREFIX": scratch_prefix, "APP_ID": scratch_prefix, "PARTITIONS": 1,
    }  # fmt: skip
    done = run("topics", "apply", "--yes", settings=own)
    assert done.returncode == 0, done.stderr
    return own


@asynccontextmanager
async def ready(worker: Leadstream) -> AsyncIterator[Leadstream]:
    with worker:
        await asyncio.to_thread(worker.until_ready)
        yield worker


async def opened(settings: dict[str, object], event_id: str) -> None:
    """Send one event of contact 42."""
    event = {"eventId": event_id, "orgId": "1", "siteId": "1", "contactId": "42", "type": "email_open"}
    producer: Any = AIOKafkaProducer(bootstrap_servers=str(settings["BOOTSTRAP_SERVERS"]))
    await producer.start()
    try:
        await producer.send_and_wait(f"{settings['PREFIX']}.engagement", json.dumps(event).encode(), b"1:42")
    finally:
        await producer.stop()


async def score(worker: Leadstream) -> tuple[int, list[Any]]:
    """The score of contact 42, and the rules of its log rows."""
    answer = await ask(worker, "GET", "/v1/contacts/42/score")
    if answer.status != 200:
        return 0, []
    return answer.body["data"]["leadScore"], [row["ruleId"] for row in answer.body["data"]["logs"]]


async def test_a_change_of_rules_is_in_force_when_it_is_answered(settings: dict[str, object], tmp_path: Path) -> None:
    async with asyncio.timeout(LIMIT_SECONDS), ready(Leadstream(tmp_path, "worker", **settings)) as worker:
        made = await ask(worker, "POST", RULES, RULE)
        assert (made.status, made.body["data"]["id"], made.etag, made.version) == (201, 1, '"1"', "1")
        await opened(settings, "a")
        await until(lambda: scored(worker, 5))
        changed = await ask(worker, "PUT", f"{RULES}/1", {"points": 7, "siteId": None}, If_Match=made.etag)
        assert (changed.status, changed.body["data"]["siteId"]) == (200, None)
        await opened(settings, "b")
        await until(lambda: scored(worker, 12))
        gone = await ask(worker, "DELETE", f"{RULES}/1", If_Match=changed.etag)
        assert (gone.status, gone.body) == (204, None)
        assert await score(worker) == (12, [None, None])
        assert (await ask(worker, "GET", RULES)).body == {"data": [], "meta": {"nextCursor": None, "total": 0}}


async def scored(worker: Leadstream, points: int) -> bool:
    return (await score(worker))[0] == points


async def test_the_command_line_puts_between_two_requests(settings: dict[str, object], tmp_path: Path) -> None:
    async with asyncio.timeout(LIMIT_SECONDS), ready(Leadstream(tmp_path, "worker", **settings)) as worker:
        made = await ask(worker, "POST", RULES, RULE)
        file = tmp_path / "rules.json"
        file.write_text(json.dumps([{**RULE, "id": 1, "points": 6}, {**RULE, "points": 9}]))
        put = await asyncio.to_thread(run, "rules", "put", "--org", "1", str(file), settings=settings)
        assert put.returncode == 0, put.stderr
        assert (await ask(worker, "PUT", f"{RULES}/1", {"points": 1}, If_Match=made.etag)).status == 412
        assert (await ask(worker, "POST", RULES, RULE)).body["data"]["id"] == 3
        listed = (await ask(worker, "GET", RULES)).body["data"]
        assert [(rule["id"], rule["points"]) for rule in listed] == [(1, 6), (2, 9), (3, 5)]
        seen = await ask(worker, "GET", DEFAULT)
        profile = await ask(worker, "PUT", DEFAULT, {"thresholds": [50]}, If_Match=seen.etag)
        shown = await asyncio.to_thread(run, "profiles", "get", "--org", "1", "default", settings=settings)
        assert profile.status == 200 and json.loads(shown.stdout)["thresholds"] == [50]


async def test_of_two_puts_of_one_version_one_is_a_200(settings: dict[str, object], tmp_path: Path) -> None:
    async with asyncio.timeout(LIMIT_SECONDS), ready(Leadstream(tmp_path, "worker", **settings)) as worker:
        etag = (await ask(worker, "POST", RULES, RULE)).etag
        for points in (10, 20):
            asked = (ask(worker, "PUT", f"{RULES}/1", {"points": points + more}, If_Match=etag) for more in (1, 2, 3))
            answers = await asyncio.gather(*asked)
            assert sorted(answer.status for answer in answers) == [200, 412, 412]
            (won,) = (answer for answer in answers if answer.status == 200)
            kept = await ask(worker, "GET", f"{RULES}/1")
            assert (kept.body, kept.etag) == (won.body, won.etag)
            etag = won.etag


async def test_repeated_posts_make_one_rule_each_through_a_kill(settings: dict[str, object], tmp_path: Path) -> None:
    keys = [f"import-{number}" for number in range(12)]

    async def post(worker: Leadstream, key: str) -> Answer:
        return await ask(worker, "POST", RULES, {**RULE, "name": key}, Idempotency_Key=key)

    worker = Leadstream(tmp_path, "worker", **settings, SESSION_TIMEOUT_SECONDS=6)
    async with asyncio.timeout(LIMIT_SECONDS):
        async with ready(worker):
            first = [await post(worker, key) for key in keys[:3]]
            rest = asyncio.gather(*(post(worker, key) for key in keys[3:]))
            await until(lambda: listed_more_than(worker, 3))
            assert worker.ended(signal.SIGKILL) == -signal.SIGKILL
            cut = await rest
        async with ready(worker):
            again = [await post(worker, key) for key in keys]
            rules = (await ask(worker, "GET", RULES)).body["data"]
            assert await post(worker, keys[0]) == again[0]
    assert all(answer.status == 201 for answer in [*first, *again])
    for before, after in zip([*first, *cut], again, strict=True):
        assert before.status == 0 or before == after
    assert sorted(rule["name"] for rule in rules) == sorted(keys)
    assert sorted(answer.body["data"]["id"] for answer in again) == [rule["id"] for rule in rules]
    reused = [answer.body["data"]["name"] for answer in again]
    assert reused == keys


async def listed_more_than(worker: Leadstream, number: int) -> bool:
    answer = await ask(worker, "GET", RULES)
    return answer.status == 200 and answer.body["meta"]["total"] > number
