"""What tests with a broker share: topics made for one test."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.conftest import Broker

#: Makes topic <scratch_prefix>.<name> and answers its full name: create_topic(name, partitions, configs).
CreateTopic = Callable[..., Awaitable[str]]


@pytest.fixture
async def admin(broker: Broker) -> AsyncIterator[AIOKafkaAdminClient]:
    """What changes topics of the broker."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


@pytest.fixture
async def create_topic(admin: AIOKafkaAdminClient, scratch_prefix: str) -> AsyncIterator[CreateTopic]:
    created: list[str] = []

    async def create(name: str, partitions: int = 1, configs: Mapping[str, str] | None = None) -> str:
        topic = f"{scratch_prefix}.{name}"
        await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=dict(configs or {}))])
        created.append(topic)
        return topic

    yield create
    if created:
        await admin.delete_topics(created)
