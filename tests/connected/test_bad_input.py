"""A worker is sent the whole corpus: each bad record ends as its dead letter, each odd one counts, nothing stops it."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Message, Producer

from tests.conftest import Broker
from tests.connected.leadstream_process import Leadstream, deployment
from tests.contract.bad_input import BAD, REFUSED, Bad, place
from tests.contract.odd_input import ODD, Odd
from tests.faults.clients import write_config
from tests.faults.logs import Entry, Logs, read_logs
from tests.faults.oracle import check
from tests.scoring_kit import profile_record, rule_record

PARTITIONS = 3
KEPT = 65_536
RULE = rule_record(0, id=1, eventType="odd", points=1)
Place = tuple[str, int, int]
Sent = dict[Place, Bad | Odd]
#: A compacted topic takes no record without a key: the broker itself refuses these.
BY_BROKER = [record for record in BAD if record.role == "contacts" and record.key is None]
BY_WORKER = [record for record in [*BAD, *REFUSED] if record not in BY_BROKER]


@pytest.fixture
def settings(broker: Broker, scratch_prefix: str) -> dict[str, object]:
    own = deployment(broker.bootstrap, scratch_prefix, PARTITIONS)
    config = [(record.key, record.value) for record in (RULE, profile_record(1, 1))]
    write_config(broker.bootstrap, scratch_prefix, config)
    return own


def send(bootstrap: str, prefix: str, records: Sequence[Bad | Odd]) -> Sent:
    """Send the original bytes, compressed: what is too large for leadstream need not be for the broker."""
    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": "gzip", "message.max.bytes": 4_194_304})
    sent: Sent = {}
    for record in records:

        def told(error: Any, message: Message, record: Bad | Odd = record) -> None:
            assert error is None, (record.name, error)
            sent[str(message.topic()), int(message.partition() or 0), int(message.offset() or 0)] = record

        where = place(record, PARTITIONS)
        producer.produce(
            f"{prefix}.{record.role}", record.value, record.key, where, headers=[*record.headers], on_delivery=told
        )
    assert producer.flush(60) == 0
    assert len(sent) == len(records)
    return sent


def dead_letters(logs: Logs) -> dict[Place, tuple[Entry, dict[str, bytes | None]]]:
    """Dead letters with leadstream's own headers, the last of each name, by where their record was."""
    found: dict[Place, tuple[Entry, dict[str, bytes | None]]] = {}
    for partition in range(PARTITIONS):
        for entry in logs.of(logs.topic("dead-letters"), partition):
            own = dict(entry.headers)
            topic, source, offset = (
                (own[f"__streams.errors.{name}"] or b"") for name in ("topic", "partition", "offset")
            )
            where = topic.decode(), int(source), int(offset)
            assert where not in found, where
            assert int(source) == partition
            found[where] = entry, own
    return found


def is_dead_letter_of(bad: Bad, entry: Entry, own: dict[str, bytes | None]) -> None:
    original, added = entry.headers[: len(bad.headers)], entry.headers[len(bad.headers) :]
    assert (entry.key, original) == (bad.key, tuple(bad.headers)), bad.name
    names = [f"__streams.errors.{name}" for name in ("topic", "partition", "offset", "exception", "message")]
    names += ["leadstream-reason", "leadstream-redrive-count"]
    assert (own["leadstream-reason"], own["__streams.errors.exception"]) == (bad.reason.encode(),) * 2, bad.name
    redriven = dict(bad.headers).get("leadstream-redrive-count", b"0")
    assert (bool(own["__streams.errors.message"]), own["leadstream-redrive-count"]) == (True, redriven), bad.name
    if bad.reason == "too_large":
        names += ["leadstream-original-length", "leadstream-original-sha256"]
        value = bad.value or b""
        assert own["leadstream-original-length"] == str(len(value)).encode(), bad.name
        assert own["leadstream-original-sha256"] == sha256(value).hexdigest().encode(), bad.name
        assert entry.value == value[:KEPT], bad.name
    else:
        assert entry.value == bad.value, bad.name
    assert [name for name, _ in added] == names, bad.name


def is_scored(odd: Odd, logs: Logs) -> None:
    """An odd event pays the one rule; an odd command that moves a score does."""
    changes = [
        msgspec.json.decode(entry.value or b"null")
        for entry in logs.of(logs.topic("score-changed"), place(odd, PARTITIONS)) if entry.key == odd.key
    ]  # fmt: skip
    told = odd.becomes
    if odd.role == "engagement":
        (change,) = changes
        assert (change["contactId"], change["score"], change["version"]) == (told["contactId"], 1, 1), odd.name
        assert change["cause"] == {"kind": "event", "eventId": told.get("eventId", "e"), "type": "odd"}, odd.name
    elif "points" in told or "score" in told:
        (change,) = changes
        assert change["score"] == told.get("points", told.get("score")), odd.name


def test_bad_input_ends_in_dead_letters_and_moves_no_worker(
    broker: Broker, scratch_prefix: str, settings: dict[str, object], tmp_path: Path
) -> None:
    records: list[Bad | Odd] = [*BY_WORKER, *ODD]
    with Leadstream(tmp_path, "worker", **settings) as worker:
        worker.until_ready()
        pid, sent = worker.family()[0].pid, send(broker.bootstrap, scratch_prefix, records)

        def read() -> bool:
            accounts = worker.accounts()
            return bool(accounts) and accounts["lag"] == 0 and sum(accounts.values()) == len(records)

        worker.until(read, f"{len(records)} records read", seconds=120)
        accounts = worker.accounts()
        assert (accounts["deadLetter"], accounts["duplicate"]) == (len(BY_WORKER), 0)
        assert (worker.get("/ready")[0], worker.family()[0].pid) == (200, pid)
        logs = read_logs(broker.bootstrap, scratch_prefix, scratch_prefix, PARTITIONS)
    assert "Traceback" not in worker.log
    found = dead_letters(logs)
    assert found.keys() == {where for where, record in sent.items() if isinstance(record, Bad)}
    for where, record in sent.items():
        if isinstance(record, Bad):
            is_dead_letter_of(record, *found[where])
        else:
            is_scored(record, logs)
    verdict = check(logs)  # state, accounting of every partition, ledger, order
    assert verdict.ok, verdict.table()
    assert verdict.totals["inputs"] == len(records)
