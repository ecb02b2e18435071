"""The README's Python is true: each block runs as printed, only the broker's address replaced."""

import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Consumer, TopicPartition

from stream_app.delivery import ExactlyOnceApp
from stream_app.processing.placement import partition_of
from tests.conftest import Broker
from tests.connected.counter import Counter

README = Path(__file__).parents[2] / "README.md"
PARTITIONS = 8
CONTACTS = [str(number) for number in range(42, 62)]  # CRC32 would put most of them elsewhere


def block(marker: str) -> str:
    """The one Python block with this text."""
    (found,) = [text for text in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL) if marker in text]
    return found


def local(text: str, broker: Broker, prefix: str) -> str:
    return text.replace("localhost:9092", broker.bootstrap).replace('"leadstream.', f'"{prefix}.')


async def test_the_producer_puts_every_contact_where_leadstream_reads_it(
    broker: Broker, scratch_prefix: str, create_topic: Callable[..., Awaitable[str]]
) -> None:
    topic = await create_topic("engagement", PARTITIONS)
    for contact in CONTACTS:
        text = local(block("murmur2_random"), broker, scratch_prefix).replace('"70042"', f'"{contact}"')
        exec(compile(text, README, "exec"), {})  # noqa: S102 - it is our own README
    reader = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": scratch_prefix})
    reader.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    try:
        records = []
        while len(records) < len(CONTACTS):
            records += reader.consume(len(CONTACTS), timeout=1)
    finally:
        reader.close()
    assert {record.key() for record in records} == {f"1:{contact}".encode() for contact in CONTACTS}
    for record in records:
        assert record.partition() == partition_of(record.key(), PARTITIONS)


async def test_the_reader_sees_committed_changes_only(
    broker: Broker, scratch_prefix: str, create_topic: Callable[..., Awaitable[str]]
) -> None:
    topic = await create_topic("score-changed")
    change = {"contactId": "42", "previousScore": 45, "score": 70, "id": "an id"}
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id=scratch_prefix)
    await producer.start()
    try:
        for value, commit in ((b"never shown", False), (json.dumps(change).encode(), True), (None, True)):
            await producer.begin_transaction()
            await producer.send_and_wait(topic, value, key=b"1:42")
            await (producer.commit_transaction() if commit else producer.abort_transaction())
    finally:
        await producer.stop()
    printed: list[tuple[Any, ...]] = []

    def show(*words: Any) -> None:
        printed.append(words)
        if len(printed) == 2:
            raise EOFError

    text = local(block("read_committed"), broker, scratch_prefix).replace('"crm"', f'"{scratch_prefix}"')
    names: dict[str, Any] = {"print": show}
    try:
        with pytest.raises(EOFError):
            exec(compile(text, README, "exec"), names)  # noqa: S102 - it is our own README
    finally:
        names["consumer"].close()
    assert printed == [("42", 45, "->", 70, "an id"), (b"1:42", "erased")]


def test_the_job_is_an_application() -> None:
    names: dict[str, Any] = {"Counter": Counter}
    exec(compile(block("ExactlyOnceApp("), README, "exec"), names)  # noqa: S102 - it is our own README
    assert isinstance(names["app"], ExactlyOnceApp)


def test_every_file_the_readme_names_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README.read_text())
    assert links and [link for link in links if not (README.parent / link).exists()] == []
