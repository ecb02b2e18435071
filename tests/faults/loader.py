"""The load of a fault run: engagement, commands, contacts and erases, with duplicates, late, broken and stray records.

Laws: the same seed gives the same records; every dead-letter reason occurs; only records whose meaning the contract
says without doubt.  ``records`` yields (role, partition or None for the partitioner's, key, value).
Writes, through ``Sender``, to ``<prefix>.<role>`` by librdkafka with ``murmur2_random``.
"""

import json
import threading
import time
from collections.abc import Iterator
from random import Random
from typing import Any

from confluent_kafka import Producer

Made = tuple[str, int | None, bytes | None, bytes | None]
ORGS = ("1", "acme")
STAMP = "2026-01-01T00:00:00Z"
HUGE = 2**62 + 2**20  # twice leaves int64, once leaves room for every rule

RULES: tuple[dict[str, Any], ...] = (
    {"id": 1, "name": "Delivered", "eventType": "email_delivered", "points": 1},
    {"id": 2, "name": "Opened", "eventType": "email_open", "points": 5, "maxPerContact": 10, "siteId": "1"},
    {"id": 3, "name": "Clicked", "eventType": "email_click", "points": 10},
    {
        "id": 4, "name": "Pricing", "eventType": "email_click", "points": 15, "maxPerContact": 3,
        "eventFilter": {"url": ["https://example.com/pricing", "https://example.com/plans"]},
    },
    {
        "id": 5, "name": "Asked for a demo", "eventType": "tag_added", "points": 30, "maxPerContact": 2,
        "eventFilter": {"tagName": "demo-requested"},
    },
    {
        "id": 6, "name": "Onboarded", "eventType": "custom_event", "points": 25, "repeatable": False,
        "eventFilter": {"event.name": "completed_onboarding", "step": 3},
    },
    {"id": 7, "name": "Complained", "eventType": "email_complaint", "points": -50, "maxPerContact": 1},
    {"id": 8, "name": "Spoken to", "eventType": "manual", "points": 2, "maxPerContact": 5},
    {"id": 9, "name": "Off", "eventType": "email_open", "points": 1000, "active": False},
    {"id": 10, "name": "Reads", "eventType": "page_visit", "points": 1, "eventFilter": {"tags": "docs"}},
    {"id": 11, "name": "Opened anew", "eventType": "email_open", "points": 4, "oncePer": "mail", "maxPerContact": 20},
    {
        "id": 12, "name": "Watched", "eventType": "webinar_seen", "points": 6, "oncePer": "webinar.id",
        "items": {"webinar.kind": ["live", "replay"], "minutes": []}, "publishUp": "2026-01-01T00:00:00+01:00",
    },
    {"id": 13, "name": "Too late", "eventType": "page_visit", "points": 99, "publishDown": "2000-01-01T00:00:00Z"},
)  # fmt: skip
THRESHOLDS = [25, {"value": 50, "hysteresis": 10}, 100, -20]


def config_records() -> list[tuple[bytes, bytes | None]]:
    """Key and value of every authored object, as ``config`` keeps it."""
    made: list[tuple[bytes, bytes | None]] = []
    for org in ORGS:
        stamped = {"orgId": org, "createdAt": STAMP, "updatedAt": STAMP}
        profile = {"id": "default", "name": "Lead score", "thresholds": THRESHOLDS, **stamped}
        made.append((f"profile:{org}:default".encode(), json.dumps(profile).encode()))
        for rule in RULES:
            made.append((f"rule:{org}:{rule['id']}".encode(), json.dumps(rule | stamped).encode()))
    return made


