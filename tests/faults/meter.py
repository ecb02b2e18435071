"""What a run looks like while it goes on: what is committed of which source, how fast, and how far behind.

Laws: a subscriber as any other: the journal with read_committed, ingest's committed offsets, the ends of the sources;
while no broker answers there are no samples.
"""

import threading
import time
from typing import Any

import msgspec
from confluent_kafka import KafkaException, TopicPartition

from schemas.journal import BatchJournal
from tests.faults.clients import make_consumer
from tests.faults.deployment import Deployment, Options
from tests.faults.logs import WEB, Place

SAMPLE_SECONDS = 0.5
ASK_SECONDS = 3.0


class JournalWatcher(threading.Thread):
    """Follows the journal as a read_committed subscriber: what is committed of which source, and when it came."""

    def __init__(self, bootstrap: str, options: Options) -> None:
        super().__init__(name="journal", daemon=True)
        self.bootstrap, self.options = bootstrap, options
        self.positions: dict[Place, int] = {}
        self.sweeping: dict[int, bool] = {}
        self.halted = threading.Event()

    def run(self) -> None:
        consumer = make_consumer(self.bootstrap)
        topic = f"{self.options.prefix}.journal"
        consumer.assign([TopicPartition(topic, p, 0) for p in range(self.options.partitions)])
        while not self.halted.is_set():
            for message in consumer.consume(500, timeout=0.1):
                if message.error() is None:
                    self.learn(int(message.partition() or 0), message.value() or b"")
        consumer.close()

    def learn(self, partition: int, value: bytes) -> None:
        batch = msgspec.json.decode(value, type=BatchJournal)
        for span in batch.inputs:
            self.positions[span.topic, partition] = span.to
        if batch.sweep is not None:
            self.sweeping[partition] = not batch.sweep.done

    def behind(self, ends: dict[Place, int]) -> dict[Place, int]:
        """Offsets sent that no committed batch covers, where there are any."""
        left = {place: end - self.positions.get(place, 0) for place, end in ends.items()}
        return {place: count for place, count in left.items() if count > 0}

    def lag(self, ends: dict[Place, int]) -> int:
        """The sum of what is behind."""
        return sum(self.behind(ends).values())


class Meter(JournalWatcher):
    """Also samples ends and ingest's offsets, and keeps ``timeline``: (seconds, records done, lag)."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(deployment.bootstrap, deployment.options)
        self.deployment = deployment
        self.timeline: list[tuple[float, int, int]] = []
        self.begun = time.monotonic()
        self.sampler = threading.Thread(target=self.sample, name="sampler", daemon=True)

    def start(self) -> None:
        super().start()
        self.sampler.start()

    def sample(self) -> None:
        ingest = make_consumer(self.bootstrap, f"{self.options.app_id}-ingest")
        while not self.halted.wait(SAMPLE_SECONDS):
            try:
                self.learn_ingest(ingest)
                ends = self.deployment.ends()
            except (KafkaException, UnicodeDecodeError):  # the client now and then reads beyond the metadata
                continue  # no broker: nothing to be seen, which the timeline shows as a gap
            done = sum(self.positions.get(place, 0) for place in ends)
            self.timeline.append((time.monotonic() - self.begun, done, self.lag(ends)))
        ingest.close()

    def learn_ingest(self, ingest: Any) -> None:
        """Learn what ingest has committed; nothing committed is a negative offset."""
        places = [TopicPartition(f"{self.options.prefix}.{WEB}", p) for p in range(self.options.web)]
        for found in ingest.committed(places, timeout=ASK_SECONDS) if places else []:
            self.positions[found.topic, found.partition] = max(0, found.offset)

    def caught_up(self, ends: dict[Place, int]) -> bool:
        """Tell whether nothing is left, and no sweep under way.

        The marker at the end of ``rekeyed`` is no record, and no batch covers it.
        """
        if any(self.sweeping.values()):
            return False
        behind = self.behind(ends)
        rekeyed = f"{self.options.prefix}.rekeyed"
        if any(topic != rekeyed for topic, _ in behind):
            return False
        return not any(self.has_records(place, self.positions.get(place, 0)) for place in behind)

    def has_records(self, place: Place, offset: int) -> bool:
        consumer = make_consumer(self.bootstrap, settings={"enable.partition.eof": True})
        consumer.assign([TopicPartition(*place, offset)])
        try:
            while not (found := consumer.consume(1, timeout=ASK_SECONDS)):
                continue
            return found[0].error() is None
        finally:
            consumer.close()

    def halt(self) -> None:
        self.halted.set()
        self.join(10)
        self.sampler.join(10)
