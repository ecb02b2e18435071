"""What tests with a broker share: topics made for one test."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.conftest import Broker

#: Makes topic <scratch_prefix>.<name> and answers its full name: create_topic(name, partitions, configs).
CreateTopic = Callable[..., Awaitable[str]]


@pytest.fixture
async def create_topic(broker: Broker, scratch_prefix: str) -> AsyncIterator[CreateTopic]:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    created: list[str] = []

    async def create(name: str, partitions: int = 1, configs: Mapping[str, str] | None = None) -> str:
        topic = f"{scratch_prefix}.{name}"
        await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=dict(configs or {}))])
        created.append(topic)
        return topic

    try:
        yield create
        if created:
            await admin.delete_topics(created)
    finally:
        await admin.close()
