"""The traffic of a wave: its events, a steady live load beside them, and who reads what came of both.

Laws: awards are read with read_committed from the first on; each live event is of a contact of its own, so that its
score change tells it.  Writes an engagement topic; reads score-changed.
"""

import threading
import time
from collections import Counter
from typing import Final

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition

from bench.load import ORG
from bench.place import Place
from schemas.times import format_time
from stream_app.processing.placement import partition_of

LIVE_RATE: Final = 200


class _Cause(msgspec.Struct):
    kind: str


class _Change(msgspec.Struct, rename="camel"):
    contact_id: str
    cause: _Cause


class Awards(threading.Thread):
    """Follows score-changed: ``paid`` are the contacts whom the clock paid, ``seen`` when each other was read."""

    def __init__(self, place: Place, prefix: str) -> None:
        super().__init__(name="awards", daemon=True)
        self.paid: Counter[str] = Counter()
        self.paid_at: list[int] = []
        self.seen: dict[str, float] = {}
        self.done = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": place.bootstrap, "group.id": f"{prefix}-awards", "enable.auto.commit": False,
                "isolation.level": "read_committed", "fetch.wait.max.ms": 50, "log_level": 2,
            }
        )  # fmt: skip
        self._consumer.assign([TopicPartition(f"{prefix}.score-changed", p, 0) for p in range(place.partitions)])

    def run(self) -> None:
        """Follow until told that it is done."""
        decode = msgspec.json.Decoder(_Change).decode
        while not self.done.is_set():
            messages = self._consumer.consume(500, timeout=0.05)
            now = time.time()
            for message in messages:
                change = decode(message.value() or b"{}")
                if change.cause.kind == "clock":
                    self.paid[change.contact_id] += 1
                    self.paid_at.append(message.timestamp()[1])
                else:
                    self.seen.setdefault(change.contact_id, now)
        self._consumer.close()


class Events:
    """Writes opens to the engagement topic."""

    def __init__(self, place: Place, topic: str) -> None:
        self._topic, self._partitions = topic, place.partitions
        self._producer = Producer(
            {"bootstrap.servers": place.bootstrap, "linger.ms": 5, "compression.type": "lz4", "log_level": 2}
        )

    def send(self, contact: str, at_ms: int) -> None:
        """Hand one over."""
        value = f'{{"orgId":"{ORG}","contactId":"{contact}","type":"email_open","occurredAt":"{format_time(at_ms)}"}}'
        key = f"{ORG}:{contact}".encode()
        while True:
            try:
                self._producer.produce(self._topic, value.encode(), key, partition_of(key, self._partitions))
                break
            except BufferError:
                self._producer.poll(0.1)

    def flush(self) -> None:
        """Return when all are acknowledged."""
        self._producer.flush(60)

    def live(self, sent: dict[str, float], done: threading.Event) -> None:
        """Send LIVE_RATE a second, each of another contact, until told that it is done."""
        begun, number = time.time(), 0
        while not done.wait(max(0.0, begun + number / LIVE_RATE - time.time())):
            contact = f"live-{number}"
            sent[contact] = time.time()
            self.send(contact, time.time_ns() // 1_000_000)
            self._producer.poll(0)
            number += 1
        self.flush()
