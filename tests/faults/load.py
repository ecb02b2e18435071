"""The load of a fault run: engagement, commands, contacts and erases, with duplicates, late, broken and stray records.

Laws: the same seed gives the same records; every dead-letter reason occurs; only records whose meaning the contract
says without doubt.  ``records`` yields (role, partition or None for the partitioner's, key, value).
"""

import json
import time
from collections import deque
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.faults.authored import ORGS
from tests.faults.logs import WEB

Made = tuple[str, int | None, bytes | None, bytes | None]
DAY_SECONDS = 86_400
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
