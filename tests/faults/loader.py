"""The load of a fault run: engagement, commands, contacts and erases, with duplicates, late, broken and stray records.

Laws: the same seed gives the same records; every dead-letter reason occurs; only records whose meaning the contract
says without doubt.  ``records`` yields (role, partition or None for the partitioner's, key, value).
Writes, through ``Sender``, to ``<prefix>.<role>`` by librdkafka with ``murmur2_random``.
"""

import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.faults.authored import ORGS, edited_records
from tests.faults.clients import make_producer
from tests.faults.logs import WEB

Made = tuple[str, int | None, bytes | None, bytes | None]
DAY_SECONDS = 86_400
LOUD_SECONDS, QUIET_SECONDS = 9.0, 2.0
ZONES = (("Z", 0), (".25Z", 0), (".123456+00:00", 0), ("+02:00", 7_200), (".5-05:30", -19_800))
HUGE = 2**62 + 2**20  # twice leaves int64, once leaves room for every rule

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
    *[("page_visit", {"url": f"https://example.com/docs/{page}"}) for page in ("a", "b")],
    ("page_visit", {"url": "https://example.com/docs", "dwellSeconds": 1200}),
    *[(kind, {"url": "https://example.com/docs/c", "clickId": "c1"}) for kind in ("email_click", "page_visit")],
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
    {"kind": "adjust", "points": 6, "profileId": "engagement"},
    {"kind": "set", "score": 25, "profileId": "engagement", "fireTriggers": True},
    {"kind": "set", "score": 12, "profileId": "suitability"},
    {"kind": "adjust", "points": 1, "profileId": "overall"},
    {"kind": "adjust", "points": 1, "profileId": "idea"},
    {"kind": "adjust", "points": 1500, "profileId": "ebb"},
    {"kind": "set", "score": 2500, "profileId": "ebb", "fireTriggers": True},
    {"kind": "set", "score": 4000, "profileId": "line"},
    {"kind": "adjust", "points": -800, "profileId": "tide"},
)
COMPANIES: tuple[dict[str, Any], ...] = (
    {}, {"company": {"size": 20}}, {"company": {"size": 80.5}}, {"plans": ["free", "pro"]}, {"company.size": 51},
)  # fmt: skip


class Load:
    """``events`` engagement records, None without end; on top of them about one command in five, one attributes record
    in ten, and one event in six through ``web``, the source with any key."""

    def __init__(
        self, seed: int, events: int | None, now_ms: int, contacts: int = 400, soon_seconds: float = 300.0
    ) -> None:
        """``soon_seconds``: by when, from ``now_ms`` on, contacts fall due that were silent for a day."""
        self.random = Random(seed)  # noqa: S311 - a repeatable load
        self.soon_seconds = soon_seconds
        self.seed, self.events, self.now_ms, self.contacts = seed, events, now_ms, contacts
        self.sent: deque[Made] = deque(maxlen=600)
        self.number = 0

    def records(self) -> Iterator[Made]:
        while self.events is None or self.number < self.events:
            self.number += 1
            yield self.one("engagement", self.event)
            roll = self.random.random()
            if roll < 0.2:
                yield self.one("commands", self.command)
            elif roll < 0.3:
                yield self.one("contacts", self.attributes)
            elif roll < 0.46:
                yield self.unkeyed(self.one(WEB, self.event))

    def one(self, role: str, make: Any) -> Made:
        roll = self.random.random()
        if roll < 0.03 and (before := [made for made in self.sent if made[0] == role]):
            return self.random.choice(before)
        org = self.random.choice(ORGS)
        contact = str(int(self.random.paretovariate(0.7)) % self.contacts + 1)
        key = f"{org}:{contact}".encode()
        made: Made = (role, None, key, json.dumps({"orgId": org, "contactId": contact, **make(contact)}).encode())
        if roll > 0.97:
            return self.broken(made)
        if role == "contacts" and roll > 0.9:
            return role, None, key, None
        self.sent.append(made)
        return made

    def unkeyed(self, made: Made) -> Made:
        """The same with any key, in any partition."""
        role, _, key, value = made
        return role, self.random.randrange(1000), self.random.choice((None, b"", b"1:7", b"\xff", key)), value

    def event(self, contact: str) -> dict[str, Any]:
        kind, properties = self.random.choice(EVENTS)
        body: dict[str, Any] = {"eventId": f"e{self.seed}-{self.number}", "type": kind, "properties": properties}
        body["siteId"] = self.random.choice((1, "1", "2", None))
        if self.random.random() < 0.1:
            del body["eventId"]
        if self.random.random() < 0.7 or int(contact) % 5:
            body["occurredAt"] = self.time()
        return body

    def time(self) -> str:
        """A day and more ago, or so that a day of silence is over soon."""
        age = DAY_SECONDS - self.random.uniform(0, self.soon_seconds)
        if self.random.random() < 0.3:
            age = self.random.uniform(1, 4) * DAY_SECONDS
        zone, ahead = self.random.choice(ZONES)
        moment = time.gmtime(self.now_ms / 1000 - age + ahead)
        return time.strftime("%Y-%m-%dT%H:%M:%S", moment) + zone

    def command(self, _: str) -> dict[str, Any]:
        body = self.random.choice(COMMANDS)
        if self.random.random() < 0.02:
            body = {"kind": "adjust", "points": self.random.choice((HUGE, -HUGE))}
        return {"commandId": f"c{self.seed}-{self.number}", "by": "loader", **body}

    def attributes(self, _: str) -> dict[str, Any]:
        country = self.random.choice(("DE", "FR", "IT"))
        known = {"country": country, **self.random.choice(COMPANIES)}
        return {"email": f"{country}@example.com", "attributes": known, "updatedAt": self.time()}

    def broken(self, made: Made) -> Made:
        role, _, key, value = made
        key, value = key or b"", value or b""
        ways: list[Made] = [
            (role, None, key, value[:-1]),
            (role, None, key, b"\xff" + value),
            (role, None, key, b"[]"),
            (role, None, key, value.replace(b"{", b'{"x": NaN, ', 1)),
            (role, None, key, value.replace(b'"contactId"', b'"contact"', 1)),
            (role, None, key, b'{"pad": "' + b"x" * 262_144 + b'"}'),
        ]  # fmt: skip
        if role != WEB:
            ways += [(role, None, key + b"0", value), (role, 0, key, value), (role, 1, key, value)]
        if role in ("engagement", "commands"):  # a compacted topic takes no record without a key
            ways += [(role, None, None, value)]
        if role in ("engagement", WEB):
            ways += [(role, None, key, None), (role, None, key, value.replace(b'"type": "', b'"type": "No ', 1))]
            ways += [(role, None, key, value[:-1] + b', "occurredAt": "1969-12-31T00:00:00Z"}')]
        if role == "commands":
            ways += [(role, None, key, value.replace(b'"kind": "', b'"kind": "un', 1))]
            ways += [(role, None, key, value.replace(b'"commandId"', b'"id"', 1))]
        return self.random.choice(ways)


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
