"""The broker of Apache's own image answers as the embedded one does (needs Docker: `./dev test -m docker`)."""

import asyncio
import uuid
from collections.abc import Iterator

import pytest
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from stream_app.operations.broker_folder import free_port
from tests.connected.plain_clients import make_topic, read_committed, write_in_transaction

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

#: The broker calls itself for transactions: an address that is valid inside the container, beside the one for us.
LISTENERS = {
    "KAFKA_LISTENERS": "INTERNAL://:19092,HOST://:9092,CONTROLLER://:9093",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "INTERNAL:PLAINTEXT,HOST:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "KAFKA_INTER_BROKER_LISTENER_NAME": "INTERNAL",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
}
ONE_NODE = {
    "KAFKA_NODE_ID": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_HEAP_OPTS": "-Xmx256m -Xms128m",
}


@pytest.fixture
def container_address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(
        testcontainers_config, "ryuk_disabled", True
    )  # its image is not needed to clean up one container
    port = free_port()
    advertised = f"INTERNAL://localhost:19092,HOST://127.0.0.1:{port}"
    container = DockerContainer("apache/kafka:4.1.1").with_bind_ports(9092, port)
    for name, value in {**ONE_NODE, **LISTENERS, "KAFKA_ADVERTISED_LISTENERS": advertised}.items():
        container.with_env(name, value)
    container.waiting_for(LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(120))
    with container:
        yield f"127.0.0.1:{port}"


async def test_committed_records_are_read_from_the_container(container_address: str) -> None:
    topic = f"t{uuid.uuid4().hex[:12]}"
    async with asyncio.timeout(60):
        await make_topic(container_address, topic)
        await write_in_transaction(container_address, topic, b"1", b"2")
        assert await read_committed(container_address, topic) == [b"1", b"2"]
