"""Makes up a deterministic load for all inputs: engagement, commands and contacts, good and bad, skewed and repeated.

Laws: the same arguments give the same records; no clock, no I/O.  Contacts are drawn by a Zipf law: rank r, from 1,
weighs 1 / r**skew, and contact 1 of the first org is the hottest.  Event times rise evenly over the span; a share of
them lies up to an hour back.  A duplicate repeats one of the last 128 good records of its topic byte for byte, so it is
inside the engine's window of 256 ids.  A bad record is a good one broken in one way: see ``bad_records``.
Reads and writes nothing: it yields (last part of the topic's name, key, value), to be sent by ``replay``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from random import Random
from typing import Any, Final

from schemas.ids import contact_key
from stream_app.operations.bad_records import BAD_ATTRIBUTES, BAD_COMMANDS, BAD_EVENTS, Breakers
from topics.declarations import ENGAGEMENT

Record = tuple[str, bytes | None, bytes | None]

COMMANDS: Final = "commands"
CONTACTS: Final = "contacts"

DRAWN_AT_ONCE: Final = 4096
REMEMBERED: Final = 128
LATE_MS: Final = 3_600_000
ERASED_SHARE: Final = 0.02


@dataclass(frozen=True, slots=True)
class Shape:
    """What the load looks like; every share is a probability.  Commands and attributes come on top of the events."""

    orgs: tuple[str, ...] = ("1",)
    skew: float = 1.0
    duplicate_share: float = 0.02
    bad_share: float = 0.0
    late_share: float = 0.05
    commands_share: float = 0.0
    attributes_share: float = 0.0
    start_ms: int = 1_767_225_600_000  # 2026-01-01T00:00:00Z
    span_ms: int = 30 * 86_400_000


# weight, type, properties: the types of rule set R and some that it does not score
EVENTS: Final = (
    (25, "email_delivered", '{"mailId":"m1"}'),
    (15, "email_delivered", '{"mailId":"m2"}'),
    (15, "email_open", '{"mailId":"m1"}'),
    (5, "email_open", '{"mailId":"m2"}'),
    (8, "email_click", '{"mailId":"m1","url":"https://example.com/blog"}'),
    (4, "email_click", '{"mailId":"m1","url":"https://example.com/pricing"}'),
    (10, "page_visit", '{"url":"https://example.com/help/tutorials/first-steps","dwellSeconds":40}'),
    (5, "page_visit", '{"url":"https://example.com/pricing"}'),
    (3, "asset_download", '{"asset":"whitepaper"}'),
    (3, "form_submit", '{"form":"contact"}'),
    (2, "tag_added", '{"tagName":"demo-requested"}'),
    (1, "tag_added", '{"tagName":"newsletter"}'),
    (2, "custom_event", '{"name":"completed_onboarding"}'),
    (1, "custom_event", '{"name":"invited_colleague"}'),
    (1, "email_complaint", "{}"),
)

COMMAND_BODIES: Final = (
    (6, '"kind":"adjust","points":5,"reason":"call"'),
    (2, '"kind":"adjust","points":-3,"reason":"no answer"'),
    (2, '"kind":"set","score":40,"reason":"import"'),
    (3, '"kind":"tag","tag":"vip"'),
    (2, '"kind":"untag","tag":"vip"'),
    (1, '"kind":"reset"'),
)

ATTRIBUTES: Final = (
    '{"subscribed":true,"country":"DE","employees":12}',
    '{"subscribed":true,"country":"FR","employees":900}',
    '{"subscribed":false,"country":"DE"}',
)

BROKEN: Final[dict[str, Breakers]] = {ENGAGEMENT: BAD_EVENTS, COMMANDS: BAD_COMMANDS, CONTACTS: BAD_ATTRIBUTES}


def generate(seed: int, contacts: int, events: int, **shape: Any) -> Iterator[Record]:
    """Yield (last part of the topic's name, key, value); ``shape`` takes the fields of Shape by name.

    Exactly ``events`` records are engagement, duplicates and bad ones included.
    """
    if contacts < 1 or events < 0:
        raise ValueError("needs at least one contact and no negative number of events")
    return _Load(seed, contacts, events, Shape(**shape)).records()


class _Load:
    """One run: its dice, what it may repeat, and how far it has come."""

    def __init__(self, seed: int, contacts: int, events: int, shape: Shape) -> None:
        self.seed, self.contacts, self.count, self.shape = seed, contacts, events, shape
        self.random = Random(seed)  # noqa: S311 - made-up load needs no secure randomness
        self.made = 0
        self.minutes: dict[int, str] = {}
        self.recent: dict[str, list[tuple[bytes, bytes]]] = {ENGAGEMENT: [], COMMANDS: [], CONTACTS: []}
        self.remembered = dict.fromkeys(self.recent, 0)
        self.slots = {
            ENGAGEMENT: [(kind, properties) for weight, kind, properties in EVENTS for _ in range(weight)],
            COMMANDS: [body for weight, body in COMMAND_BODIES for _ in range(weight)],
        }

    def records(self) -> Iterator[Record]:
        random, shape = self.random.random, self.shape
        commands_share, attributes_share = shape.commands_share, shape.attributes_share
        for rank in self._ranks():
            self.made += 1
            yield self._record(ENGAGEMENT, rank, self._event)
            if commands_share and random() < commands_share:
                yield self._record(COMMANDS, rank, self._command)
            if attributes_share and random() < attributes_share:
                yield self._erase(rank) if random() < ERASED_SHARE else self._record(CONTACTS, rank, self._attributes)

    def _ranks(self) -> Iterator[int]:
        skew, left = self.shape.skew, self.count
        weights = list(accumulate((rank + 1) ** -skew for rank in range(self.contacts)))
        while left > 0:
            drawn = self.random.choices(range(self.contacts), cum_weights=weights, k=min(left, DRAWN_AT_ONCE))
            left -= len(drawn)
            yield from drawn

    def _record(self, topic: str, rank: int, make: Callable[[str, str], str]) -> Record:
        """Return a repeated, a broken or a fresh record, as the dice fall."""
        roll, bad_share, recent = self.random.random(), self.shape.bad_share, self.recent[topic]
        if recent and bad_share <= roll < bad_share + self.shape.duplicate_share:
            return topic, *recent[int(self.random.random() * len(recent))]
        org, contact = self._who(rank)
        good = contact_key(org, contact), make(org, contact).encode()
        if roll < bad_share:
            reasons = BROKEN[topic]
            return topic, *self.random.choice(reasons[self.random.choice(list(reasons))])(*good)
        self._remember(topic, good)
        return topic, *good

    def _remember(self, topic: str, good: tuple[bytes, bytes]) -> None:
        recent = self.recent[topic]
        if len(recent) < REMEMBERED:
            recent.append(good)
        else:
            recent[self.remembered[topic] % REMEMBERED] = good
            self.remembered[topic] += 1

    def _event(self, org: str, contact: str) -> str:
        slots = self.slots[ENGAGEMENT]
        kind, properties = slots[int(self.random.random() * len(slots))]
        late = LATE_MS * self.random.random() if self.random.random() < self.shape.late_share else 0
        return (
            f'{{"eventId":"e{self.seed}-{self.made}","orgId":"{org}","siteId":"1","contactId":"{contact}",'
            f'"type":"{kind}","occurredAt":"{self._time(int(late))}","properties":{properties}}}'
        )

    def _command(self, org: str, contact: str) -> str:
        return (
            f'{{"commandId":"c{self.seed}-{self.made}","orgId":"{org}","contactId":"{contact}",'
            f'{self.random.choice(self.slots[COMMANDS])},"at":"{self._time()}","by":"generator"}}'
        )

    def _attributes(self, org: str, contact: str) -> str:
        return (
            f'{{"orgId":"{org}","contactId":"{contact}","email":"c{contact}@example.com",'
            f'"attributes":{self.random.choice(ATTRIBUTES)},"updatedAt":"{self._time()}"}}'
        )

    def _erase(self, rank: int) -> Record:
        org, contact = self._who(rank)
        return CONTACTS, contact_key(org, contact), None

    def _who(self, rank: int) -> tuple[str, str]:
        orgs = self.shape.orgs
        return orgs[rank % len(orgs)], str(rank // len(orgs) + 1)

    def _time(self, late_ms: int = 0) -> str:
        now = self.shape.start_ms + self.shape.span_ms * self.made // self.count - late_ms
        minute, ms = divmod(now, 60_000)
        text = self.minutes.get(minute)
        if text is None:
            text = datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%dT%H:%M:")
            self.minutes[minute] = text
        return f"{text}{ms // 1000:02d}.{ms % 1000:03d}Z"
