"""Silence on real workers: paid at the due time with nobody looking, once, though the worker dies in a clock batch."""

import asyncio
import json
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
    {"id": 101, "name": "Linked", "eventType": "link_click", "points": 10},
    {"id": 102, "name": "Silent", "points": -4, "inactivity": {"days": 1}},
]
CONTACTS = [f"quiet-{number}" for number in range(30)]


@pytest.fixture
def made(broker: Broker, scratch_prefix: str, tmp_path: Path) -> Iterator[Installation]:
    with installed(broker.bootstrap, scratch_prefix, tmp_path) as made:
        made.put("rules", "-", json.dumps(RULES))
        yield made


def changes(made: Installation) -> list[dict[str, Any]]:
    rows = asyncio.run(counter_fleet.read_all(made.bootstrap, f"{made.prefix}.score-changed", PARTITIONS))
    return [json.loads(row.value) for row in rows if row.value is not None]


def silences(made: Installation) -> dict[str, list[str]]:
    """What the clock has paid: ids by contact."""
    paid: dict[str, list[str]] = {}
    for change in changes(made):
        if change["cause"]["kind"] == "clock":
            paid.setdefault(change["contactId"], []).append(change["id"])
    return paid


def wanted(due: int, *contacts: str) -> dict[str, list[str]]:
    return {contact: [f"clock-{due}-102-1-{contact}/default"] for contact in contacts}


def same(made: Installation) -> bool:
    return {verdict["verdict"] for verdict in made.verify().values()} == {"same"}


def test_S37_S60_the_wall_clock_pays_at_the_due_time_with_nobody_looking(made: Installation) -> None:
    made.start_worker()
    wait(made.ready)
    due = now_ms() + 6000
    made.click(*((contact, due - DAY_MS) for contact in CONTACTS))
    wait(lambda: len(silences(made)) == len(CONTACTS))
    assert now_ms() >= due
    assert silences(made) == wanted(due, *CONTACTS)
    assert made.json("score", "get", options=("--org", "1", CONTACTS[0]))["scores"]["default"] == 6
    assert same(made)


def test_S60_the_clock_of_records_pays_when_an_event_is_new_enough(made: Installation) -> None:
    made.start_worker(CLOCK="records")
    wait(made.ready)
    due = now_ms() + 3_600_000
    made.click(*((contact, due - DAY_MS) for contact in CONTACTS))
    wait(lambda: made.applied() == len(CONTACTS))
    assert silences(made) == {}
    made.click(*((f"busy-{number}", due) for number in range(60)))  # some in every partition
    wait(lambda: len(silences(made)) == len(CONTACTS))
    assert silences(made) == wanted(due, *CONTACTS)
    assert same(made)


@pytest.mark.slow
@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_a_worker_killed_around_a_clock_batch_pays_once(made: Installation, store: str) -> None:
    made.start_worker(STORE=store)
    wait(made.ready)
    due = now_ms() + 8000
    made.click(*((contact, due - DAY_MS) for contact in CONTACTS))
    wait(lambda: made.applied() == len(CONTACTS))
    made.end_worker(signal.SIGKILL)
    wait(lambda: now_ms() > due)
    for point in ("sent:1", "committing:1", "merging:1"):  # nothing else is left to do: the first batch is the clock's
        made.start_worker(f"{point}", STORE=store)
        assert made.process is not None
        assert made.process.wait(60) == -signal.SIGKILL
    made.start_worker(STORE=store)
    wait(lambda: len(silences(made)) == len(CONTACTS))
    assert silences(made) == wanted(due, *CONTACTS)
    assert same(made)
