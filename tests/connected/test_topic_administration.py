"""Topics on a real broker: applied as declared, left alone when refused, and a worker that will not start without."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from click.testing import CliRunner

from stream_app.operations.broker import EmbeddedKafka
from stream_app.operations.command_line import COMMANDS, root
from stream_app.operations.topic_administration import (
    TopicsRefused,
    administration,
    apply_differences,
    check_topics,
    differences,
    ensure_topics,
    read_topics,
)
from stream_app.operations.topics_commands import topics as topics_command
from stream_app.settings import Settings, declared_topics, load_settings
from tests.conftest import Broker

LIMIT_SECONDS = 60


@pytest.fixture
async def settings(broker: Broker, scratch_prefix: str, tmp_path: Path) -> AsyncIterator[Settings]:
    line = {"bootstrap_servers": broker.bootstrap, "prefix": scratch_prefix, "app_id": scratch_prefix, "partitions": 2}
    made = load_settings(line, {}, tmp_path)
    yield made
    async with administration(made) as admin:
        existing = await admin.list_topics()
        await admin.delete_topics([name for name in existing if name.startswith(scratch_prefix)])


async def create(admin: AIOKafkaAdminClient, *topics: NewTopic) -> None:
    """Create topics and return when the broker shows them."""
    await admin.create_topics(list(topics))
    names = {topic.name for topic in topics}
    while set(await read_topics(admin, names)) != names:
        await asyncio.sleep(0)


async def test_applied_topics_are_as_declared(settings: Settings) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        await ensure_topics(settings)
        specs = declared_topics(settings).all
        async with administration(settings) as admin:
            found = await read_topics(admin, [spec.name for spec in specs])
            assert await differences(admin, specs) == []
        assert {name: topic.partitions for name, topic in found.items()} == {s.name: s.partitions for s in specs}
        await check_topics(settings)
        await ensure_topics(settings)


async def test_worker_refuses_missing_topics(settings: Settings) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        with pytest.raises(TopicsRefused, match=rf"{settings.prefix}\.score-changed is missing"):
            await check_topics(settings)


async def test_worker_refuses_other_counts_and_names_both(settings: Settings) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        await ensure_topics(settings)
        with pytest.raises(TopicsRefused, match=r"engagement has 2 partitions, 3 wanted"):
            await check_topics(replace(settings, partitions=3))
        with pytest.raises(TopicsRefused, match="growing needs a new prefix"):
            await ensure_topics(replace(settings, partitions=3))


async def test_refused_topics_are_named_with_their_counts(settings: Settings) -> None:
    name = f"{settings.prefix}.commands"
    async with asyncio.timeout(LIMIT_SECONDS):
        async with administration(settings) as admin:
            await create(admin, NewTopic(name, 5, 1), NewTopic(f"{settings.prefix}.engagement", 2, 1))
        with pytest.raises(TopicsRefused, match=rf"{name} has 5 partitions, {settings.prefix}\.engagement has 2"):
            await ensure_topics(settings)


async def test_changing_one_config_keeps_the_others(settings: Settings) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        name = f"{settings.prefix}.journal"
        kept = {"segment.ms": "3600000", "retention.ms": "1000"}
        async with administration(settings) as admin:
            await create(admin, NewTopic(name, 2, 1, topic_configs=kept))
            specs = [declared_topics(settings).journal]
            found = await differences(admin, specs)
            assert ("retention.ms", "1000") in [(d.config, d.actual) for d in found]
            await apply_differences(admin, specs, found)
            configs = (await read_topics(admin, [name]))[name].configs
        assert (configs["segment.ms"], configs["retention.ms"]) == ("3600000", "7776000000")


async def test_an_owners_topic_is_left_alone(settings: Settings) -> None:
    name = f"{settings.prefix}.engagement"
    async with asyncio.timeout(LIMIT_SECONDS):
        async with administration(settings) as admin:
            owners = {"message.timestamp.type": "LogAppendTime", "retention.ms": "1000"}
            await create(admin, NewTopic(name, 2, 1, topic_configs=owners))
        await ensure_topics(settings)
        async with administration(settings) as admin:
            configs = (await read_topics(admin, [name]))[name].configs
        assert (configs["message.timestamp.type"], configs["retention.ms"]) == ("LogAppendTime", "1000")


def test_commands_tell_apply_and_agree(broker: Broker, scratch_prefix: str) -> None:
    line = ["--bootstrap-servers", broker.bootstrap, "--prefix", scratch_prefix, "--app-id", scratch_prefix]
    line += ["--partitions", "2", "--json"]

    def run(*arguments: str) -> tuple[int, list[dict[str, object]]]:
        result = CliRunner().invoke(topics_command, [*arguments, *line])
        return result.exit_code, json.loads(result.stdout)

    assert run("diff")[0] == 1
    code, planned = run("apply", "--dry-run")
    assert code == 0 and {row["kind"] for row in planned} == {"create"} and len(planned) == 15
    assert run("apply") == (0, planned)
    assert run("diff") == (0, [])
    assert len(run("show")[1]) == 15
    result = CliRunner().invoke(topics_command, ["apply", *line, "--partitions", "4"])
    assert result.exit_code == 1 and "cannot be changed" in result.stderr
    assert CliRunner().invoke(topics_command, ["diff", "--partitions", "none"]).exit_code == 2


def test_commands_before_apply_create_nothing_where_brokers_create_topics_by_themselves(tmp_path: Path) -> None:
    kafka = EmbeddedKafka(tmp_path / "broker", properties={"auto.create.topics.enable": "true"})
    try:
        kafka.start()
        line = ["--bootstrap-servers", kafka.bootstrap]
        skip = ["partition", "skip", "--partition", "0", "--topic", "in", "--from", "0", "--to", "1", "--yes"]
        for words in (
            ["generate"], ["rules", "list", "--org", "1"], ["profiles", "get", "--org", "1", "default"],
            ["keys", "list", "--org", "1"], ["score", "get", "--org", "1", "42"], skip,
        ):  # fmt: skip
            refused = CliRunner().invoke(root(COMMANDS), [*words, *line])
            assert (refused.exit_code, " is missing" in refused.output) == (1, True), refused.output
        shown = CliRunner().invoke(root(COMMANDS), ["topics", "diff", "--json", *line])
        assert {difference["kind"] for difference in json.loads(shown.stdout)} == {"create"}
    finally:
        kafka.kill()