def edited_records(number: int) -> list[tuple[bytes, bytes | None]]:
    """The n-th edit of the rules: other points, a rule switched on or off, a cap moved, one deleted, one made."""
    edits = (
        RULES[0] | {"points": number % 5 + 1}, RULES[1] | {"maxPerContact": 2 + number * 7 % 60},
        RULES[8] | {"active": number % 3 == 0, "points": 3}, RULES[9] | {"name": f"Reads, edition {number}"},
    )  # fmt: skip
    org = ORGS[number % 2]
    stamped = {"orgId": org, "createdAt": STAMP, "updatedAt": STAMP}
    made = {f"rule:{org}:{rule['id']}".encode(): json.dumps(rule | stamped).encode() for rule in edits}
    new = {"id": 100 + number, "name": "New", "eventType": "webinar_seen", "points": number + 1, **stamped}
    gone = f"rule:{org}:{98 + number}".encode()
    return [*made.items(), (f"rule:{org}:{100 + number}".encode(), json.dumps(new).encode()), (gone, None)]


EVENTS: tuple[tuple[str, dict[str, Any]], ...] = (
    *[("email_delivered", {})] * 6,
    *[("email_open", {"mail": "m1"})] * 3,
    *[("email_open", {"mail": number}) for number in (1, 2.0, "2")],
    ("email_open", {}),
    *[("email_click", {"url": "https://example.com/blog"})] * 2,
    ("email_click", {"url": "https://example.com/pricing"}),
    ("email_click", {"url": "https://example.com/Pricing/"}),
    ("tag_added", {"tagName": "demo-requested"}),
    ("tag_added", {"tagName": "newsletter"}),
    ("custom_event", {"event": {"name": "completed_onboarding"}, "step": 3.0}),
    ("custom_event", {"event.name": "completed_onboarding", "step": "3"}),
    ("email_complaint", {}),
    ("page_visit", {"tags": ["docs", "help"]}),
    ("webinar_seen", {"minutes": 12}),
    *[("webinar_seen", {"webinar": {"id": n, "kind": kind}}) for n, kind in ((1, "live"), (2, "replay"), (3, "none"))],
)
COMMANDS: tuple[dict[str, Any], ...] = (
    {"kind": "adjust", "points": 5, "reason": "call"},
    {"kind": "adjust", "points": -30},
    {"kind": "adjust", "points": 0},
    {"kind": "set", "score": 40},
    {"kind": "set", "score": 120, "fireTriggers": True, "reason": "moved"},
    {"kind": "tag", "tag": "vip"},
    {"kind": "tag", "tag": "demo-requested"},
    {"kind": "untag", "tag": "demo-requested"},
    {"kind": "reset"},
)


class Load:
    """``events`` engagement records; on top of them about one command in five and one attributes record in ten."""

    def __init__(self, seed: int, events: int, now_ms: int, contacts: int = 400) -> None:
        self.random = Random(seed)  # noqa: S311 - a repeatable load
        self.seed, self.events, self.now_ms, self.contacts = seed, events, now_ms, contacts
        self.sent: list[Made] = []
        self.number = 0

    def records(self) -> Iterator[Made]:
        for _ in range(self.events):
            self.number += 1
            yield self.one("engagement", self.event)
            roll = self.random.random()
            if roll < 0.2:
                yield self.one("commands", self.command)
            elif roll < 0.3:
                yield self.one("contacts", self.attributes)

    def one(self, role: str, make: Any) -> Made:
        roll = self.random.random()
        if roll < 0.03 and self.sent:
            return self.random.choice(self.sent[-600:])
        org = self.random.choice(ORGS)
        contact = str(int(self.random.paretovariate(0.7)) % self.contacts + 1)
        key = f"{org}:{contact}".encode()
        made: Made = (role, None, key, json.dumps({"orgId": org, "contactId": contact, **make()}).encode())
        if roll > 0.97:
            return self.broken(made)
        if role == "contacts" and roll > 0.9:
            return role, None, key, None
        self.sent.append(made)
        return made

    def event(self) -> dict[str, Any]:
        kind, properties = self.random.choice(EVENTS)
        body: dict[str, Any] = {"eventId": f"e{self.seed}-{self.number}", "type": kind, "properties": properties}
        body["siteId"] = self.random.choice((1, "1", "2", None))
        if self.random.random() < 0.1:
            del body["eventId"]
        if self.random.random() < 0.9:
            body["occurredAt"] = self.time()
        return body

    def time(self) -> str:
        at = (self.now_ms - self.random.randrange(86_400_000)) / 1000
        zone = self.random.choice(("Z", ".25Z", ".123456+00:00", "+02:00", ".5-05:30"))
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at - 86_400)) + zone

    def command(self) -> dict[str, Any]:
        body = self.random.choice(COMMANDS)
        if self.random.random() < 0.02:
            body = {"kind": "adjust", "points": self.random.choice((HUGE, -HUGE))}
        return {"commandId": f"c{self.seed}-{self.number}", "by": "loader", **body}

    def attributes(self) -> dict[str, Any]:
        country = self.random.choice(("DE", "FR"))
        return {"email": f"{country}@example.com", "attributes": {"country": country}, "updatedAt": self.time()}

    def broken(self, made: Made) -> Made:
        role, _, key, value = made
        key, value = key or b"", value or b""
        ways: list[Made] = [
            (role, None, key, value[:-1]),
            (role, None, key, b"\xff" + value),
            (role, None, key, b"[]"),
            (role, None, key, value.replace(b"{", b'{"x": NaN, ', 1)),
            (role, None, key, value.replace(b'"contactId"', b'"contact"', 1)),
            (role, None, key + b"0", value),
            (role, 0, key, value), (role, 1, key, value),
            (role, None, key, b'{"pad": "' + b"x" * 262_144 + b'"}'),
        ]  # fmt: skip
        if role != "contacts":  # a compacted topic takes no record without a key
            ways += [(role, None, None, value)]
        if role == "engagement":
            ways += [(role, None, key, None), (role, None, key, value.replace(b'"type": "', b'"type": "No ', 1))]
            ways += [(role, None, key, value[:-1] + b', "occurredAt": "1969-12-31T00:00:00Z"}')]
        if role == "commands":
            ways += [(role, None, key, value.replace(b'"kind": "', b'"kind": "un', 1))]
            ways += [(role, None, key, value.replace(b'"commandId"', b'"id"', 1))]
        return self.random.choice(ways)


