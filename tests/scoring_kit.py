"""What tests of scoring and processing share: short ways to write rules, inputs, records and a committed state."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from schemas.events import Command, ContactAttributes, EngagementEvent
from schemas.outputs import ScoreChanged, ThresholdCrossed
from schemas.times import DAY_MS
from stream_app.delivery.handler import Batch, BatchKind, ClockMode, Effects
from stream_app.processing.due_index import due_of
from stream_app.processing.handler import ScoringHandler
from stream_app.scoring.contact import NEW_PROFILE, Contact
from stream_app.scoring.decide import Input
from stream_app.scoring.decision import Decision
from stream_app.scoring.due import catch_up, decide_on_time
from stream_app.scoring.rulebook import EMPTY_RULEBOOK, ConfigRecord, Rulebook, fold
from stream_app.scoring.sweep import shown_may_move, sweep

T0 = 1_767_225_600_000  # 2026-01-01T00:00:00Z
WRITTEN = "2026-01-01T00:00:00.000Z"
ENGAGEMENT, CONTACTS, COMMANDS = "leadstream.engagement", "leadstream.contacts", "leadstream.commands"
SCORES, CROSSINGS, DEAD = "leadstream.score-changed", "leadstream.threshold-crossed", "leadstream.dead-letters"

SET_R: list[dict[str, Any]] = [
    {"id": 1, "name": "Delivered", "eventType": "email_delivered", "points": 1, "maxPerContact": 50},
    {"id": 2, "name": "Opened", "eventType": "email_open", "points": 5, "maxPerContact": 10},
    {"id": 3, "name": "Link clicked", "eventType": "email_click", "points": 10, "maxPerContact": 20},
    {"id": 4, "name": "Clicked pricing page", "eventType": "email_click", "points": 15, "maxPerContact": 3,
     "eventFilter": {"url": "https://example.com/pricing"}},
    {"id": 5, "name": "Demo requested", "eventType": "tag_added", "points": 30, "maxPerContact": 1,
     "eventFilter": {"tagName": "demo-requested"}},
    {"id": 6, "name": "Onboarded", "eventType": "custom_event", "points": 25, "maxPerContact": 1,
     "eventFilter": {"name": "completed_onboarding"}},
    {"id": 7, "name": "Complaint", "eventType": "email_complaint", "points": -50, "maxPerContact": 1},
]  # fmt: skip


def day(days: float) -> int:
    """So many days after T0."""
    return T0 + int(days * DAY_MS)


def rule_record(offset: int, **fields: Any) -> ConfigRecord:
    body = {"orgId": "1", "createdAt": WRITTEN, "updatedAt": WRITTEN, "name": f"Rule {fields['id']}", **fields}
    return ConfigRecord(f"rule:{body['orgId']}:{body['id']}".encode(), json.dumps(body).encode(), offset)


def profile_record(offset: int, *thresholds: int | dict[str, int], org: str = "1", **limits: Any) -> ConfigRecord:
    stamps = {"orgId": org, "createdAt": WRITTEN, "updatedAt": WRITTEN}
    body = {"id": "default", **stamps, "thresholds": thresholds, **limits}
    return ConfigRecord(f"profile:{org}:default".encode(), json.dumps(body).encode(), offset)


def published_record(
    offset: int, profile_id: str, *rules: dict[str, Any], org: str = "1", version: int = 1, **body: Any
) -> ConfigRecord:
    """The record of a publish of a profile with these rules."""
    stamps = {"orgId": org, "createdAt": WRITTEN, "updatedAt": WRITTEN}
    frozen = [{"name": f"Rule {rule['id']}", **rule, **stamps, "profileId": profile_id} for rule in rules]
    record = {
        "id": profile_id, **stamps, "status": "published", "version": version, "draft": None,
        "published": {**body, "rules": frozen},
    }  # fmt: skip
    return ConfigRecord(f"profile:{org}:{profile_id}".encode(), json.dumps(record).encode(), offset)


def with_records(book: Rulebook, *records: ConfigRecord) -> Rulebook:
    """The rulebook after more records, all of which count; their offsets are given here."""
    numbered = [record._replace(offset=book.version + at) for at, record in enumerate(records)]
    folded = fold(book, numbered)
    assert not folded.ignored, folded.ignored
    return folded.rulebook


def rulebook(*rules: dict[str, Any], thresholds: Sequence[int | dict[str, int]] = (), **body: Any) -> Rulebook:
    """The rulebook of org 1 with these rules, and a `default` with these thresholds and whatever else it says."""
    records = [rule_record(0, **rule) for rule in rules]
    return with_records(EMPTY_RULEBOOK, *records, profile_record(0, *thresholds, **body))


def edited(book: Rulebook, **rule: Any) -> Rulebook:
    return with_records(book, rule_record(0, **rule))


def deleted(book: Rulebook, rule_id: int) -> Rulebook:
    return with_records(book, ConfigRecord(f"rule:1:{rule_id}".encode(), None, 0))


def event(kind: str = "email_open", event_id: str | None = None, at: int = T0, **properties: Any) -> EngagementEvent:
    return EngagementEvent("1", "42", kind, event_id, "1", at, properties)


def attributes(email: str | None = None, at: int = T0, **values: Any) -> ContactAttributes:
    return ContactAttributes("1", "42", email, values, at)


def command(kind: Any, command_id: str, **fields: Any) -> Command:
    return Command("1", "42", kind, command_id, fields.pop("at", T0), **fields)


@dataclass
class Fold:
    """A contact that inputs are folded into, and all that came out."""

    book: Rulebook
    window: int = 256
    clock: int = T0
    contact: Contact | None = None
    outputs: list[Any] = field(default_factory=list[Any])
    capped: int = 0
    count: int = 0
    wall: int = 0

    def put(self, given: Input) -> Decision:
        self.count += 1
        decision = decide_on_time(
            self.contact, given, self.book, self.clock, f"t-0-{self.count}", self.window, wall=self.wall
        )  # fmt: skip
        self.contact = decision.contact
        self.outputs += decision.outputs
        self.capped += decision.capped
        return decision

    def sweep(self, book: Rulebook) -> bool:
        """Let a rulebook take effect, with its sweep where it needs one; tell whether it did."""
        needed = shown_may_move(self.book, book)
        self.book = book
        if needed and self.contact is not None:
            self.contact, outputs = sweep(self.contact, "1", "42", book, self.clock)
            self.outputs += outputs
        return needed

    def shown(self, profile_id: str) -> int:
        assert self.contact is not None
        return self.contact.core.profiles.get(profile_id, NEW_PROFILE).shown

    def wait(self, clock: int) -> None:
        """Let the clock go on while nothing comes."""
        assert self.contact is not None
        self.clock = clock
        rung = catch_up(self.contact, "1", "42", self.book, clock)
        self.contact, self.capped = rung.contact, self.capped + rung.capped
        self.outputs += rung.outputs

    @property
    def score(self) -> int:
        assert self.contact is not None
        state = self.contact.core.profiles.get("default")
        return 0 if state is None else state.shown

    @property
    def scores(self) -> list[int]:
        return [output.score for output in self.changes]

    @property
    def changes(self) -> list[ScoreChanged]:
        return [output for output in self.outputs if isinstance(output, ScoreChanged)]

    @property
    def crossings(self) -> list[tuple[int, str]]:
        return [(output.threshold, output.direction) for output in self.outputs if isinstance(output, ThresholdCrossed)]

    @property
    def awards(self) -> list[tuple[int | None, int]]:
        return [(award.rule_id, award.points) for change in self.changes for award in change.awards]


@dataclass(slots=True)
class FakeRecord:
    offset: int
    value: bytes | None
    key: bytes | None = b"1:42"
    timestamp: int = T0
    headers: list[tuple[str, bytes | None]] = field(default_factory=list[tuple[str, bytes | None]])


class State:
    """Committed state in a dict."""

    def __init__(self) -> None:
        self.data: dict[bytes, bytes] = {}
        self.get = self.data.get

    def scan(self, after: bytes) -> Iterator[tuple[bytes, bytes]]:
        yield from sorted((key, value) for key, value in self.data.items() if key > after)

    def dues(self) -> Iterator[tuple[int, bytes]]:
        found = ((due_of(key, value), key) for key, value in self.data.items())
        yield from sorted((due, key) for due, key in found if due is not None)

    def merge(self, effects: Effects) -> None:
        for key, value in effects.changes.items():
            if value is None:
                self.data.pop(key, None)
            else:
                self.data[key] = value


class OneRulebook:
    def __init__(self, book: Rulebook) -> None:
        self.book = book

    def current(self) -> Rulebook:
        return self.book

    def at(self, version: int) -> Rulebook:
        assert version == self.book.version
        return self.book


@dataclass
class Engine:
    """A handler over a dict: one batch per call of `run`."""

    book: Rulebook = EMPTY_RULEBOOK
    partitions: int = 1
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    state: State = field(default_factory=State)
    clock: int = 0
    clock_mode: ClockMode = "wall"
    seq: int = 0
    capped: int = 0

    def __post_init__(self) -> None:
        self.handler = ScoringHandler(
            partitions=self.partitions, engagement=[ENGAGEMENT], contacts=CONTACTS, commands=COMMANDS,
            score_changed=SCORES, threshold_crossed=CROSSINGS, dead_letters=DEAD, rulebooks=OneRulebook(self.book),
            **self.settings,
        )  # fmt: skip

    def under(self, book: Rulebook) -> "Engine":
        """The same state under another rulebook."""
        return replace(self, book=book)

    def batch(self, kind: BatchKind, partition: int = 0, ceiling: int | None = None) -> Batch:
        """Return the next batch."""
        self.seq += 1
        return Batch(partition, self.seq, kind, self.clock, self.handler.version(), ceiling, self.clock_mode)

    def run(
        self, source: str, *records: FakeRecord, partition: int = 0, ceiling: int | None = None,
        kind: BatchKind = "records", until: int | None = None, limit: int = 500,
    ) -> Effects:  # fmt: skip
        """Run a batch; with ``until`` the clock goes on to there at its end."""
        batch = self.batch(kind, partition, ceiling)
        work = self.handler.begin(batch, self.state)
        work.apply(source, records)
        self.clock = work.clock
        if until is not None:
            self.clock = max(work.clock, until)
            work.due(self.clock, limit)
        effects = work.finish()
        self.capped += work.capped
        self.state.merge(effects)
        self.handler.committed(batch, effects)
        return effects


def event_json(**fields: Any) -> bytes:
    body = {"orgId": "1", "contactId": "42", "type": "email_open", "occurredAt": "2026-01-01T00:00:00Z", **fields}
    return json.dumps({name: value for name, value in body.items() if value is not ...}).encode()


def command_json(**fields: Any) -> bytes:
    body = {"orgId": "1", "contactId": "42", "kind": "adjust", "commandId": "c1", "points": 5, **fields}
    return json.dumps({name: value for name, value in body.items() if value is not ...}).encode()
