"""What is read off while a peer works and after it: progress, CPU, journal times, sizes.

Laws: rates come from what is committed (group offsets, journal records), never from what a worker says; the first
commit starts the clock, so no start-up is in a rate.
Reads the broker and /proc.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from bench.place import SOURCE, Member, Place
from schemas.journal import PARTITION_RECORD_KEY, BatchJournal
from schemas.state import SEPARATOR

LOOK_SECONDS = 0.2
COORDINATOR_TRIES = 150
COORDINATOR_MOVES = (
    KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """One look: seconds, events committed, CPU seconds, and how many partitions have a committed offset."""

    at: float
    events: int
    workers_cpu: float
    broker_cpu: float
    partitions: int


class Progress:
    """Follows the committed offsets of one group on one topic, the preloaded one unless told."""

    def __init__(self, place: Place, group: str, members: Sequence[Member], source: str = SOURCE) -> None:
        self._place, self._group, self._members = place, group, members
        # Only asks what is committed, never joins.  (librdkafka's admin client crashed on a group that does not exist.)
        self._asker = Consumer({"bootstrap.servers": place.bootstrap, "group.id": group, "log_level": 2})
        self._places = [TopicPartition(source, p) for p in range(place.partitions)]

    def look(self) -> Sample:
        """Take a sample; RuntimeError when a member has ended."""
        for member in self._members:
            member.check()
        answer = self._committed()
        done = sum(max(0, place.offset) for place in answer)
        cpu = sum(member.cpu_seconds() for member in self._members)
        known = sum(place.offset >= 0 for place in answer)
        return Sample(time.monotonic(), done, cpu, self._place.broker_cpu_seconds(), known)

    def _committed(self) -> list[TopicPartition]:
        """Ask again while the coordinator moves or loads, as it does for the first group of a broker."""
        for _ in range(COORDINATOR_TRIES):
            try:
                return self._asker.committed(self._places, timeout=30)
            except KafkaException as error:
                if error.args[0].code() not in COORDINATOR_MOVES:
                    raise
            time.sleep(LOOK_SECONDS)
        raise TimeoutError(f"no coordinator of {self._group}")

    def watch(self, enough: Callable[[list[Sample]], bool], limit_seconds: float) -> list[Sample]:
        """Sample until it is enough; only samples that moved on are kept.  TimeoutError after the limit."""
        samples = [self.look()]
        ends = time.monotonic() + limit_seconds
        while not enough(samples):
            if time.monotonic() > ends:
                raise TimeoutError(f"{self._group} did {samples[-1].events} events in {limit_seconds:g} s")
            time.sleep(LOOK_SECONDS)
            sample = self.look()
            if (sample.events, sample.partitions) != (samples[-1].events, samples[-1].partitions):
                samples.append(sample)
        return samples


@dataclass(frozen=True)
class Figures:
    """Throughput of one peer; CPU in microseconds per event."""

    peer: str
    workers: int
    events: int
    seconds: float
    rate: float
    worker_cpu_us: float
    broker_cpu_us: float

    @classmethod
    def of(
        cls, peer: str, workers: int, first: Sample, last: Sample, timed: tuple[int, float] | None = None
    ) -> "Figures":
        """Return the figures between two samples; ``timed`` (events, seconds) is the better clock, if there is one."""
        events, seconds = timed or (last.events - first.events, last.at - first.at)
        spanned = last.events - first.events
        return cls(
            peer, workers, events, round(seconds, 3), round(events / seconds, 1),
            round((last.workers_cpu - first.workers_cpu) / spanned * 1e6, 2),
            round((last.broker_cpu - first.broker_cpu) / spanned * 1e6, 2),
        )  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """Return what goes into the JSON file."""
        return asdict(self)


def read_log(place: Place, topic: str, partitions: int | None = None) -> Iterator[Message]:
    """Yield all committed records of a topic, each partition in order."""
    open_partitions = partitions or place.partitions
    consumer = Consumer(
        {
            "bootstrap.servers": place.bootstrap, "group.id": "bench", "isolation.level": "read_committed",
            "enable.auto.commit": False, "enable.partition.eof": True, "log_level": 2,
        }
    )  # fmt: skip
    try:
        consumer.assign([TopicPartition(topic, p, 0) for p in range(open_partitions)])
        while open_partitions:
            for message in consumer.consume(10_000, timeout=1):
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:
                    open_partitions -= 1
    finally:
        consumer.close()


def journal_span(place: Place, prefix: str) -> tuple[int, float]:
    """Return (events, seconds) from the first commit to the last, without the events of the first."""
    batches: list[tuple[int, int]] = []
    for message in read_log(place, f"{prefix}.journal"):
        journal = msgspec.json.decode(message.value() or b"", type=BatchJournal)
        count = sum(span.to - span.from_ for span in journal.inputs)
        if count:
            batches.append((message.timestamp()[1], count))
    batches.sort()
    return sum(count for _, count in batches[1:]), (batches[-1][0] - batches[0][0]) / 1000


def sizes(place: Place, prefix: str, events: int) -> dict[str, float]:
    """Return sizes in bytes and shares per event of what a leadstream wrote."""
    state: dict[bytes, int] = {}
    written, written_bytes = 0, 0
    for message in read_log(place, f"{prefix}-contacts-changelog"):
        key, value = message.key() or b"", message.value()
        if key == PARTITION_RECORD_KEY:
            continue
        written += 1
        written_bytes += len(value or b"")
        state[key] = 0 if value is None else len(key) + len(value)
    contacts = len({key.partition(SEPARATOR)[0] for key in state})
    outputs = [len(message.value() or b"") for message in read_log(place, f"{prefix}.score-changed")]
    crossed = sum(1 for _ in read_log(place, f"{prefix}.threshold-crossed"))
    changelog = place.log_bytes(f"{prefix}-contacts-changelog")
    return {
        "contacts": contacts,
        "state_bytes_per_contact": round(sum(state.values()) / contacts, 1),
        "bytes_per_output": round(sum(outputs) / len(outputs), 1),
        "outputs_per_event": round((len(outputs) + crossed) / events, 3),
        "bytes_per_changelog_record": round(written_bytes / written, 1),
        "changelog_records_per_event": round(written / events, 3),
        "changelog_disk_bytes_per_event": round(changelog / events, 1),
        "output_disk_bytes_per_event": round(place.log_bytes(f"{prefix}.score-changed") / events, 1),
    }
