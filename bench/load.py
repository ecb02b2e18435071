"""The load of every peer: PushMail's usual mix over many contacts, and the seven rules that score it.

Laws: the same arguments give the same records; every record is good and every event id occurs once; contacts are drawn
evenly; a record is in the partition that Kafka's own partitioner gives its key.
Writes one engagement topic.
"""

import json
from collections.abc import Iterator
from random import Random
from typing import Any, Final

from confluent_kafka import Producer

from schemas.times import format_time
from stream_app.processing.placement import partition_of

ORG: Final = "1"
STARTS_AT_MS: Final = 1_767_225_600_000  # 2026-01-01T00:00:00Z
PRICING: Final = "https://example.com/pricing"

MIX: Final[tuple[tuple[int, str, dict[str, Any]], ...]] = (  # weight, type, properties
    (46, "email_delivered", {"mailId": "spring-launch-2026-01"}),
    (24, "email_open", {"mailId": "spring-launch-2026-01", "device": "mobile"}),
    (8, "email_click", {"mailId": "spring-launch-2026-01", "url": "https://example.com/blog"}),
    (4, "email_click", {"mailId": "spring-launch-2026-01", "url": PRICING}),
    (8, "page_visit", {"url": "https://example.com/help/tutorials", "dwellSeconds": 40}),
    (3, "tag_added", {"tagName": "newsletter"}),
    (2, "tag_added", {"tagName": "demo-requested"}),
    (3, "custom_event", {"name": "completed_onboarding"}),
    (1, "custom_event", {"name": "invited_colleague"}),
    (1, "email_complaint", {"mailId": "spring-launch-2026-01"}),
)

RULES: Final[list[dict[str, Any]]] = [
    {"name": "Delivered", "eventType": "email_delivered", "points": 1, "maxPerContact": 50},
    {"name": "Opened", "eventType": "email_open", "points": 5, "maxPerContact": 10},
    {"name": "Clicked", "eventType": "email_click", "points": 10, "maxPerContact": 20},
    {
        "name": "Pricing", "eventType": "email_click", "points": 15, "maxPerContact": 3,
        "eventFilter": {"url": PRICING},
    },
    {
        "name": "Asked for a demo", "eventType": "tag_added", "points": 30, "maxPerContact": 1,
        "eventFilter": {"tagName": "demo-requested"},
    },
    {
        "name": "Onboarded", "eventType": "custom_event", "points": 25, "maxPerContact": 1,
        "eventFilter": {"name": "completed_onboarding"},
    },
    {"name": "Complained", "eventType": "email_complaint", "points": -50, "maxPerContact": 1},
]  # fmt: skip
THRESHOLDS: Final = (50, 100)
PROFILES: Final[list[dict[str, Any]]] = [{"id": "default", "name": "Lead score", "thresholds": list(THRESHOLDS)}]


def events(count: int, contacts: int, seed: int = 1) -> Iterator[tuple[bytes, bytes]]:
    """Yield (key, value): about 190 bytes of JSON each."""
    random = Random(seed)
    heads = [
        f'","type":"{kind}","properties":{json.dumps(properties, separators=(",", ":"))},"occurredAt":"'
        for weight, kind, properties in MIX
        for _ in range(weight)
    ]
    for number in range(count):
        contact = 1 + int(random.random() * contacts)
        head = heads[int(random.random() * len(heads))]
        value = (
            f'{{"eventId":"{random.getrandbits(64):016x}{number:08x}","orgId":"{ORG}","siteId":"1",'
            f'"contactId":"{contact}{head}{format_time(STARTS_AT_MS + number * 50)}"}}'
        )
        yield f"{ORG}:{contact}".encode(), value.encode()


def preload(bootstrap: str, topic: str, partitions: int, count: int, contacts: int) -> float:
    """Write the load to a topic; return the mean bytes of a value."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap, "compression.type": "lz4", "linger.ms": 50, "batch.size": 500_000,
            "queue.buffering.max.messages": 500_000, "enable.idempotence": True, "log_level": 2,
        }
    )  # fmt: skip
    places: dict[bytes, int] = {}
    total = 0
    for number, (key, value) in enumerate(events(count, contacts)):
        place = places.get(key)
        if place is None:
            place = places[key] = partition_of(key, partitions)
        while True:
            try:
                producer.produce(topic, value, key, place)
                break
            except BufferError:
                producer.poll(0.1)
        if number % 10_000 == 0:
            producer.poll(0)
        total += len(value)
    if producer.flush(300):
        raise RuntimeError("the load was not taken by the broker")
    return total / count
