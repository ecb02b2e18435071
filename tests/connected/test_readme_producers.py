"""The README's producers put an event where leadstream reads it: as printed, but for broker, topic and contact."""

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from stream_app.operations.jars import cache_dir, fetch_jars, read_lock
from stream_app.processing.placement import partition_of
from tests.conftest import Broker
from tests.connected.test_readme import README, block

PARTITIONS = 8
CONTACTS = ("42", "43", "44")  # CRC32 would put each of them elsewhere


def compiler() -> str | None:
    """A java that runs source files; the packaged runtime has no compiler."""
    java = shutil.which("java")
    if java is None:
        return None
    modules = subprocess.run([java, "--list-modules"], capture_output=True, text=True, timeout=60, check=False)
    return java if "jdk.compiler" in modules.stdout else None


class Topic:
    """A topic to send to, in a snippet and for real."""

    def __init__(self, broker: Broker, name: str) -> None:
        self._broker, self._name = broker, name

    def filled(self, text: str, contact: str) -> str:
        text = text.replace("localhost:9092", self._broker.bootstrap).replace("leadstream.engagement", self._name)
        return text.replace("70042", contact)

    def holds(self, *contacts: str) -> None:
        """Exactly one record of each, in its contact's partition."""
        reader = Consumer({"bootstrap.servers": self._broker.bootstrap, "group.id": self._name})
        reader.assign([TopicPartition(self._name, number, 0) for number in range(PARTITIONS)])
        try:
            records = []
            while len(records) < len(contacts):
                records += reader.consume(len(contacts), timeout=1)
        finally:
            reader.close()
        assert {record.key() for record in records} == {f"1:{contact}".encode() for contact in contacts}
        for record in records:
            assert record.partition() == partition_of(record.key(), PARTITIONS)
            assert f'"contactId": "{record.key().decode()[2:]}"'.encode() in record.value()


@pytest.fixture
async def topic(broker: Broker, create_topic: Callable[..., Awaitable[str]]) -> AsyncIterator[Topic]:
    yield Topic(broker, await create_topic("engagement", PARTITIONS))


def fenced(language: str) -> str:
    """The one block of a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL)
    return found


async def test_aiokafka_as_printed(topic: Topic) -> None:
    for contact in CONTACTS:
        code = compile(topic.filled(block("AIOKafkaProducer"), contact), README, "exec")
        await asyncio.to_thread(exec, code, {})
    topic.holds(*CONTACTS)


@pytest.mark.skipif(compiler() is None, reason="no Java compiler here")
async def test_java_as_printed(topic: Topic, tmp_path: Path) -> None:
    jars = [jar for jar in fetch_jars(read_lock(), cache_dir()) if jar.name.startswith(("kafka-clients", "slf4j-api"))]
    source = tmp_path / "Send.java"
    for contact in CONTACTS[:2]:
        source.write_text(topic.filled(fenced("java"), contact))
        command = [str(compiler()), "-cp", os.pathsep.join(map(str, jars)), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
    topic.holds(*CONTACTS[:2])


@pytest.mark.skipif(shutil.which("kcat") is None, reason="no kcat here")
async def test_kcat_as_printed(topic: Topic) -> None:
    (text,) = [text for text in re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL) if "kcat" in text]
    for contact in CONTACTS:
        done = subprocess.run(
            ["sh", "-ec", topic.filled(text, contact)], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
    topic.holds(*CONTACTS)