class Sender(threading.Thread):
    """Sends a load in the background at ``per_second`` records, which may be changed while it runs.

    ``failed`` names records that Kafka did not acknowledge: they may or may not be in the log.
    """

    def __init__(self, bootstrap: str, prefix: str, load: Load, per_second: float, partitions: int) -> None:
        super().__init__(name="sender", daemon=True)
        self.prefix, self.load, self.per_second, self.partitions = prefix, load, per_second, partitions
        self.producer = make_producer(bootstrap)
        self.sent = 0
        self.failed: list[str] = []
        self.halted = threading.Event()

    def run(self) -> None:
        due = time.monotonic()
        for role, partition, key, value in self.load.records():
            if self.halted.is_set():
                break
            due = max(due + 1 / self.per_second, time.monotonic() - 1)
            while (wait := due - time.monotonic()) > 0 and not self.halted.is_set():
                self.producer.poll(min(wait, 0.1))
            self.send(role, partition, key, value)
        self.producer.flush(180)

    def send(self, role: str, partition: int | None, key: bytes | None, value: bytes | None) -> None:
        where = -1 if partition is None else partition % self.partitions
        topic = f"{self.prefix}.{role}"
        while True:
            try:
                self.producer.produce(topic, value, key, partition=where, on_delivery=self.delivered)
            except BufferError:
                self.producer.poll(0.5)
            else:
                self.sent += 1
                return

    def delivered(self, error: Any, message: Any) -> None:
        if error is not None:
            self.failed.append(f"{message.topic()}-{message.partition()}: {error}")


def make_producer(bootstrap: str) -> Producer:
    return Producer(
        {
            "bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "enable.idempotence": True,
            "linger.ms": 20, "delivery.timeout.ms": 180_000, "message.max.bytes": 4_194_304, "compression.type": "lz4",
            "log_level": 2,
        }
    )  # fmt: skip


def write_config(bootstrap: str, prefix: str, records: list[tuple[bytes, bytes | None]]) -> None:
    producer = make_producer(bootstrap)
    for key, value in records:
        producer.produce(f"{prefix}.config", value, key, partition=0)
    if producer.flush(60):
        raise RuntimeError("config was not acknowledged")
