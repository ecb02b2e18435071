"""What the oracle reads: every log of one deployment, to its end, by librdkafka with read_committed.

Laws: another client than the engine's; nothing is subscribed or committed; ends are asked for with read_uncommitted, so
that a log whose stable end stays below its end after the wait (an open transaction) is said in ``unstable``.
"""

import re
import time
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Consumer, KafkaError, TopicPartition

from tests.faults.clients import make_consumer
from tests.faults.reference_codec import Record

Place = tuple[str, int]
SOURCE_ROLES = {"engagement": "engagement", "rekeyed": "engagement", "contacts": "contacts", "commands": "commands"}
WEB = "web"  # the source with any key of a fault run; it may have another partition count
OUTPUTS = ("score-changed", "threshold-crossed")
PATIENCE_SECONDS = 90.0


@dataclass(frozen=True)
class Entry:
    """``appended``: the timestamp is the broker's, of the append, and not the sender's."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 0
    headers: tuple[tuple[str, bytes | None], ...] = ()
    appended: bool = False


@dataclass
class Logs:
    """All entries by (topic, partition), and from which offset each log still exists; ``web`` partitions of WEB."""

    prefix: str
    app_id: str
    partitions: int
    web: int = 0
    entries: dict[Place, list[Entry]] = field(default_factory=dict)
    starts: dict[Place, int] = field(default_factory=dict)
    unstable: list[Place] = field(default_factory=list)

    @property
    def changelog(self) -> str:
        return f"{self.app_id}-contacts-changelog"

    def topic(self, name: str) -> str:
        return f"{self.prefix}.{name}"

    def of(self, topic: str, partition: int) -> list[Entry]:
        return self.entries.get((topic, partition), [])

    def places(self) -> list[Place]:
        names = [*SOURCE_ROLES, "journal", *OUTPUTS, "dead-letters"]
        topics = [self.topic(name) for name in names] + [self.changelog]
        web = [(self.topic(WEB), p) for p in range(self.web)]
        return [(self.topic("config"), 0), *web, *((topic, p) for topic in topics for p in range(self.partitions))]

    def inputs(self, name: str, partition: int) -> list[Record]:
        topic = self.topic(name)
        return [
            Record(SOURCE_ROLES[name], topic, partition, e.offset, sent_at(name, e), e.key, e.value, e.headers)
            for e in self.of(topic, partition)
        ]


def sent_at(name: str, entry: Entry) -> int:
    """The time of a record; of a re-keyed one that of its origin, where a header says it."""
    said = [value or b"" for header, value in entry.headers if header == "leadstream-origin-timestamp"]
    if name == "rekeyed" and said and re.fullmatch(rb"-?[0-9]{1,18}", said[-1]):
        return int(said[-1])
    return entry.timestamp


def read_logs(bootstrap: str, prefix: str, app_id: str, partitions: int, web: int = 0) -> Logs:
    """Read everything; needs a deployment at rest, else the logs are of different moments."""
    logs = Logs(prefix, app_id, partitions, web)
    settings: dict[str, Any] = {"check.crcs": True, "enable.auto.offset.store": False, "enable.partition.eof": True}
    consumer = make_consumer(bootstrap, "oracle", settings)
    whole = make_consumer(bootstrap, "oracle", {"isolation.level": "read_uncommitted"})
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        ends: dict[Place, int] = {}
        for place in logs.places():
            low, high = whole.get_watermark_offsets(TopicPartition(*place), timeout=30)
            logs.starts[place], ends[place], logs.entries[place] = low, high, []
        consumer.assign([TopicPartition(*place, logs.starts[place]) for place in logs.places()])
        _drain(consumer, logs, ends, deadline)
    finally:
        whole.close()
        consumer.close()
    return logs


def _drain(consumer: Consumer, logs: Logs, ends: dict[Place, int], deadline: float) -> None:
    open_places = set(ends)
    while open_places:
        if time.monotonic() > deadline:
            logs.unstable = sorted(open_places)
            return
        for message in consumer.consume(1000, timeout=0.5):
            place = str(message.topic()), int(message.partition() or 0)
            error = message.error()
            if error is None:
                logs.entries[place].append(_entry(message))
            elif error.code() != KafkaError._PARTITION_EOF:
                raise RuntimeError(f"{place}: {error}")
            elif (message.offset() or 0) >= ends[place]:
                open_places.discard(place)


def _entry(message: Any) -> Entry:
    headers = tuple((name, value) for name, value in message.headers() or ())
    kind, timestamp = message.timestamp()
    return Entry(
        message.offset(), message.key(), message.value(), timestamp, headers, kind == TIMESTAMP_LOG_APPEND_TIME
    )
