"""Replay against a real broker: everything acknowledged is there, in order, where Java would have put it."""

import asyncio
import itertools
import time
from collections import defaultdict
from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition
from click.testing import CliRunner

from stream_app.operations import dataset
from stream_app.operations.generate_commands import generate as generate_command
from stream_app.operations.generator import generate
from stream_app.operations.jars import cache_dir
from stream_app.operations.replay import Outgoing, Pace, open_producer, replay
from stream_app.processing.placement import partition_of
from tests.conftest import Broker
from tests.connected.conftest import CreateTopic

PARTITIONS = 4
Rows = dict[TopicPartition, list[tuple[bytes | None, bytes | None]]]


def wanted(records: Iterable[Outgoing]) -> Rows:
    rows: Rows = defaultdict(list)
    for record in records:
        rows[TopicPartition(record.topic, 0 if record.key is None else partition_of(record.key, PARTITIONS))].append(
            (record.key, record.value)
        )
    return dict(rows)


async def read(bootstrap: str, topics: Iterable[str]) -> Rows:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]
        consumer.assign(places)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(places)
        rows: Rows = defaultdict(list)
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for place, records in (await consumer.getmany(timeout_ms=500)).items():
                rows[place] += [(record.key, record.value) for record in records]
        return dict(rows)
    finally:
        await consumer.stop()


async def test_what_is_acknowledged_is_there_in_order(broker: Broker, create_topic: CreateTopic) -> None:
    names = {part: await create_topic(part, PARTITIONS) for part in ("engagement", "commands", "contacts")}
    load = generate(3, 500, 20_000, bad_share=0.05, commands_share=0.1, attributes_share=0.05)
    records = [Outgoing(names[part], key, value) for part, key, value in load]
    told: list[int] = []
    async with open_producer(bootstrap_servers=broker.bootstrap) as producer:
        acknowledged = await replay(records, producer, PARTITIONS, progress=told.append)
    rows = await asyncio.wait_for(read(broker.bootstrap, names.values()), 60)
    assert rows == wanted(records)
    assert acknowledged == {place: len(found) for place, found in rows.items()}
    assert told == sorted(told) and told[-1] == len(records)


async def test_the_real_orders_are_replayed_at_the_asked_speed(broker: Broker, create_topic: CreateTopic) -> None:
    topic = await create_topic("orders", PARTITIONS)
    wheel = dataset.fetch(cache_dir() / "data")
    events = itertools.islice(dataset.events(wheel), 2000)
    records = [Outgoing(topic, key, value, at) for key, value, at in events]
    started = time.monotonic()
    async with open_producer(bootstrap_servers=broker.bootstrap) as producer:
        await replay(records, producer, PARTITIONS, Pace(per_second=2000))
    assert time.monotonic() - started > 0.9  # never faster than asked; how much slower is the machine's affair
    assert await asyncio.wait_for(read(broker.bootstrap, [topic]), 60) == wanted(records)


def test_the_orders_are_the_published_ones() -> None:
    wheel = dataset.fetch(cache_dir() / "data")
    found = list(dataset.events(wheel))
    assert len(found) == 334_746
    assert len({key for key, _, _ in found}) == 23_570
    assert found == sorted(found, key=lambda event: event[2])


async def test_the_command_reports_what_was_acknowledged(
    broker: Broker, create_topic: CreateTopic, scratch_prefix: str
) -> None:
    for part in ("engagement", "commands", "contacts"):
        await create_topic(part, PARTITIONS)
    asked = ["--bootstrap-servers", broker.bootstrap, "--prefix", scratch_prefix, "--events", "500", "--json"]
    run = CliRunner().invoke
    done = await asyncio.to_thread(run, generate_command, [*asked, "--partitions", str(PARTITIONS)])
    assert done.exit_code == 0, done.output
    assert f'"{scratch_prefix}.engagement": 500' in done.stdout
    refused = await asyncio.to_thread(run, generate_command, [*asked, "--partitions", "3"])
    assert refused.exit_code == 1 and "has 4 partitions, 3 wanted" in refused.output


def test_without_brokers_the_command_says_what_is_missing() -> None:
    told = CliRunner(env={"LEADSTREAM_BOOTSTRAP_SERVERS": ""}).invoke(generate_command, [])
    assert told.exit_code == 2 and "LEADSTREAM_BOOTSTRAP_SERVERS" in told.output
