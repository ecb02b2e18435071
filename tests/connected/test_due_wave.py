"""Thousands of contacts that fall due within a second: each is paid once, others are scored, nobody rejoins."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from schemas.times import DAY_MS, format_time
from tests.conftest import Broker
from tests.connected import counter_fleet
from tests.connected.leadstream_process import Leadstream, deployment

PARTITIONS = 2
CONTACTS = 5000
SPREAD_MS = 1000
LEAD_MS = 10_000
RULES = [
    {"id": 1, "name": "Opened", "eventType": "email_open", "points": 5},
    {"id": 2, "name": "Silent", "points": -4, "inactivity": {"days": 1}},
]


@pytest.fixture
def settings(broker: Broker, scratch_prefix: str, tmp_path: Path) -> Iterator[dict[str, object]]:
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps(RULES))
    yield deployment(broker.bootstrap, scratch_prefix, PARTITIONS, ["rules", "put", "--org", "1", "--yes", str(rules)])


def send(settings: dict[str, object], opens: dict[str, int]) -> None:
    """Write an open of each contact at its time."""
    producer = Producer({"bootstrap.servers": settings["BOOTSTRAP_SERVERS"], "linger.ms": 5, "partitioner": "murmur2"})
    for contact, at in opens.items():
        body = {"orgId": "1", "contactId": contact, "type": "email_open", "occurredAt": format_time(at)}
        producer.produce(f"{settings['PREFIX']}.engagement", json.dumps(body), f"1:{contact}")
    assert producer.flush(30) == 0


def changes(settings: dict[str, object]) -> list[dict[str, Any]]:
    topic = f"{settings['PREFIX']}.score-changed"
    rows = asyncio.run(counter_fleet.read_all(str(settings["BOOTSTRAP_SERVERS"]), topic, PARTITIONS))
    return [json.loads(row.value) for row in rows]


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_S37_a_wave_of_due_contacts_pays_each_once_and_rebalances_nothing(
    settings: dict[str, object], tmp_path: Path, store: str
) -> None:
    with Leadstream(tmp_path / store, "worker", STORE=store, **settings) as worker:
        worker.until_ready()
        first = time.time_ns() // 1_000_000 + LEAD_MS
        dues = {f"quiet-{number}": first + number % SPREAD_MS for number in range(CONTACTS)}
        send(settings, {contact: due - DAY_MS for contact, due in dues.items()})
        worker.until(lambda: worker.accounts().get("applied") == CONTACTS, "all are loaded")
        rebalances = worker.metric("leadstream_rebalances_total")
        busy = {f"busy-{number}": first for number in range(CONTACTS // 10)}
        worker.until(lambda: time.time_ns() // 1_000_000 >= first, "the wave begins")
        send(settings, busy)
        wanted = len(dues) * 2 + len(busy)
        worker.until(lambda: len(changes(settings)) >= wanted, "all are paid")
        told = changes(settings)
        assert worker.metric("leadstream_rebalances_total") == rebalances
        assert worker.metric("leadstream_reopened_total") == 0
    by_clock = [change for change in told if change["cause"]["kind"] == "clock"]
    assert sorted(change["id"] for change in by_clock) == sorted(
        f"clock-{due}-2-1-{contact}/default" for contact, due in dues.items()
    )
    assert {(change["previousScore"], change["score"]) for change in by_clock} == {(5, 1)}
    assert sorted(change["contactId"] for change in told if change["cause"]["kind"] == "event") == sorted(dues | busy)
