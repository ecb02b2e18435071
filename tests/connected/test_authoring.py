"""The config topic on a real broker: read whole, written by one, followed for ever."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete
from aiokafka.errors import KafkaError, ProducerFenced

from stream_app.authoring.config_topic import ConfigWriter, config_writer, read_config
from stream_app.authoring.follower import ConfigFollower
from stream_app.authoring.puts import plan_put
from stream_app.operations.broker import EmbeddedKafka
from stream_app.operations.topic_administration import administration, ensure_topics
from stream_app.settings import Settings, declared_topics, kafka_client_arguments
from tests.conftest import Broker
from tests.connected.own_topics import prepared

LIMIT_SECONDS = 60
AT = "2026-03-01T00:00:00.000Z"
OPENED = {"name": "Opened", "eventType": "email_open", "points": 5}


@pytest.fixture
async def settings(broker: Broker, scratch_prefix: str, tmp_path: Path) -> Settings:
    return await prepared(broker.bootstrap, scratch_prefix, tmp_path)


@asynccontextmanager
async def following(settings: Settings) -> AsyncIterator[ConfigFollower]:
    follower = ConfigFollower(settings)
    await follower.start()
    try:
        yield follower
    finally:
        await follower.stop()


async def put(writer: ConfigWriter, *items: dict[str, Any], prune: bool = False) -> int:
    return await writer.write(plan_put("rule", writer.log, "1", items, AT, prune=prune).written)


async def test_what_is_put_is_read_and_followed(settings: Settings) -> None:
    async with asyncio.timeout(LIMIT_SECONDS), following(settings) as follower:
        assert (await follower.caught_up()).version == 0
        async with config_writer(settings) as writer:
            version = await put(writer, OPENED, {**OPENED, "name": "Again"})
            assert version == 2
        rulebook = await follower.wait_for(version)
        assert [rulebook.rule_name("1", rule_id) for rule_id in (1, 2)] == ["Opened", "Again"]
        assert [record.key for record in await read_config(settings)] == [b"rule:1:1", b"rule:1:2"]


async def test_ids_are_never_reused_across_writers(settings: Settings) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        async with config_writer(settings) as writer:
            await put(writer, OPENED, OPENED)
            await put(writer, {**OPENED, "id": 1}, prune=True)
        async with config_writer(settings) as writer:
            await put(writer, OPENED)
            assert list(writer.log.objects("rule", "1")) == ["1", "3"]
        records = await read_config(settings)
        assert [(record.key, record.value is None) for record in records] == [
            (b"rule:1:1", False),
            (b"rule:1:2", False),
            (b"rule:1:2", True),
            (b"rule:1:3", False),
        ]


async def test_a_second_writer_fences_the_first(settings: Settings) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        with pytest.raises(ProducerFenced):
            async with config_writer(settings) as first:
                await put(first, OPENED)
                async with config_writer(settings) as second:
                    assert await put(second, OPENED) > 1
                    await put(first, OPENED)
        assert [json.loads(record.value or b"")["id"] for record in await read_config(settings)] == [1, 2]


async def test_an_aborted_put_is_never_seen(settings: Settings) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        producer: Any = AIOKafkaProducer(
            transactional_id=f"{settings.app_id}-config", **kafka_client_arguments(settings)
        )
        await producer.start()
        await producer.begin_transaction()
        await producer.send_and_wait(declared_topics(settings).config.name, b"{}", b"rule:1:7", 0)
        async with config_writer(settings) as writer:  # the fence aborts the open transaction
            assert writer.log.version == 0
            version = await put(writer, OPENED)
        with suppress(KafkaError):
            await producer.abort_transaction()
        await producer.stop()
        assert [record.key for record in await read_config(settings)] == [b"rule:1:1"]
        async with following(settings) as follower:
            assert (await follower.wait_for(version)).version == version
            assert version > 2  # gaps in versions are normal: markers and aborted records are in them


async def test_every_version_can_be_built_again(settings: Settings) -> None:
    async with asyncio.timeout(LIMIT_SECONDS), following(settings) as follower:
        versions = [0]
        async with config_writer(settings) as writer:
            for points in (1, 2, 3):
                versions.append(await put(writer, {**OPENED, "id": 1, "points": points}))
        await follower.wait_for(versions[-1])
        found = [follower.at(version).org("1").rules for version in versions]
        assert [rules[1].points if rules else 0 for rules in found] == [0, 1, 2, 3]
        assert follower.at(versions[2] + 1).version == versions[2] < versions[3]  # a gap: the version before holds
        assert follower.at(versions[3]) is follower.current()
        with pytest.raises(LookupError):
            follower.at(versions[3] + 1)


async def test_unreadable_records_change_the_version_only(settings: Settings) -> None:
    async with asyncio.timeout(LIMIT_SECONDS), following(settings) as follower:
        producer: Any = AIOKafkaProducer(**kafka_client_arguments(settings))
        await producer.start()
        try:
            await producer.send_and_wait(declared_topics(settings).config.name, b"nonsense", b"rule:1:1")
        finally:
            await producer.stop()
        assert (await follower.wait_for(1)).org("1").rules == {}


async def test_a_missing_topic_is_told_and_waited_for(settings: Settings) -> None:
    missing = replace(settings, prefix=f"{settings.prefix}x", app_id=f"{settings.prefix}x")
    async with asyncio.timeout(LIMIT_SECONDS), following(missing) as follower:
        while follower.trouble is None:
            await asyncio.sleep(0.01)
        await ensure_topics(missing)
        assert (await follower.caught_up()).version == 0
        while follower.trouble is not None:
            await asyncio.sleep(0.01)


async def test_a_log_without_its_beginning_is_told_and_not_followed(settings: Settings) -> None:
    config = TopicPartition(declared_topics(settings).config.name, 0)
    async with asyncio.timeout(LIMIT_SECONDS):
        async with config_writer(settings) as writer:
            await put(writer, OPENED, OPENED)
        async with administration(settings) as admin:
            await admin.delete_records({config: RecordsToDelete(before_offset=1)})
        async with following(settings) as follower:
            while follower.trouble is None:
                await asyncio.sleep(0.01)
            assert "OffsetOutOfRange" in follower.trouble and follower.version == 0
            assert follower.current().version == 0


async def test_follower_outlives_a_broker_outage(
    own_broker: EmbeddedKafka, scratch_prefix: str, tmp_path: Path
) -> None:
    async with asyncio.timeout(2 * LIMIT_SECONDS):
        settings = await prepared(own_broker.bootstrap, scratch_prefix, tmp_path)
        async with following(settings) as follower:
            async with config_writer(settings) as writer:
                await follower.wait_for(await put(writer, OPENED))
            await asyncio.to_thread(own_broker.kill)
            await asyncio.to_thread(own_broker.start)
            async with config_writer(settings) as writer:
                version = await put(writer, OPENED)
            assert len((await follower.wait_for(version)).org("1").rules) == 2
