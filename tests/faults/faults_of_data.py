"""Faults that come with the data: floods of bad records, records that are too large, rules edited, offsets moved.

Laws: what is sent is in the logs, so the oracle judges it like the load; what an operator would mend is mended.
"""

import json
import threading
import time

from confluent_kafka import KafkaException, TopicPartition

from tests.faults.clients import make_consumer
from tests.faults.harness import until
from tests.faults.injections import Field
from tests.faults.sender import Sender

FLOOD_PER_SECOND = 10_000
FLOOD_SECONDS = 60.0
SHORT_FLOOD_SECONDS = 3.0
POISON = (
    b"{", b"[]", b"\xff\xfe", b"", b'{"orgId": "1"}', b'{"orgId": "1", "contactId": "1", "type": "No"}',
    b'{"orgId": "1", "contactId": "1", "kind": "melt", "commandId": "c"}', b"[" * 500,
)  # fmt: skip
LARGE = (262_145, 300_000, 700_000)
STOP_SECONDS = 90.0


def poison_flood(field: Field) -> None:
    """10,000 bad records a second for a minute, on every source."""
    seconds = SHORT_FLOOD_SECONDS if field.short else FLOOD_SECONDS
    field.struck("poison-flood", note=f"{FLOOD_PER_SECOND} a second for {seconds:g} s")
    flood(field.sender, seconds)


def flood(sender: Sender, seconds: float) -> None:
    """Send as a thread of this fault's own, beside the load."""
    places = [(role, count) for role, count in sender.counts.items()]
    begun, number = time.monotonic(), 0
    while (passed := time.monotonic() - begun) < seconds:
        while number < passed * FLOOD_PER_SECOND:
            role, count = places[number % len(places)]
            topic = f"{sender.prefix}.{role}"
            sender.produce(topic, number % count, b"1:%d" % (number % 97), POISON[number // 7 % len(POISON)])
            sender.sent += 1
            number += 1
        time.sleep(0.01)


def oversized(field: Field) -> None:
    """Records above the limit of a record, on every source."""
    for role, count in field.sender.counts.items():
        for number, size in enumerate(LARGE):
            key = f"1:{field.random.randrange(400)}".encode()
            body = {"orgId": "1", "contactId": key.decode()[2:], "type": "page_visit", "pad": "x" * size}
            field.sender.produce(f"{field.sender.prefix}.{role}", number % count, key, json.dumps(body).encode())
            field.sender.sent += 1
    field.struck("oversized")


def rules_edited(field: Field) -> None:
    """Edit the rules of both orgs many times a second, while the load goes on."""
    calm, field.sender.edit_seconds = field.sender.edit_seconds, 0.2
    field.struck("rules-edited")
    try:
        field.pause(4, 8)
    finally:
        field.sender.edit_seconds = calm


def stuck_partition(field: Field) -> None:
    """Move the group's offset of one source partition: it stops and says so, the others go on; then set it back."""
    options, workers = field.deployment.options, field.deployment.workers
    topic, number = f"{options.prefix}.engagement", field.random.randrange(options.partitions)
    end_all(field)
    true = move_offset(field, topic, number, None)
    move_offset(field, topic, number, max(0, true - 1))
    injection = field.struck("stuck-partition", note=f"{topic}-{number}: offset {true} moved")
    for worker in workers:
        worker.start()
    words = f"partition {number} is stopped".encode()
    until(lambda: any(words in w.ask("GET", "/ready")[1] for w in workers), STOP_SECONDS, "the partition has stopped")
    before = field.ends()
    others = {place: end for place, end in before.items() if place[1] != number and place[0].endswith("engagement")}
    try:
        until(lambda: field.meter.lag(others) == 0, STOP_SECONDS, "the others go on")
    except TimeoutError as late:
        injection.wrong = str(late)
    end_all(field)
    move_offset(field, topic, number, true)
    for worker in workers:
        worker.start()


def end_all(field: Field) -> None:
    """End all workers by SIGTERM at once."""
    ending = [threading.Thread(target=worker.terminate) for worker in field.deployment.workers]
    for thread in ending:
        thread.start()
    for thread in ending:
        thread.join()


def move_offset(field: Field, topic: str, partition: int, offset: int | None) -> int:
    """Set the group's offset, None leaves it; return what it was. Waits until the group has no member left."""
    consumer = make_consumer(field.deployment.bootstrap, field.deployment.options.app_id)
    try:
        was = consumer.committed([TopicPartition(topic, partition)], timeout=30)[0].offset
        if offset is None:
            return was

        def moved() -> bool:
            try:
                consumer.commit(offsets=[TopicPartition(topic, partition, offset)], asynchronous=False)
            except KafkaException:
                return False  # a static member is still one until its session is over
            return True

        until(moved, STOP_SECONDS, "the group's offset is set", 0.5)
        return was
    finally:
        consumer.close()
