"""Kafka clients of the harness: librdkafka, another client than the engine's, with the security of the environment.

Laws: what the harness sends is idempotent and partitioned as Java's default does.
Reads LEADSTREAM_SECURITY_PROTOCOL, LEADSTREAM_SASL_* and LEADSTREAM_SSL_*, so that an own cluster can be reached.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

PASSED_ON = {
    "LEADSTREAM_SECURITY_PROTOCOL": "security.protocol", "LEADSTREAM_SASL_MECHANISM": "sasl.mechanisms",
    "LEADSTREAM_SASL_USERNAME": "sasl.username", "LEADSTREAM_SASL_PASSWORD": "sasl.password",
    "LEADSTREAM_SSL_CAFILE": "ssl.ca.location", "LEADSTREAM_SSL_CERTFILE": "ssl.certificate.location",
    "LEADSTREAM_SSL_KEYFILE": "ssl.key.location", "LEADSTREAM_SSL_KEY_PASSWORD": "ssl.key.password",
}  # fmt: skip
QUIET = 2
NO_SETTINGS: Mapping[str, Any] = {}


def connection(bootstrap: str) -> dict[str, Any]:
    """How every client reaches the cluster; a broker that is down is not worth a line."""
    security = {theirs: os.environ[ours] for ours, theirs in PASSED_ON.items() if ours in os.environ}
    return {"bootstrap.servers": bootstrap, "log_level": QUIET, "reconnect.backoff.max.ms": 500, **security}


def make_producer(bootstrap: str) -> Producer:
    return Producer(
        connection(bootstrap)
        | {
            "partitioner": "murmur2_random", "enable.idempotence": True, "linger.ms": 20,
            "delivery.timeout.ms": 180_000, "message.max.bytes": 4_194_304, "compression.type": "lz4",
        }
    )  # fmt: skip


def make_consumer(bootstrap: str, group: str = "faults", settings: Mapping[str, Any] = NO_SETTINGS) -> Consumer:
    """A consumer that neither joins its group nor commits by itself."""
    committed = {"enable.auto.commit": False, "isolation.level": "read_committed"}
    return Consumer(connection(bootstrap) | {"group.id": group} | committed | dict(settings))


def make_admin(bootstrap: str) -> AdminClient:
    return AdminClient(connection(bootstrap))


def write_config(bootstrap: str, prefix: str, records: Iterable[tuple[bytes, bytes | None]]) -> None:
    """Write authored objects into ``config`` and wait until they are acknowledged."""
    producer = make_producer(bootstrap)
    for key, value in records:
        producer.produce(f"{prefix}.config", value, key, partition=0)
    if producer.flush(60):
        raise RuntimeError("config was not acknowledged")
