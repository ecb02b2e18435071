"""`state verify` on a real worker that is killed under load: the same bytes; and a planted difference is named."""

import asyncio
import collections
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from tests.conftest import Broker
from tests.connected.installation import PARTITIONS, Installation, installed, wait

OUTPUTS = {".score-changed", ".threshold-crossed", ".dead-letters"}
EDITED = '[{"id": 3, "name": "Link clicked", "eventType": "email_click", "points": 7}]'


@pytest.fixture
def installation(broker: Broker, scratch_prefix: str, tmp_path: Path) -> Iterator[Installation]:
    with installed(broker.bootstrap, scratch_prefix, tmp_path) as made:
        yield made


async def write(bootstrap: str, topic: str, partition: int, key: bytes | None, value: bytes | None) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        await producer.send_and_wait(topic, value, key, partition=partition)
    finally:
        await producer.stop()


async def delete_before(bootstrap: str, place: TopicPartition, offset: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_records({place: RecordsToDelete(before_offset=offset)})
    finally:
        await admin.close()


def verified_under_load(made: Installation) -> dict[int, dict[str, Any]]:
    """Kill a worker under load, change a rule, verify before the load ends; return those verdicts."""
    made.start_worker()
    wait(made.ready)
    # two, because a compacted topic takes no record without a key: one kind of broken attributes
    sending = [
        made.load(1, 6000, 600, "--bad-share", "0.05", "--commands-share", "0.1"),
        made.load(2, 2000, 300, "--attributes-share", "0.5"),
    ]
    wait(lambda: (made.json("partition", "show")[0]["state"] or {"seq": 0})["seq"] > 3)
    made.end_worker(signal.SIGKILL)
    made.start_worker()
    wait(made.ready)
    edit = made.run("rules", "put", options=("--org", "1", "-"), text=EDITED, partitions=False)
    assert edit.exit_code == 0
    under_way = made.verify()
    assert {verdict["verdict"] for verdict in under_way.values()} == {"same"}, under_way
    assert [process.wait(60) for process in sending] == [0, 0]
    wait(lambda: made.applied() > 0)
    return under_way


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_replayed_partition_is_the_same_after_kills_and_a_planted_difference_is_named(
    installation: Installation,
) -> None:
    made = installation
    under_way = verified_under_load(made)
    still = made.verify()
    assert {verdict["verdict"] for verdict in still.values()} == {"same"}, still
    records = [row["state"] for row in made.json("partition", "show")]
    for number, verdict in still.items():
        assert verdict["seq"] == records[number]["seq"] > under_way[number]["seq"] - 1
        assert verdict["journal"]["first"] == 1
        assert verdict["stateNotCompared"] == 0
    compared: collections.Counter[str] = collections.Counter()
    for verdict in still.values():
        compared.update({topic: count["compared"] for topic, count in verdict["outputs"].items()})
    assert compared.total() > 3000
    assert {topic.removeprefix(made.prefix) for topic, count in compared.items() if count} == OUTPUTS
    assert made.run("state", "verify", options=("--partition", "0")).exit_code == 0
    assert_redriven(made)
    assert_adjusted(made)
    made.end_worker(signal.SIGTERM)
    assert {verdict["verdict"] for verdict in made.verify().values()} == {"same"}
    assert_lost_ranges_are_said(made)
    assert_named(made)


def assert_adjusted(made: Installation) -> None:
    before = made.json("score", "get", options=("--org", "1", "1"))["scores"]["default"]
    adjust = ("--org", "1", "1", "7", "--reason", "call", "--command-id", "once")
    for _ in range(2):  # the same command twice counts once
        assert made.json("score", "adjust", options=adjust)["commandId"] == "once"
    wait(lambda: made.json("score", "get", options=("--org", "1", "1"))["scores"]["default"] == before + 7)
    wait(lambda: made.applied() > 0)
    assert made.json("score", "get", options=("--org", "1", "1"))["scores"]["default"] == before + 7
    assert made.run("score", "adjust", options=("--org", "1", "1", "--", "-3")).exit_code == 0
    assert made.run("score", "adjust", options=("--org", "no org", "1", "3")).exit_code == 2
    assert made.run("score", "get", options=("--org", "1", "nobody")).exit_code == 1
    wait(lambda: made.applied() > 0)


def assert_lost_ranges_are_said(made: Installation) -> None:
    """Outputs that retention took are counted; a journal without its beginning is no ground to start from."""
    topic = f"{made.prefix}.score-changed"
    asyncio.run(delete_before(made.bootstrap, TopicPartition(topic, 0), 100))
    verdict = made.verify()[0]
    assert verdict["verdict"] == "same"
    assert 0 < verdict["outputs"][topic]["notRetained"] <= 100 < verdict["outputs"][topic]["compared"]
    asyncio.run(delete_before(made.bootstrap, TopicPartition(f"{made.prefix}.journal", 0), 3))
    told = made.run("state", "verify", options=("--partition", "0"))
    assert told.exit_code == 1
    assert "partition 0: impossible: the journal is retained from batch" in told.stdout


def assert_redriven(made: Installation) -> None:
    listed = made.json("dead-letters", "list", options=("--limit", "5"))
    assert len(listed["deadLetters"]) == 5 < listed["total"]
    unkeyed = made.json("dead-letters", "list", options=("--reason", "missing_key", "--limit", "1"))["deadLetters"][0]
    shown = made.json("dead-letters", "show", options=(unkeyed["ref"],))
    assert shown["key"] is None and shown["headers"] and "contactId" in shown["value"]
    assert unkeyed["redriveCount"] == 0
    dry = made.json("dead-letters", "redrive", options=(unkeyed["ref"], "--dry-run"))
    assert dry == {"dryRun": True, "sent": [unkeyed["ref"]], "left": []}
    assert made.run("dead-letters", "redrive", options=(unkeyed["ref"],), text="n\n").exit_code == 1
    assert made.json("dead-letters", "list")["total"] == listed["total"]
    assert made.run("dead-letters", "redrive", options=(unkeyed["ref"], "--yes")).exit_code == 0
    wait(lambda: made.json("dead-letters", "list")["total"] == listed["total"] + 1)
    again = made.json("dead-letters", "list", options=("--reason", "missing_key", "--limit", "1"))["deadLetters"][0]
    assert again["redriveCount"] == 1
    assert again["origin"].rpartition("-")[0] == unkeyed["origin"].rpartition("-")[0]
    assert made.json("dead-letters", "show", options=(again["ref"],))["value"] == shown["value"]


def assert_named(made: Installation) -> None:
    """Plant a wrong score, then an output that nobody sent; both are told with their key."""
    row = next(row for row in made.json("state", "dump", options=("--partition", "1")) if row["section"] == "core")
    contact = row["contact"]
    org, name = contact.split(":")
    assert made.json("state", "get", options=("--org", org, name))[0] == row
    changelog = f"{made.prefix}-contacts-changelog"
    asyncio.run(write(made.bootstrap, changelog, 1, contact.encode() + b"\0c", b"\x99wrong"))
    verdict = made.verify()
    assert [verdict[p]["verdict"] for p in range(PARTITIONS)] == ["impossible", "different", "same"]
    (difference,) = verdict[1]["differences"]
    assert (difference["where"], difference["contact"], difference["section"]) == ("state", contact, "core")
    assert difference["replayed"] == row["value"]
    asyncio.run(write(made.bootstrap, f"{made.prefix}.score-changed", 2, contact.encode(), b"{}"))
    told = made.run("state", "verify", options=("--partition", "2"))
    assert told.exit_code == 1
    assert f"score-changed  {contact}" in told.stdout


@pytest.mark.timeout(180)
def test_second_application_on_the_same_topics_is_told_apart(installation: Installation) -> None:
    made = installation
    assert {verdict["why"] for verdict in made.verify().values()} == {"the partition has no state yet"}
    made.start_worker(crash="committed:6")
    sending = made.load(3, 1500, 500)
    assert made.process is not None
    assert made.process.wait(60) == -signal.SIGKILL
    made.start_worker()
    assert sending.wait(60) == 0
    wait(lambda: made.applied() > 0)
    made.end_worker(signal.SIGTERM)
    first = made.verify()
    assert {verdict["verdict"] for verdict in first.values()} == {"same"}, first
    assert all(any(count["compared"] for count in verdict["outputs"].values()) for verdict in first.values())

    made.use(f"{made.prefix}-again")
    assert made.run("topics", "apply").exit_code == 0
    made.start_worker()
    wait(lambda: made.applied() > 0)
    for app_id in (made.prefix, f"{made.prefix}-again"):
        made.use(app_id)
        for verdict in made.verify().values():
            assert verdict["verdict"] == "same" and verdict["stateRecords"] > 10
            assert "outputs are not compared" in verdict["why"] and verdict["outputs"] == {}
