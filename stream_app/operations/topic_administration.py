"""Bring the topics of a cluster to what is declared, and refuse to start where they are not.

Laws: only what ``topics.difference`` lists with severity apply is ever changed; a partition count never; an
engagement source is created when missing and otherwise left to its owner.  aiokafka has only the old AlterConfigs,
which replaces all of a topic's own configs, so the others are read first and sent again (a change made by someone
else in between is lost).
Reads and writes: the cluster's metadata and topic configs.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from stream_app.settings import Settings, declared_topics, kafka_client_arguments
from topics.declarations import TopicSpec
from topics.difference import ActualTopic, Difference, diff

SHOWN_SECONDS: Final = 15.0
LOOK_SECONDS: Final = 0.05
TOPIC_SOURCE: Final = 1  # DescribeConfigs: set on the topic itself


class TopicsRefused(RuntimeError):
    """Topics are missing or have other partition counts than declared; the message names each."""


@asynccontextmanager
async def administration(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Connect an admin client for the length of a block."""
    admin = AIOKafkaAdminClient(**kafka_client_arguments(settings))
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def read_topics(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, ActualTopic]:
    """Return those of the named topics that exist."""
    found = await _read_counts(admin, names)
    configs = await _read_configs(admin, found)
    return {
        name: replace(topic, configs={config: value for config, (value, _) in configs[name].items()})
        for name, topic in found.items()
        if name in configs
    }


async def _read_counts(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, ActualTopic]:
    """Return those of the named topics that exist, without configs.

    All topics are asked for: where brokers create topics by themselves, one that is asked for by name is created.
    """
    wanted = set(names)
    return {
        topic["topic"]: ActualTopic(
            topic["topic"], len(topic["partitions"]), min(len(each["replicas"]) for each in topic["partitions"]), {}
        )
        for topic in await admin.describe_topics() if topic["topic"] in wanted
    }  # fmt: skip


async def differences(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec]) -> list[Difference]:
    """Return what differs between the cluster and the specs."""
    return diff(await read_topics(admin, (spec.name for spec in specs)), specs)


async def apply_differences(
    admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec], found: Sequence[Difference]
) -> list[Difference]:
    """Create and configure what the differences of severity apply say; return what differs once that shows."""
    applied = {(d.topic, d.kind, d.config) for d in found if d.severity == "apply"}
    missing = {d.topic for d in found if d.kind == "create"}
    await _create(admin, [spec for spec in specs if spec.name in missing])
    configured: dict[str, dict[str, str]] = {}
    for difference in found:
        if difference.config is not None and difference.wanted is not None:
            configured.setdefault(difference.topic, {})[difference.config] = difference.wanted
    await _alter(admin, configured)
    async with asyncio.timeout(SHOWN_SECONDS):
        while True:
            left = await differences(admin, specs)
            if applied.isdisjoint((d.topic, d.kind, d.config) for d in left):
                return left
            await asyncio.sleep(LOOK_SECONDS)


async def check_topics(settings: Settings, specs: Sequence[TopicSpec] | None = None) -> None:
    """Refuse to start: TopicsRefused when one of some topics, or of all, is missing or has another partition count."""
    wanted = declared_topics(settings).all if specs is None else specs
    async with administration(settings) as admin:
        found = diff(await _read_counts(admin, [spec.name for spec in wanted]), wanted)
    faults = [difference.message for difference in found if difference.kind in ("create", "partitions")]
    if faults:
        raise TopicsRefused("; ".join(faults) + " (see `leadstream topics diff`)")


async def ensure_topics(settings: Settings) -> None:
    """Apply what can be applied, as the demo does; TopicsRefused when something cannot."""
    specs = declared_topics(settings).all
    async with administration(settings) as admin:
        found = await differences(admin, specs)
        while True:  # again where another process created a topic meanwhile, for its partition count may differ
            if refused := [difference.message for difference in found if difference.severity == "refuse"]:
                raise TopicsRefused("; ".join(refused))
            if not any(difference.severity == "apply" for difference in found):
                return
            found = await apply_differences(admin, specs, found)


async def _create(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec]) -> None:
    if not specs:
        return
    response: Any = await admin.create_topics([_new_topic(spec) for spec in specs])
    for name, code, message in response.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            raise for_code(code)(f"{name} cannot be created: {message}")


def _new_topic(spec: TopicSpec) -> NewTopic:
    topic = NewTopic(spec.name, spec.partitions, 1, topic_configs=dict(spec.configs))
    topic.replication_factor = spec.replication_factor  # -1, the broker's default (KIP-464), its constructor refuses
    return topic


async def _read_configs(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, dict[str, tuple[str, int]]]:
    """Return {topic: {config: (value, source)}}."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    configs: dict[str, dict[str, tuple[str, int]]] = {}
    responses: list[Any] = await admin.describe_configs(resources) if resources else []
    for response in responses:
        for code, message, _, name, entries, *_ in response.resources:
            if code == UnknownTopicOrPartitionError.errno:
                continue  # deleted since, or not yet known to this broker
            if code:
                raise for_code(code)(f"the configs of {name} cannot be read: {message}")
            configs[name] = {entry[0]: (entry[1], entry[3]) for entry in entries}
    return configs


async def _alter(admin: AIOKafkaAdminClient, wanted: Mapping[str, Mapping[str, str]]) -> None:
    if not wanted:
        return
    before = await _read_configs(admin, wanted)
    resources: list[Any] = []
    for name, changed in wanted.items():
        own = {config: value for config, (value, source) in before[name].items() if source == TOPIC_SOURCE}
        resources.append(ConfigResource(ConfigResourceType.TOPIC, name, configs=own | dict(changed)))
    responses: list[Any] = await admin.alter_configs(resources)
    for response in responses:
        for code, message, _, name in response.resources:
            if code:
                raise for_code(code)(f"the configs of {name} cannot be changed: {message}")
