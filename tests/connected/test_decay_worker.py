"""Decay on a real worker: thresholds are told with nobody looking, and a replay makes the same bytes of them."""

import asyncio
import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from schemas.times import DAY_MS
from tests.conftest import Broker
from tests.connected import counter_fleet
from tests.connected.installation import PARTITIONS, Installation, installed, wait

RULES = [
    {"id": 101, "name": "Linked", "eventType": "link_click", "points": 5000},
    {"id": 102, "name": "Silent", "points": -40, "inactivity": {"days": 1, "repeat": True}},
]
THRESHOLDS = list(range(100, 10_000, 100))
HALF_LIFE, LINE = {"halfLifeDays": 1}, {"percent": 60, "periodDays": 1}
OLD = [f"old-{number}" for number in range(40)]
NEW = [f"new-{number}" for number in range(40)]
START_SECONDS, SPAN_SECONDS = 12.0, 10.0
DECAYED = re.compile(r"clock-(\d+)-decay-1-([a-z]+-\d+)/default")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def made(broker: Broker, scratch_prefix: str, tmp_path: Path) -> Iterator[Installation]:
    with installed(broker.bootstrap, scratch_prefix, tmp_path) as made:
        put = made.run("rules", "put", options=("--org", "1", "-"), text=json.dumps(RULES), partitions=False)
        assert put.exit_code == 0, put.output
        put_decay(made, HALF_LIFE)
        yield made


def put_decay(made: Installation, decay: dict[str, int]) -> None:
    body = {"id": "default", "name": "Lead score", "thresholds": THRESHOLDS, "decay": decay}
    put = made.run("profiles", "put", options=("--org", "1", "-"), text=json.dumps([body]), partitions=False)
    assert put.exit_code == 0, put.output


async def _send(bootstrap: str, topic: str, events: list[tuple[str, int]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        for contact, at in events:
            body = json.dumps({"orgId": "1", "contactId": contact, "type": "link_click"}).encode()
            await producer.send(topic, body, f"1:{contact}".encode(), timestamp_ms=at)
        await producer.flush()
    finally:
        await producer.stop()


def send(made: Installation, *events: tuple[str, int]) -> None:
    asyncio.run(_send(made.bootstrap, f"{made.prefix}.engagement", list(events)))


def decayed(made: Installation) -> dict[str, list[dict[str, Any]]]:
    """What time itself has told, by contact."""
    told: dict[str, list[dict[str, Any]]] = {}
    rows = asyncio.run(counter_fleet.read_all(made.bootstrap, f"{made.prefix}.score-changed", PARTITIONS))
    for change in (json.loads(row.value) for row in rows if row.value is not None):
        if (found := DECAYED.fullmatch(change["id"])) is not None:
            told.setdefault(found.group(2), []).append(change)
    return told


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_S38_a_partition_whose_scores_decay_replays_to_the_same_bytes(made: Installation, store: str) -> None:
    begun = now_ms() - DAY_MS + int(START_SECONDS * 1000)
    ticks = {contact: begun + int(SPAN_SECONDS * 1000) * n // len(OLD) for n, contact in enumerate(OLD)}
    send(made, *ticks.items())  # a day ago by their senders' time
    made.start_worker("sent:3", STORE=store)
    assert made.process is not None and made.process.wait(60) == -signal.SIGKILL
    made.start_worker(STORE=store)
    wait(made.ready)
    send(made, *((contact, now_ms()) for contact in NEW))
    wait(lambda: now_ms() > begun + DAY_MS + SPAN_SECONDS * 1000 and made.applied() == len(OLD) + len(NEW))
    wait(lambda: decayed(made).keys() >= set(OLD))
    wait(lambda: any(contact in decayed(made) for contact in NEW))
    before = versions(made)
    put_decay(made, LINE)
    wait(lambda: min(versions(made)) > max(before))
    assert {verdict["verdict"] for verdict in made.verify().values()} == {"same"}
    for contact, changes in decayed(made).items():
        assert len({change["id"] for change in changes}) == len(changes), contact


def versions(made: Installation) -> list[int]:
    """Under which rulebook each partition is."""
    return [row["state"]["rulebookVersion"] for row in made.json("partition", "show")]
