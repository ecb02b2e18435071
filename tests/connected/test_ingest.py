"""A source with any key is scored as if it had been keyed, exactly once, whatever becomes of the workers."""

import json
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from stream_app.processing.placement import partition_of
from tests.conftest import Broker
from tests.connected.leadstream_process import Leadstream, run
from tests.faults.clients import write_config
from tests.faults.logs import Entry, Logs, read_logs
from tests.faults.oracle import check
from tests.scoring_kit import T0, profile_record, rule_record

PARTITIONS = 2
WEB_PARTITIONS = 3
CONTACTS = 40
RULES = (rule_record(0, id=1, eventType="page_visit", points=1), profile_record(1, 5))
Place = tuple[int, int]

BAD: tuple[tuple[bytes | None, bytes], ...] = (
    (b"{", b"not_json"),
    (None, b"not_json"),
    (b'{"orgId": "1", "type": "page_visit"}', b"invalid_event"),
    (b'{"orgId": "a b", "contactId": "42", "type": "page_visit"}', b"invalid_event"),
    (json.dumps({"orgId": "1", "contactId": "42", "type": "page_visit", "x": "y" * 262_144}).encode(), b"too_large"),
)


@dataclass
class Load:
    """What was sent to the source, by (partition, offset): contact and event id, or the reason to refuse it."""

    bootstrap: str
    topic: str
    random: Random = field(default_factory=lambda: Random(5))  # noqa: S311 - a made-up load
    events: dict[Place, tuple[str, str]] = field(default_factory=dict)
    refused: dict[Place, bytes] = field(default_factory=dict)
    made: int = 0

    def send(self, count: int) -> None:
        """Send events without key, with a wrong one or the right one, anywhere; some twice, some bad."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "compression.type": "gzip", "linger.ms": 5})
        for _ in range(count):
            if self.random.random() < 0.05:
                body, reason = self.random.choice(BAD)
                self._produce(producer, body, reason)
                continue
            self.made += 1
            contact, event = str(self.random.randrange(CONTACTS)), f"e-{self.made}"
            body = json.dumps({"eventId": event, "orgId": "1", "contactId": contact, "type": "page_visit"}).encode()
            for _ in range(self.random.choice((1, 1, 1, 2))):
                self._produce(producer, body, (contact, event))
        assert producer.flush(60) == 0

    def _produce(self, producer: Producer, body: bytes | None, what: bytes | tuple[str, str]) -> None:
        def told(error: Any, message: Message) -> None:
            assert error is None, error
            place = int(message.partition() or 0), int(message.offset() or 0)
            if isinstance(what, bytes):
                self.refused[place] = what
            else:
                self.events[place] = what

        key = self.random.choice((None, b"", b"1:7", b"not a key", b"\xff"))
        where = self.random.randrange(WEB_PARTITIONS)
        stamp = T0 + len(self.events)
        headers: list[tuple[str, str | bytes | None]] = [("trace", str(self.made).encode()), ("empty", None)]
        producer.produce(self.topic, body, key, where, on_delivery=told, timestamp=stamp, headers=headers)
        producer.poll(0)

    @property
    def total(self) -> int:
        return len(self.events) + len(self.refused)

    def scores(self) -> dict[str, int]:
        """The score of each contact: one point for each event, however often it was sent."""
        return dict(Counter(contact for contact, _ in set(self.events.values())))


@pytest.fixture
def load(broker: Broker, scratch_prefix: str) -> Iterator[Load]:
    topic = f"{scratch_prefix}.web"
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    kept = {"retention.ms": "-1"}  # senders' times are those of the past
    for made in admin.create_topics([NewTopic(topic, WEB_PARTITIONS, 1, config=kept)]).values():
        made.result()
    yield Load(broker.bootstrap, topic)
    for gone in admin.delete_topics([topic]).values():
        gone.result()


@pytest.fixture
def settings(broker: Broker, scratch_prefix: str, load: Load) -> dict[str, object]:
    own: dict[str, object] = {
        "BOOTSTRAP_SERVERS": broker.bootstrap, "PREFIX": scratch_prefix, "APP_ID": scratch_prefix,
        "PARTITIONS": PARTITIONS, "SESSION_TIMEOUT_SECONDS": 6, "MAX_BATCH_RECORDS": 50,
        "ENGAGEMENT_TOPICS": f"{scratch_prefix}.engagement:keyed,{load.topic}:any",
    }  # fmt: skip
    done = run("topics", "apply", "--yes", settings=own)
    assert done.returncode == 0, done.stderr
    write_config(broker.bootstrap, scratch_prefix, [(record.key, record.value) for record in RULES])
    return own


def ingested(*workers: Leadstream) -> int:
    """Records of the source that are accounted for by those who hold its partitions; 0 while one does not answer."""
    if any(worker.get("/metrics")[0] != 200 for worker in workers):
        return 0
    return int(sum(worker.metric("leadstream_ingest_records_total") for worker in workers))


def origin(entry: Entry) -> Place:
    own = dict(entry.headers)
    return int(own["leadstream-origin-partition"] or b""), int(own["leadstream-origin-offset"] or b"")


def is_rekeyed_once(logs: Logs, load: Load) -> None:
    seen: Counter[Place] = Counter()
    newest: dict[tuple[int, int], int] = {}
    for partition in range(PARTITIONS):
        for entry in logs.of(logs.topic("rekeyed"), partition):
            place = origin(entry)
            seen[place] += 1
            contact, event = load.events[place]
            key = f"1:{contact}".encode()
            assert (entry.key, partition_of(key, PARTITIONS)) == (key, partition)
            assert json.loads(entry.value or b"")["eventId"] == event
            names = [name for name, _ in entry.headers]
            assert names[:2] == ["trace", "empty"]
            assert dict(entry.headers)["leadstream-origin-topic"] == load.topic.encode()
            assert T0 <= int(dict(entry.headers)["leadstream-origin-timestamp"] or b"") <= T0 + len(load.events)
            assert place[1] > newest.get((partition, place[0]), -1), "order of the source"
            newest[partition, place[0]] = place[1]
    assert seen == Counter(dict.fromkeys(load.events, 1))


def is_refused_once(logs: Logs, load: Load) -> None:
    seen: list[Place] = []
    for partition in range(PARTITIONS):
        for entry in logs.of(logs.topic("dead-letters"), partition):
            own = dict(entry.headers)
            assert own["__streams.errors.topic"] == load.topic.encode()
            place = int(own["__streams.errors.partition"] or b""), int(own["__streams.errors.offset"] or b"")
            assert place[0] % PARTITIONS == partition
            assert own["leadstream-reason"] == load.refused[place]
            seen.append(place)
    assert sorted(seen) == sorted(load.refused)


def is_scored_as_keyed(logs: Logs, load: Load) -> None:
    newest: dict[str, tuple[int, int, str]] = {}
    for partition in range(PARTITIONS):
        for entry in logs.of(logs.topic("score-changed"), partition):
            change = json.loads(entry.value or b"")
            newest[change["contactId"]] = change["score"], change["version"], change["occurredAt"]
    assert {contact: score for contact, (score, _, _) in newest.items()} == load.scores()
    assert all(version == score for score, version, _ in newest.values())
    assert all(at.startswith("2026-01-01T00:0") for _, _, at in newest.values()), "time of the origin"
    for partition in range(
        PARTITIONS
    ):  # the oracle knows what partitions write; ingest's dead letters are checked above
        logs.entries[logs.topic("dead-letters"), partition] = []
    verdict = check(logs)
    assert verdict.ok, verdict.table()
    assert verdict.totals["inputs"] == len(load.events)


def is_exact(broker: Broker, prefix: str, load: Load) -> None:
    logs = read_logs(broker.bootstrap, prefix, prefix, PARTITIONS)
    is_rekeyed_once(logs, load)
    is_refused_once(logs, load)
    is_scored_as_keyed(logs, load)


def until_scored(load: Load, *workers: Leadstream) -> None:
    def scored() -> bool:
        accounts = [worker.accounts() for worker in workers]
        if not all(accounts) or any(account["lag"] for account in accounts):
            return False
        return sum(sum(account.values()) for account in accounts) == len(load.events)

    workers[0].until(lambda: ingested(*workers) == load.total, "all records of the source accounted for")
    workers[0].until(scored, "all that was re-keyed is scored")


def adds_up(worker: Leadstream, load: Load) -> None:
    """Position = records by outcome + gaps, per source partition; no partition began above 0."""
    lines = [line for line in worker.get("/metrics")[1].splitlines() if line.startswith("leadstream_ingest_")]
    for partition in range(WEB_PARTITIONS):
        of = {line.split("{")[0]: 0.0 for line in lines}
        for line in lines:
            if f'partition="{partition}"' in line and "phase" not in line:
                of[line.split("{")[0]] += float(line.rpartition(" ")[2])
        sent = sum(place[0] == partition for place in (*load.events, *load.refused))
        assert of["leadstream_ingest_records_total"] == sent
        assert of["leadstream_ingest_position"] == sent + of["leadstream_ingest_gaps_total"]
        assert of["leadstream_ingest_lag_records"] == 0
    rows = [row for row in worker.get("/v1/accounting?orgId=1")[1]["data"] if row["role"] == "any"]
    assert [row["partition"] for row in rows] == list(range(WEB_PARTITIONS))
    for row in rows:
        assert row["to"] - row["from"] == row["rekeyed"] + row["deadLetter"] + row["gaps"]
        assert row["rekeyed"] == sum(place[0] == row["partition"] for place in load.events)
        assert row["deadLetter"] == sum(place[0] == row["partition"] for place in load.refused)


def test_a_mix_over_crashes_is_rekeyed_and_scored_exactly_once(
    broker: Broker, scratch_prefix: str, settings: dict[str, object], load: Load, tmp_path: Path
) -> None:
    crashes = ("ingest sent:6", "ingest committing:2", "ingest committed:3", "ingest committing:4:3")
    for crash in crashes:
        load.send(400)
        with Leadstream(tmp_path, "worker", **settings, CRASH=crash) as worker:
            assert worker.ended(seconds=90) == -signal.SIGKILL, worker.log
    with Leadstream(tmp_path, "worker", **settings) as worker:  # and by pid, while records flow
        worker.until(lambda: ingested(worker) > 0, "some records")
        load.send(400)
        assert worker.ended(signal.SIGKILL) == -signal.SIGKILL
    with Leadstream(tmp_path, "worker", **settings) as worker:
        load.send(200)
        until_scored(load, worker)
        worker.until_ready()
        adds_up(worker, load)
        assert worker.ended(signal.SIGTERM) == 0
    assert "Traceback" not in worker.log
    is_exact(broker, scratch_prefix, load)


def test_two_workers_share_a_source_and_one_leaves(
    broker: Broker, scratch_prefix: str, settings: dict[str, object], load: Load, tmp_path: Path
) -> None:
    with (
        Leadstream(tmp_path / "one", "worker", **settings) as one,
        Leadstream(tmp_path / "two", "worker", **settings) as two,
    ):

        def running(worker: Leadstream) -> int:
            status, text = worker.get("/metrics")
            return text.count('phase="running",topic') if status == 200 else 0

        load.send(300)
        one.until(lambda: sorted((running(one), running(two))) == [1, 2], "both hold partitions")
        load.send(300)
        until_scored(load, one, two)
        assert two.ended(signal.SIGTERM) == 0
        one.until(lambda: running(one) == WEB_PARTITIONS, "all partitions")
        load.send(300)
        until_scored(load, one)
        adds_up(one, load)
        assert one.ended(signal.SIGTERM) == 0
    assert "Traceback" not in one.log + two.log
    is_exact(broker, scratch_prefix, load)


def test_ingest_that_stopped_is_told_by_ready_and_metrics_and_the_rest_goes_on(
    settings: dict[str, object], load: Load, tmp_path: Path
) -> None:
    with Leadstream(tmp_path, "worker", **settings) as worker:
        load.send(100)
        until_scored(load, worker)
        assert worker.ended(signal.SIGTERM) == 0
    load.send(100)
    lost = delete_everything(load, partition=1)
    with Leadstream(tmp_path, "worker", **settings) as worker:

        def why() -> str:
            status, body = worker.get("/ready")
            return body["detail"] if status == 503 else ""

        at, end = lost
        sentence = f"ingest of {load.topic}-1 is stopped: {load.topic}-1 lost offsets [{at}, {end})"
        worker.until(lambda: sentence in why(), "the range")
        missing = end - at
        worker.until(
            lambda: ingested(worker) == load.total - end, "the others"
        )  # nothing is told of one that is not open
        assert missing > 0
        assert 'leadstream_ingest_phase{partition="1",phase="stopped"' in worker.get("/metrics")[1]
        assert worker.ended(signal.SIGTERM) == 0


def delete_everything(load: Load, partition: int) -> tuple[int, int]:
    """Delete all records of a partition; return which were not re-keyed."""
    end = 1 + max(offset for number, offset in (*load.events, *load.refused) if number == partition)
    admin = AdminClient({"bootstrap.servers": load.bootstrap})
    for done in admin.delete_records([TopicPartition(load.topic, partition, end)]).values():
        done.result()
    group = f"{load.topic.rpartition('.')[0]}-ingest"
    consumer = Consumer({"bootstrap.servers": load.bootstrap, "group.id": group, "enable.auto.commit": False})
    try:
        (committed,) = consumer.committed([TopicPartition(load.topic, partition)], timeout=30)
    finally:
        consumer.close()
    return committed.offset, end


def test_dead_letters_of_ingest_are_nobodys_difference_and_can_be_redriven(
    settings: dict[str, object], load: Load, tmp_path: Path
) -> None:
    with Leadstream(tmp_path, "worker", **settings) as worker:
        load.send(200)
        until_scored(load, worker)
        verified = run("state", "verify", "--json", settings=settings)
        assert verified.returncode == 0, verified.stdout
        assert {verdict["verdict"] for verdict in json.loads(verified.stdout)["partitions"]} == {"same"}
        redriven = run("dead-letters", "redrive", "--reason", "invalid_event", "--yes", "--json", settings=settings)
        count = sum(reason == b"invalid_event" for reason in load.refused.values())
        assert count and len(json.loads(redriven.stdout)["sent"]) == count, redriven.stderr
        worker.until(lambda: ingested(worker) == load.total + count, "those that were sent again")
        listed = run("dead-letters", "list", "--reason", "invalid_event", "--json", settings=settings)
        assert json.loads(listed.stdout)["total"] == 2 * count
        assert worker.ended(signal.SIGTERM) == 0
