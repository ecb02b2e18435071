"""A sweep on a real worker that is killed in its middle, again and again: every contact is told once (D15)."""

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from schemas.journal import BatchJournal
from tests.conftest import Broker
from tests.connected import counter_fleet
from tests.connected.installation import PARTITIONS, Installation, installed, wait

RULES = [{"id": 101, "name": "Linked", "eventType": "link_click", "points": 10}]
BEFORE = [{"id": "default", "name": "Lead score", "thresholds": [8]}]
AFTER = [{"id": "default", "name": "Lead score", "thresholds": [8], "ceiling": 5}]
CONTACTS = [f"idle-{number}" for number in range(3600)]  # three parts of a sweep in each partition
KILLS = ("sent:2", "committing:2", "committed:2", "merging:2")


@pytest.fixture
def made(broker: Broker, scratch_prefix: str, tmp_path: Path) -> Iterator[Installation]:
    with installed(broker.bootstrap, scratch_prefix, tmp_path) as made:
        put(made, "rules", RULES)
        put(made, "profiles", BEFORE)
        yield made


def put(made: Installation, kind: str, bodies: list[dict[str, Any]]) -> None:
    done = made.run(kind, "put", options=("--org", "1", "-"), text=json.dumps(bodies), partitions=False)
    assert done.exit_code == 0, done.output


async def send_clicks(bootstrap: str, topic: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        for contact in CONTACTS:
            body = {"orgId": "1", "contactId": contact, "type": "link_click"}
            await producer.send(topic, json.dumps(body).encode(), f"1:{contact}".encode())
        await producer.flush()
    finally:
        await producer.stop()


def told(made: Installation, topic: str) -> list[dict[str, Any]]:
    """What a publish alone has caused."""
    rows = asyncio.run(counter_fleet.read_all(made.bootstrap, f"{made.prefix}.{topic}", PARTITIONS))
    bodies = [json.loads(row.value) for row in rows if row.value is not None]
    return [body for body in bodies if body["cause"]["kind"] == "config"]


def parts(made: Installation) -> dict[bytes, list[BatchJournal]]:
    """The parts of sweeps in the journal of each partition."""
    rows = asyncio.run(counter_fleet.read_all(made.bootstrap, f"{made.prefix}.journal", PARTITIONS))
    found: dict[bytes, list[BatchJournal]] = {}
    for row in rows:
        entry = msgspec.json.decode(row.value or b"", type=BatchJournal)
        if entry.kind == "sweep":
            found.setdefault(row.key or b"", []).append(entry)
    return found


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_D15_a_worker_killed_in_the_middle_of_a_sweep_tells_every_contact_once(made: Installation) -> None:
    made.start_worker(STORE="rocksdb")
    wait(made.ready)
    asyncio.run(send_clicks(made.bootstrap, f"{made.prefix}.engagement"))
    wait(lambda: made.applied() == len(CONTACTS))
    made.end_worker(signal.SIGKILL)
    put(made, "profiles", AFTER)
    for point in KILLS:  # nothing else is to be done: the second batch is one of the sweep's
        made.start_worker(point, STORE="rocksdb")
        assert made.process is not None
        assert made.process.wait(60) == -signal.SIGKILL
    assert 0 < len(told(made, "score-changed")) < len(CONTACTS)  # in its middle indeed
    made.start_worker(STORE="rocksdb")
    wait(lambda: len(told(made, "score-changed")) == len(CONTACTS), 120)
    changes, crossings = told(made, "score-changed"), told(made, "threshold-crossed")
    version = changes[0]["rulebookVersion"]
    wanted = {f"config-{version}-1-{contact}/default" for contact in CONTACTS}
    assert {change["id"] for change in changes} == wanted
    assert {(change["previousScore"], change["score"], change["version"]) for change in changes} == {(10, 5, 2)}
    assert sorted(crossed["id"] for crossed in crossings) == sorted(f"{name}/8/down" for name in wanted)
    wait(lambda: all(entries[-1].sweep is not None and entries[-1].sweep.done for entries in parts(made).values()))
    for entries in parts(made).values():
        chain = [entry.sweep for entry in entries if entry.sweep is not None]
        assert len(chain) > 2
        assert [part.from_key for part in chain] == ["", *(part.to_key for part in chain[:-1])]
        assert [part.done for part in chain] == [False] * (len(chain) - 1) + [True]
    assert {verdict["verdict"] for verdict in made.verify().values()} == {"same"}
