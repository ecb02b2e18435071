"""Decay on a real worker: thresholds are told with nobody looking, and a replay makes the same bytes of them."""

import asyncio
import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.times import DAY_MS
from tests.conftest import Broker
from tests.connected import counter_fleet
from tests.connected.installation import PARTITIONS, Installation, installed, now_ms, wait

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


@pytest.fixture
def made(broker: Broker, scratch_prefix: str, tmp_path: Path) -> Iterator[Installation]:
    with installed(broker.bootstrap, scratch_prefix, tmp_path) as made:
        made.put("rules", "-", json.dumps(RULES))
        put_decay(made, HALF_LIFE)
        yield made


def put_decay(made: Installation, decay: dict[str, int]) -> None:
    body = {"id": "default", "name": "Lead score", "thresholds": THRESHOLDS, "decay": decay}
    made.put("profiles", "-", json.dumps([body]))


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
    made.click(*ticks.items(), by="record")  # a day ago by their senders' time
    made.start_worker("sent:3", STORE=store)
    assert made.process is not None and made.process.wait(60) == -signal.SIGKILL
    made.start_worker(STORE=store)
    wait(made.ready)
    made.click(*((contact, now_ms()) for contact in NEW), by="record")
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
