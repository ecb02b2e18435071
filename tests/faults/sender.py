"""Sends the load of a fault run at a pace, with moments of silence, and edits rules meanwhile.

Laws: a delay is caught up with for a second at most; what Kafka did not acknowledge is named.
Writes to ``<prefix>.<role>`` by librdkafka with ``murmur2_random``.
"""

import threading
import time
from typing import Any

from tests.faults.authored import edited_records
from tests.faults.clients import make_producer
from tests.faults.load import Load

LOUD_SECONDS, QUIET_SECONDS = 9.0, 2.0


class Sender(threading.Thread):
    """Sends a load in the background at ``per_second`` records, with quiet moments, and edits rules every
    ``edit_seconds``.

    Both may be changed while it runs.  ``failed`` names records that Kafka did not acknowledge: they may or may not be
    in the log.
    """

    def __init__(self, bootstrap: str, prefix: str, load: Load, per_second: float, counts: dict[str, int]) -> None:
        """``counts`` has the partitions of each role; a role that is not in it is not sent."""
        super().__init__(name="sender", daemon=True)
        self.prefix, self.load, self.per_second, self.counts = prefix, load, per_second, counts
        self.producer = make_producer(bootstrap)
        self.edit_seconds = float("inf")
        self.edits = 0
        self.sent = 0
        self.failed: list[str] = []
        self.halted = threading.Event()

    def run(self) -> None:
        due = edited = loud = time.monotonic()
        for role, partition, key, value in self.load.records():
            if self.halted.is_set():
                break
            due = max(due + 1 / self.per_second, time.monotonic() - 1)
            while (wait := due - time.monotonic()) > 0 and not self.halted.is_set():
                self.producer.poll(min(wait, 0.1))
            if time.monotonic() > loud + LOUD_SECONDS:
                self.hush(QUIET_SECONDS)
                loud = time.monotonic()
            if time.monotonic() > edited + self.edit_seconds:
                edited = time.monotonic()
                self.edit()
            self.send(role, partition, key, value)
        self.producer.flush(180)

    def hush(self, seconds: float) -> None:
        """Send nothing for a while: the clock goes on without input."""
        end = time.monotonic() + seconds
        while (wait := end - time.monotonic()) > 0 and not self.halted.is_set():
            self.producer.poll(min(wait, 0.1))

    def edit(self) -> None:
        for key, value in edited_records(self.edits, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())):
            self.produce(f"{self.prefix}.config", 0, key, value)
        self.edits += 1

    def send(self, role: str, partition: int | None, key: bytes | None, value: bytes | None) -> None:
        if role in self.counts:
            where = -1 if partition is None else partition % self.counts[role]
            self.produce(f"{self.prefix}.{role}", where, key, value)
            self.sent += 1

    def produce(self, topic: str, partition: int, key: bytes | None, value: bytes | None) -> None:
        """Hand a record over, waiting while too many are on their way; any thread may."""
        while True:
            try:
                return self.producer.produce(topic, value, key, partition=partition, on_delivery=self.delivered)
            except BufferError:
                self.producer.poll(0.5)

    def delivered(self, error: Any, message: Any) -> None:
        if error is not None:
            self.failed.append(f"{message.topic()}-{message.partition()}: {error}")
