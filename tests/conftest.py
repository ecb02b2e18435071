"""What tests of several rooms share: a broker for the session, names of their own on it, a broker to break.

A test never skips for want of a broker: without LEADSTREAM_TEST_BOOTSTRAP_SERVERS an embedded one is started.
"""

import os
import uuid
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import settings

from stream_app.operations.broker import EmbeddedKafka

# How fast this machine is at the moment is no law of any property.
settings.register_profile("patient", settings(), deadline=None)
settings.load_profile("patient")


class Broker(NamedTuple):
    """A running Kafka that tests share: each keeps to topics, groups and ids that start with its scratch_prefix."""

    bootstrap: str


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    given = os.environ.get("LEADSTREAM_TEST_BOOTSTRAP_SERVERS")
    if given:
        yield Broker(given)
        return
    with EmbeddedKafka(tmp_path_factory.mktemp("broker")) as kafka:
        yield Broker(kafka.bootstrap)


@pytest.fixture
def scratch_prefix() -> str:
    """A prefix for topics, groups and transactional ids that no other test has."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def own_broker(tmp_path: os.PathLike[str]) -> Iterator[EmbeddedKafka]:
    """A running broker of the test's own, to stop, kill and start again at will."""
    kafka = EmbeddedKafka(os.path.join(tmp_path, "broker"))
    try:
        yield kafka.start()
    finally:
        kafka.kill()
