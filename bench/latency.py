"""Latency at a steady load: from handing an event to a producer to reading its score change with read_committed.

Laws: both ends are in this process, so one clock tells both times; the first minute warms up and is not counted.
Both clients are as librdkafka makes them: the producer gathers for 5 ms, which count; an output's time is when it is
read.
Writes an engagement topic of its own; reads score-changed.
"""

import json
import threading
import time
from typing import Any, Final

from confluent_kafka import Consumer, Producer, TopicPartition

from bench.load import events
from bench.meter import Progress
from bench.place import Place
from stream_app.processing.placement import partition_of

RATE: Final = 1000
WARM_UP_SECONDS: Final = 60  # the broker compiles what many small transactions need: it is twice as fast after it
TAIL_SECONDS: Final = 15.0


class Sender(threading.Thread):
    """Sends events at RATE a second; ``sent`` maps event id to when it was handed over."""

    def __init__(self, place: Place, topic: str, seconds: float, contacts: int) -> None:
        super().__init__(name="sender", daemon=True)
        self.sent: dict[str, float] = {}
        self._topic, self._partitions = topic, place.partitions
        load = events(int(RATE * seconds), contacts, seed=2)
        self._load = [(json.loads(value)["eventId"], key, value) for key, value in load]
        self._producer = Producer({"bootstrap.servers": place.bootstrap, "log_level": 2})

    def run(self) -> None:
        """Send all of it."""
        begun = time.perf_counter()
        for number, (event_id, key, value) in enumerate(self._load):
            ahead = begun + number / RATE - time.perf_counter()
            if ahead > 0:
                time.sleep(ahead)
            self.sent[event_id] = time.perf_counter()
            self._producer.produce(self._topic, value, key, partition_of(key, self._partitions))
            self._producer.poll(0)
        self._producer.flush(30)


def latency(place: Place, seconds: float, contacts: int) -> dict[str, Any]:
    """Return p50, p99 and max in milliseconds of one worker under a steady load."""
    prefix = "latency"
    source = f"{prefix}.engagement"
    member = place.worker(prefix, place.prepare(prefix, engagement_topics=f"{source}:keyed"))
    sender = Sender(place, source, WARM_UP_SECONDS + seconds, contacts)
    _await_first_commit(place, prefix, source, member)
    sender.start()
    seen = _follow(place, f"{prefix}.score-changed", sender)
    member.stop()
    counted = list(sender.sent)[WARM_UP_SECONDS * RATE :]
    took = sorted((seen[event_id] - sender.sent[event_id]) * 1000 for event_id in counted if event_id in seen)
    return {
        "events_per_second": RATE, "seconds": seconds, "outputs": len(took), "p50_ms": round(took[len(took) // 2], 1),
        "p99_ms": round(took[len(took) * 99 // 100], 1), "max_ms": round(took[-1], 1),
    }  # fmt: skip


def _await_first_commit(place: Place, group: str, source: str, member: Any) -> None:
    """Wait until every partition is open: then its first partition record is committed, with its offset."""
    Progress(place, group, [member], source).watch(lambda seen: seen[-1].partitions == place.partitions, 120)


def _follow(place: Place, topic: str, sender: Sender) -> dict[str, float]:
    """Return when the first output of each event was read."""
    consumer = Consumer(
        {
            "bootstrap.servers": place.bootstrap, "group.id": "bench-latency", "isolation.level": "read_committed",
            "enable.auto.commit": False, "log_level": 2,
        }
    )  # fmt: skip
    consumer.assign([TopicPartition(topic, p, 0) for p in range(place.partitions)])
    read: list[tuple[float, bytes | None]] = []
    quiet_since = time.perf_counter()
    while sender.is_alive() or time.perf_counter() - quiet_since < TAIL_SECONDS / 5:
        message = consumer.poll(0.1)
        now = time.perf_counter()
        if message is not None and message.error() is None:
            read.append((now, message.value()))
            quiet_since = now
        if sender.is_alive():
            quiet_since = now
    consumer.close()
    seen: dict[str, float] = {}
    for at, value in read:
        seen.setdefault(json.loads(value or b"{}")["cause"]["eventId"], at)
    return seen
