"""API keys on a real broker: followed by every worker, revoked on all of them, made and revoked beside them."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from click.testing import CliRunner, Result

from schemas.config_headers import RequestMark
from stream_app.authoring.api_key_topic import ApiKeyFollower, read_keys, write_key
from stream_app.authoring.api_keys import ApiKey, make_key
from stream_app.authoring.key_administration import KeyAdministration, KeysUnavailable, MadeBefore, MadeKey
from stream_app.operations.broker import EmbeddedKafka
from stream_app.operations.key_commands import keys as commands
from stream_app.operations.topic_administration import administration, ensure_topics
from stream_app.settings import Settings, declared_topics, kafka_client_arguments
from tests.conftest import Broker
from tests.connected.leadstream_process import KEY, Leadstream, run
from tests.connected.own_topics import prepared
from tests.connected.waiting import until

NOW = 1_772_375_400_000
LIMIT_SECONDS = 60


@pytest.fixture
async def settings(broker: Broker, scratch_prefix: str, tmp_path: Path) -> Settings:
    return await prepared(broker.bootstrap, scratch_prefix, tmp_path)


@asynccontextmanager
async def following(settings: Settings) -> AsyncIterator[ApiKeyFollower]:
    follower = ApiKeyFollower(settings)
    await follower.start()
    try:
        yield follower
    finally:
        await follower.stop()


def opens(follower: ApiKeyFollower, text: str) -> bool:
    ring = follower.ring()
    return ring is not None and ring.holder(text, NOW) is not None


def made() -> tuple[ApiKey, str]:
    return make_key(org_id="1", scope="read", now=NOW)


async def test_a_key_is_in_force_and_revoked_on_every_follower(settings: Settings) -> None:
    async with asyncio.timeout(LIMIT_SECONDS), following(settings) as one, following(settings) as other:
        desk = KeyAdministration(settings, one)
        new = await desk.make("1", "write", sites=frozenset({"7"}))
        assert new.in_force and opens(one, new.text)
        await until(lambda: opens(other, new.text))
        assert await desk.of_org("1") == [new.key] and await desk.of_org("2") == []
        revoked = await desk.revoke(new.key.id)
        assert revoked is not None and revoked.in_force and not opens(one, new.text)
        await until(lambda: not opens(other, new.text))
        assert await desk.revoke(new.key.id) is None


async def test_of_requests_with_one_idempotency_key_one_makes_a_key(settings: Settings) -> None:
    mark = RequestMark.of("once", {"scope": "read"})
    async with asyncio.timeout(LIMIT_SECONDS):
        desks = [KeyAdministration(settings) for _ in range(4)]
        answers = await asyncio.gather(*(desk.make_once(mark, "1", "read") for desk in desks))
        [new] = [one for one in answers if isinstance(one, MadeKey)]
        assert await desks[0].of_org("1") == [new.key]
        assert [one for one in answers if one is not new] == [MadeBefore(new.key, same=True)] * 3
        assert await desks[1].make_once(mark, "1", "read") == MadeBefore(new.key, same=True)


async def test_a_damaged_record_ends_no_follower(settings: Settings) -> None:
    async with asyncio.timeout(LIMIT_SECONDS), following(settings) as follower:
        producer: Any = AIOKafkaProducer(**kafka_client_arguments(settings))
        await producer.start()
        try:
            await producer.send_and_wait(declared_topics(settings).api_keys.name, b"nonsense", b"bad")
        finally:
            await producer.stop()
        key, text = made()
        await follower.wait_for(await write_key(settings, key.id, key))
        assert opens(follower, text) and len(await read_keys(settings)) == 1


async def test_a_topic_that_was_made_again_leaves_no_key_in_force(settings: Settings) -> None:
    async with asyncio.timeout(2 * LIMIT_SECONDS), following(settings) as follower:
        key, text = made()
        await follower.wait_for(await write_key(settings, key.id, key))
        async with administration(settings) as admin:
            await admin.delete_topics([declared_topics(settings).api_keys.name])
        await until(lambda: follower.trouble is not None)
        await until(lambda: _made_again(settings))
        await until(lambda: follower.trouble is None and not opens(follower, text))


async def _made_again(settings: Settings) -> bool:
    """Declare the topics again; a topic that is still being deleted is in the way for a moment."""
    try:
        await ensure_topics(settings)
        return len(await read_keys(settings)) == 0
    except KafkaError:
        return False


async def test_keys_outlive_a_broker_outage(own_broker: EmbeddedKafka, scratch_prefix: str, tmp_path: Path) -> None:
    async with asyncio.timeout(3 * LIMIT_SECONDS):
        settings = await prepared(own_broker.bootstrap, scratch_prefix, tmp_path)
        key, text = made()
        async with following(settings) as follower:
            await follower.wait_for(await write_key(settings, key.id, key))
            await asyncio.to_thread(own_broker.kill)
            await until(lambda: follower.trouble is not None)
            assert opens(follower, text)
            with pytest.raises(KeysUnavailable):
                await KeyAdministration(settings, follower).revoke(key.id)
            await asyncio.to_thread(own_broker.start)
            await KeyAdministration(settings).revoke(key.id)
            await until(lambda: not opens(follower, text))


async def test_command_line_makes_lists_and_revokes(settings: Settings) -> None:
    line = ["--bootstrap-servers", str(settings.bootstrap_servers), "--prefix", settings.prefix]

    async def call(*words: str, answer: str | None = None) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, commands, [words[0], *line, *words[1:]], input=answer)

    created = await call("create", "--org", "1", "--scope", "admin", "--site", "7", "--name", "CRM", "--json")
    new = json.loads(created.stdout)
    text = new.pop("key")
    plain = (
        await call("create", "--org", "2", "--scope", "read", "--expires-at", "2999-01-01T00:00:00Z")
    ).stdout.strip()
    ring = await read_keys(settings)
    found, other = ring.holder(text, NOW), ring.holder(plain, NOW)
    assert found is not None and (found.org_id, found.scope, found.sites) == ("1", "admin", {"7"})
    assert other is not None and (other.org_id, other.sites) == ("2", None)
    listed = await call("list", "--org", "1", "--json")
    assert json.loads(listed.stdout) == [new] and text not in listed.stdout and found.digest.hex() not in listed.stdout
    assert (await call("list", "--org", "1")).stdout == f"{found.id}  org 1  admin  sites 7  CRM\n"
    assert (await call("revoke", found.id, "--dry-run")).stdout.startswith("would revoke")
    assert (await call("revoke", found.id, answer="n\n")).exit_code == 1
    assert len(await read_keys(settings)) == 2
    assert json.loads((await call("revoke", found.id, "--yes", "--json")).stdout)["revoked"] is True
    assert (await call("revoke", found.id, "--yes")).exit_code == 1
    assert len(await read_keys(settings)) == 1


@pytest.mark.parametrize(
    "wrong",
    [("--org", "a:b"), ("--org", "1", "--expires-at", "soon"), ("--org", "1", "--expires-at", "2020-01-01T00:00:00Z"),
     ("--org", "1", "--name", ""), ("--org", "1", "--site", "\n")],
)  # fmt: skip
def test_a_wrong_option_is_wrong_use(wrong: tuple[str, ...]) -> None:
    result = CliRunner().invoke(commands, ["create", "--scope", "read", "--bootstrap-servers", "127.0.0.1:1", *wrong])
    assert (result.exit_code, "Usage" in result.stderr) == (2, True)


@pytest.fixture
def two_workers(broker: Broker, scratch_prefix: str, tmp_path: Path) -> Iterator[tuple[Leadstream, Leadstream]]:
    own: dict[str, object] = {
        "BOOTSTRAP_SERVERS": broker.bootstrap, "PREFIX": scratch_prefix, "APP_ID": scratch_prefix, "PARTITIONS": 2,
    }  # fmt: skip
    assert run("topics", "apply", "--yes", settings=own).returncode == 0
    with ExitStack() as stack:
        one, two = (stack.enter_context(Leadstream(tmp_path / name, "worker", **own)) for name in ("one", "two"))
        one.until_ready()
        two.until_ready()
        yield one, two


def test_a_revocation_reaches_all_workers_and_no_secret_reaches_a_log(
    two_workers: tuple[Leadstream, Leadstream],
) -> None:
    one, two = two_workers
    status, body = one.ask("POST", "/v1/keys", {"orgId": "1", "scope": "read", "name": "CRM"})
    assert status == 201
    key_id, text = body["data"]["id"], body["data"]["key"]
    assert one.get("/v1/accounting", key=text)[0] == 200
    two.until(lambda: two.get("/v1/accounting", key=text)[0] == 200, "the key is in force on the other worker")
    assert two.ask("DELETE", f"/api/v1/keys/{key_id}")[0] == 204
    assert two.get("/v1/accounting", key=text)[0] == 401
    one.until(lambda: one.get("/v1/accounting", key=text)[0] == 401, "revoked on the other worker", seconds=5)
    assert one.get("/v1/accounting?orgId=1")[0] == 200
    for worker in two_workers:
        assert text.rpartition("_")[2] not in worker.log and KEY not in worker.log
