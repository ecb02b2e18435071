"""What Kafka has of a job on stock Faust: how far it has read, what it has said, what it has counted.

Laws: outputs and counts are read ``read_committed``; each acknowledged event must be in the outputs once, and in its
contact's count once.
Reads the source's ends, the group's offsets, the outputs and the table's changelog.
"""

import json
import time
from collections import Counter
from dataclasses import dataclass, field

from confluent_kafka import KafkaException, TopicPartition

from stream_app.operations.broker import EmbeddedKafka
from tests.faults.clients import make_consumer
from tests.faults.stock_worker import CHANGELOG, NAME, OUTPUTS, SOURCE

READ_SECONDS = 60.0


@dataclass
class Counted:
    """Ids in the outputs with how often each is there, and the last count of each contact."""

    outputs: Counter[str] = field(default_factory=Counter)
    counts: dict[bytes, int] = field(default_factory=dict)

    def judge(self, sent: dict[str, bytes]) -> dict[str, int]:
        wanted = Counter(sent.values())
        differences = [self.counts.get(key, 0) - wanted[key] for key in wanted]
        return {
            "events": len(sent),
            "outputsLost": sum(event not in self.outputs for event in sent),
            "outputsDouble": sum(times - 1 for times in self.outputs.values()),
            "countsLost": -sum(d for d in differences if d < 0),
            "countsDouble": sum(d for d in differences if d > 0),
        }


class StockLogs:
    """The topics of one run, on a broker that need not be up yet."""

    def __init__(self, kafka: EmbeddedKafka, partitions: int) -> None:
        self.kafka, self.partitions = kafka, partitions

    def committed(self) -> int:
        """How far the group says that it is, over all partitions; 0 while nobody knows."""
        consumer = make_consumer(self.kafka.bootstrap, NAME)
        try:
            places = [TopicPartition(SOURCE, p) for p in range(self.partitions)]
            return sum(max(0, found.offset) for found in consumer.committed(places, timeout=30))
        except KafkaException:
            return 0  # no coordinator yet
        finally:
            consumer.close()

    def end(self) -> int:
        consumer = make_consumer(self.kafka.bootstrap)
        try:
            places = [TopicPartition(SOURCE, p) for p in range(self.partitions)]
            return sum(consumer.get_watermark_offsets(place, timeout=30)[1] for place in places)
        finally:
            consumer.close()

    def counted(self) -> Counted:
        """Read all outputs and all counts."""
        found = Counted()
        for _, value in self.records(OUTPUTS):
            found.outputs[json.loads(value)["eventId"]] += 1
        for key, value in self.records(CHANGELOG):
            found.counts[key] = json.loads(value)
        return found

    def records(self, topic: str) -> list[tuple[bytes, bytes]]:
        """Key and value of every committed record of a topic."""
        consumer = make_consumer(self.kafka.bootstrap, "judge", {"enable.partition.eof": True})
        consumer.assign([TopicPartition(topic, p, 0) for p in range(self.partitions)])
        found: list[tuple[bytes, bytes]] = []
        ended: set[int] = set()
        deadline = time.monotonic() + READ_SECONDS
        while len(ended) < self.partitions and time.monotonic() < deadline:
            for message in consumer.consume(1000, timeout=0.5):
                if message.error() is None:
                    found.append((message.key() or b"", message.value() or b"null"))
                else:
                    ended.add(int(message.partition() or 0))
        consumer.close()
        return found
