"""A worker that runs the reference on the real delivery: proves delivery, and this harness, apart from the engine.

``python -m tests.faults.reference_worker`` reads the same LEADSTREAM_* settings as ``leadstream worker``; the campaign
runs it with ``--reference-worker``.  Slow, and only for the scope of the reference; rules are those of its start, and
none of them acts by the clock.
Writes what the contract says: outputs, dead letters, state sections.
"""

import json
import logging
import os
import threading
from collections import Counter
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from schemas.state import SEPARATOR
from stream_app.delivery import Batch, Committed, Effects, ExactlyOnceApp, Job, Outcomes, Output
from stream_app.delivery.handler import Record as DeliveredRecord
from stream_app.delivery.rocks import RocksStore
from stream_app.operations.phases import probe_from
from stream_app.operations.process import BrokerAnswers, run
from tests.faults.compare_outputs import kept_value
from tests.faults.compare_state import OUTCOMES
from tests.faults.honest import dead_letter_headers
from tests.faults.logs import OUTPUTS, SOURCE_ROLES
from tests.faults.reference import Reference
from tests.faults.reference_codec import Record
from tests.faults.reference_pages import remembered
from tests.faults.reference_rules import ConfigLog
from tests.faults.stored_contact import Sections, hash_of, sections_of, stored_contact


class HashedReference(Reference):
    """Remembers hashes of ids, so that a contact can come back from its sections."""

    def known_as(self, text: str) -> str:
        return hash_of(text)


class ReferenceWork:
    """One batch: contacts come from their sections and go back there."""

    def __init__(self, batch: Batch, committed: Committed, config: ConfigLog, prefix: str, partitions: int) -> None:
        self.clock = batch.clock
        self.batch, self.committed, self.prefix = batch, committed, prefix
        self.reference = HashedReference(config, partitions)
        self.before: dict[bytes, Sections] = {}
        self.outcomes: Counter[str] = Counter()
        self.dead: list[Output] = []

    def apply(self, source: str, records: Iterable[DeliveredRecord]) -> None:
        role = SOURCE_ROLES[source.removeprefix(f"{self.prefix}.")]
        for given in records:
            limit = given.timestamp if self.batch.ceiling is None else min(given.timestamp, self.batch.ceiling)
            self.clock = max(self.clock, limit)
            headers = tuple(given.headers)
            place = (source, self.batch.partition, given.offset)
            record = Record(role, *place, given.timestamp, given.key, given.value, headers)
            self.fetch(given.key or b"")
            outcome = self.reference.apply(record, self.batch.version, self.clock, self.batch.wall)
            self.outcomes[outcome] += 1
            if outcome == "dead_letter":
                own = dead_letter_headers(record, self.reference.dead[place][1])
                self.dead.append((given.key, kept_value(record), [*headers, *own]))

    def fetch(self, key: bytes) -> None:
        """Bring a contact in, once in a batch."""
        if key in self.before:
            return
        found = self.before[key] = dict[bytes, bytes]()
        start = key + SEPARATOR
        for name, value in self.committed.scan(start) if key else ():
            if not name.startswith(start):
                break
            found[name.removeprefix(start)] = value
        if found:
            contact = stored_contact(found)
            contact["pages"] = remembered(contact["visits"])
            oldest = min((int(name[1:]) for name in found if name.startswith(b"s")), default=None)
            recent = len(contact["events"]) - 16 * sum(name.startswith(b"s") for name in found)
            contact["dropped"] = 16 * oldest if oldest is not None else 0
            assert 0 <= recent < 16
            self.reference.contacts[key] = contact

    def due(self, until: int, limit: int) -> int:
        return 0

    def sweep(self, after: bytes, limit: int) -> bytes | None:
        return None

    def finish(self) -> Effects:
        changes: dict[bytes, bytes | None] = {}
        for key, old in self.before.items():
            contact = self.reference.contacts.get(key)
            new = sections_of(contact) if contact is not None else {}
            for name in old.keys() | new.keys():
                if old.get(name) != new.get(name):
                    changes[key + SEPARATOR + name] = new.get(name)
        outputs: dict[str, list[Output]] = {f"{self.prefix}.dead-letters": self.dead}
        for name in OUTPUTS:
            sent = self.reference.outputs[name]
            outputs[f"{self.prefix}.{name}"] = [(key, encoded(body), []) for key, body in sent]
        outcomes = Outcomes(**{name: self.outcomes[name] for name in OUTCOMES})
        return Effects({topic: sent for topic, sent in outputs.items() if sent}, changes, outcomes)


def encoded(body: Any) -> bytes | None:
    return None if body is None else json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


class ReferenceHandler:
    def __init__(self, config: ConfigLog, prefix: str, partitions: int) -> None:
        self.config, self.prefix, self.partitions = config, prefix, partitions

    def begin(self, batch: Batch, committed: Committed) -> ReferenceWork:
        return ReferenceWork(batch, committed, self.config, self.prefix, self.partitions)

    def version(self) -> int:
        return max((offset + 1 for offset, _, _ in self.config), default=0)

    def needs_sweep(self, before: int, now: int) -> bool:
        return False

    def next_due(self, committed: Committed) -> int | None:
        return None

    def committed(self, batch: Batch, effects: Effects) -> None:
        pass


def read_config(bootstrap: str, topic: str) -> ConfigLog:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "faults", "isolation.level": "read_committed"})
    end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=60)[1]
    consumer.assign([TopicPartition(topic, 0, 0)])
    found: ConfigLog = []
    while len(found) < end:
        found += [(m.offset() or 0, m.key(), m.value()) for m in consumer.consume(100, 1.0) if m.error() is None]
    consumer.close()
    return found


def answer_ready(app: ExactlyOnceApp, port: int) -> None:
    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            good = all(status.phase == "running" for status in app.partitions.statuses())
            self.send_response(200 if good else 503)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Ready)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main() -> None:
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")
    given = {name.removeprefix("LEADSTREAM_"): value for name, value in os.environ.items()}
    bootstrap, prefix, app_id = given["BOOTSTRAP_SERVERS"], given["PREFIX"], given["APP_ID"]
    partitions, folder = int(given["PARTITIONS"]), Path(given["DATA_DIR"])
    handler = ReferenceHandler(read_config(bootstrap, f"{prefix}.config"), prefix, partitions)
    folder.mkdir(parents=True, exist_ok=True)
    rocks: dict[str, Any] = (
        {"store": lambda p: RocksStore(folder / f"store-{p}")} if given["STORE"] == "rocksdb" else {}
    )
    job = Job(
        name=app_id, sources=tuple(f"{prefix}.{name}" for name in ("commands", "contacts", "engagement", "rekeyed")),
        changelog=f"{app_id}-contacts-changelog", journal=f"{prefix}.journal", partitions=partitions, handler=handler,
        client={"bootstrap_servers": bootstrap}, probe=probe_from(os.environ), heartbeat_seconds=1.0,
        wide_topics={f"{prefix}.dead-letters": 4_194_304}, **rocks,
    )  # fmt: skip
    app = ExactlyOnceApp(
        job, table="contacts", broker=bootstrap, data_dir=folder, url=f"http://127.0.0.1:{given['WEB_PORT']}",
        session_timeout_seconds=float(given["SESSION_TIMEOUT_SECONDS"]), instance_id=given.get("INSTANCE_ID"),
    )  # fmt: skip
    answer_ready(app, int(given["WEB_PORT"]))
    run(app, [BrokerAnswers(dict(job.client))])


if __name__ == "__main__":
    main()
