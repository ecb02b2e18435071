"""Silence in the engine against the reference: random rules, streams out of order, any batches, clocks that jump or are
held by what is unread, contacts that are erased and told of again, or known before there were rules for silence."""

import json
from collections import defaultdict
from itertools import takewhile
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.times import DAY_MS, format_time
from stream_app.delivery.handler import ClockMode, Effects
from stream_app.scoring.rulebook import Rulebook
from tests.faults.reference_clock import Silent
from tests.faults.reference_rules import ClockRules, cap_of
from tests.faults.reference_values import parse_time
from tests.scoring_kit import (
    COMMANDS,
    CONTACTS,
    ENGAGEMENT,
    SCORES,
    T0,
    Engine,
    FakeRecord,
    published_record,
    rulebook,
    with_records,
)  # fmt: skip

POINTS = {"link_click": 10, "email_open": 5}
KINDS = [*POINTS, "page_visit", "email_delivered", "email_sent", "tag_added"]
HALF_DAYS = 80
END = T0 + 120 * DAY_MS


def time_at(half_days: int) -> int:
    return T0 + half_days * DAY_MS // 2


class Fact(NamedTuple):
    topic: str
    key: bytes
    kind: str
    at: int
    timestamp: int
    ceiling: int | None


def a_silence(r: Random, rule_id: int) -> dict[str, Any]:
    up, down = sorted(r.choices(range(HALF_DAYS), k=2))
    return {
        "id": rule_id, "name": f"Silence {rule_id}", "points": r.choice([-5, -3, 0, 7]),
        "inactivity": {"days": r.choice([1, 2, 3, 7, 7, 14, 30]), "repeat": r.random() < 0.6},
        "maxPerContact": r.choice([None, None, 1, 3]), "repeatable": r.random() < 0.9, "active": r.random() < 0.9,
        "publishUp": format_time(time_at(up)) if r.random() < 0.2 else None,
        "publishDown": format_time(time_at(down)) if r.random() < 0.2 else None,
        "updatedAt": format_time(time_at(r.choice([0, 0, 0, r.randrange(HALF_DAYS)]))),
    }  # fmt: skip


def rules_of(r: Random) -> list[dict[str, Any]]:
    events = [{"id": n, "eventType": kind, "points": points} for n, (kind, points) in enumerate(POINTS.items(), 1)]
    return [*events, *(a_silence(r, 10 + n) for n in range(r.randint(1, 4)))]


def a_fact(r: Random, now: int, ceiling: int | None) -> Fact:
    key = r.choice([b"1:a", b"1:b", b"1:c"])
    chance = r.random()
    if chance < 0.1:
        return Fact(CONTACTS, key, "erase", 0, time_at(now), ceiling)
    if chance < 0.25:
        topic, kind = r.choice([(COMMANDS, "adjust"), (CONTACTS, "attributes")])
        said = r.choice([now, now, now - 20, now + 20, 0])
        return Fact(topic, key, kind, time_at(said), time_at(now), ceiling)
    late = r.choice([0, 0, 0, 1, 5, 20])
    return Fact(ENGAGEMENT, key, r.choice(KINDS), max(0, time_at(now - late)), time_at(now), ceiling)


def facts_of(r: Random, count: int) -> list[Fact]:
    """Facts in the order of arrival; their records' times jump, and now and then go back.

    At first, and again and again, the clock is held: at 0 by sources of which nothing is read, later where they are.
    """
    now, facts = 0, list[Fact]()
    ceiling = r.choice([None, 0, 0])
    for _ in range(count):
        now = max(0, now + r.choice([0, 0, 0, 1, 2, 5, 13, 14, 30, -3]))
        if r.random() < 0.15:
            ceiling = r.choice([None, None, 0, time_at(min(now, HALF_DAYS) - r.choice([0, 1, 10, 40]))])
        facts.append(a_fact(r, min(now, HALF_DAYS), ceiling))
    return facts


def record_of(offset: int, fact: Fact) -> FakeRecord:
    ids = {"orgId": "1", "contactId": fact.key.decode()[2:]}
    if fact.kind == "erase":
        return FakeRecord(offset, None, fact.key, fact.timestamp)
    body: dict[str, Any] = {"type": fact.kind, "properties": {"tagName": "t"}, "occurredAt": format_time(fact.at)}
    if fact.topic == COMMANDS:
        body = {"kind": "adjust", "commandId": str(offset), "points": 1, "at": format_time(fact.at)}
    if fact.topic == CONTACTS:
        body = {"attributes": {}, "updatedAt": format_time(fact.at)}
    return FakeRecord(offset, json.dumps(ids | body).encode(), fact.key, fact.timestamp)


Change = tuple[str, int, int]  # what is paid for, the score after it, its version
LOW: dict[str, Any] = {
    "id": 90, "points": 100, "attribute": {"type": "score", "op": "lt", "value": 3},
}  # fmt: skip


def with_low(*rules: dict[str, Any]) -> Rulebook:
    """The rulebook with a profile in which a fit rule pays while the score of `default` is low (S36)."""
    return with_records(rulebook(*rules), published_record(0, "low", LOW))


class Paid:
    """What contacts show in two profiles, each with its version, and what is told of them."""

    def __init__(self) -> None:
        self.told: dict[bytes, list[Change]] = defaultdict(list)
        self.shown: dict[tuple[bytes, str], tuple[int, int]] = defaultdict(lambda: (0, 0))

    def pay(self, key: bytes, what: str, points: int, profile: str = "default") -> None:
        score, version = self.shown[key, profile]
        self.shown[key, profile] = score + points, version + 1
        self.told[key].append((what, *self.shown[key, profile]))

    def see(self, key: bytes, what: str) -> None:
        """Let the fit rule see the score of `default`."""
        worth = 100 if self.shown[key, "default"][0] < 3 else 0
        paid = self.shown[key, "low"][0]
        if worth != paid:
            self.pay(key, what, worth - paid, "low")

    def erase(self, key: bytes) -> None:
        del self.shown[key, "default"], self.shown[key, "low"]
        self.told[key].append(("erased", 0, 0))


def wanted(rules: list[dict[str, Any]], facts: list[Fact], mode: ClockMode, known: int) -> dict[bytes, list[Change]]:
    """What each contact is told to have been paid, by the reference; its org has no silences before fact ``known``.

    After all that pays a contact, and after each input, the fit rule sees the score.
    """
    silents: dict[bytes, Silent] = {}
    paid = Paid()
    fires: dict[tuple[bytes, int], int] = defaultdict(int)
    live = [rule for rule in rules if rule.get("inactivity") and rule["active"]]
    later = ClockRules(1, tuple(live), tuple((rule["id"], parse_time(rule["updatedAt"])) for rule in live))
    of_clock, clock = ClockRules() if known else later, 0

    def go_on(key: bytes, until: int) -> None:
        while silents[key].overdue(of_clock, until):
            due, _, acting = silents[key].ring(of_clock, {})
            silents[key].await_next(of_clock, {})
            for rule in acting:
                cap, before = cap_of(rule), fires[key, rule["id"]]
                if cap is None or before < cap:
                    fires[key, rule["id"]] += 1
                    what = f"clock-{due}-{rule['id']}-1-{key.decode()[2:]}"
                    paid.pay(key, f"{what}/default", rule["points"])
                    paid.see(key, f"{what}/low")

    for number, fact in enumerate(facts):
        if number == known:
            of_clock = later
            for silent in silents.values():
                silent.begin(clock)
                silent.await_next(of_clock, {})
        seen = fact.timestamp if fact.ceiling is None else min(fact.timestamp, fact.ceiling)
        clock = max(clock, seen if mode == "wall" else fact.at if fact.topic == ENGAGEMENT else 0)
        if fact.key in silents:
            go_on(fact.key, clock)
        if fact.kind == "erase":
            if silents.pop(fact.key, None) is not None:
                paid.erase(fact.key)
                for rule in rules:
                    fires.pop((fact.key, rule["id"]), None)
            continue
        start = silents[fact.key].start if fact.key in silents else None
        contact = silents.setdefault(fact.key, Silent(max(clock, fact.at)))
        if fact.topic == COMMANDS:
            paid.pay(fact.key, "adjust", 1)
        elif fact.topic == ENGAGEMENT:
            contact.saw(fact.kind, fact.at)
            if fact.kind in POINTS:
                paid.pay(fact.key, fact.kind, POINTS[fact.kind])
        paid.see(fact.key, fact.kind)
        contact.after_input(of_clock, start, clock)
    for key in silents:
        go_on(key, END)
    return paid.told


def played(
    rules: list[dict[str, Any]], facts: list[Fact], mode: ClockMode, known: int, r: Random
) -> tuple[dict[bytes, list[Change]], dict[bytes, bytes]]:
    """What the engine says, and leaves, with batches cut at random and clock batches of a few contacts between."""
    engine = Engine(with_low(*rules[: len(POINTS)]), clock_mode=mode)
    out: list[Effects] = []
    start = 0
    while start < len(facts):
        if start == known:
            engine = Engine(with_low(*rules), clock_mode=mode, state=engine.state, clock=engine.clock)
            swept(engine, r)
        end = min(start + r.randint(1, 12), known if start < known else len(facts))
        topic, ceiling = facts[start].topic, facts[start].ceiling
        alike = (fact.topic == topic and fact.ceiling == ceiling for fact in facts[start:end])
        end = start + len(list(takewhile(bool, alike)))
        records = [record_of(n, facts[n]) for n in range(start, end)]
        out.append(engine.run(topic, *records, ceiling=ceiling, until=0, limit=r.randint(1, 3)))
        while r.random() < 0.3:
            out.append(engine.run(topic, kind="clock", until=0, limit=r.randint(1, 3)))
        start = end
    while (due := engine.handler.next_due(engine.state)) is not None and due <= END:
        out.append(engine.run(ENGAGEMENT, kind="clock", until=END, limit=r.randint(1, 30)))
    told: dict[bytes, list[Change]] = defaultdict(list)
    for effects in out:
        for key, value, _ in effects.outputs.get(SCORES, ()):
            change = {"id": "erased", "score": 0, "version": 0} if value is None else json.loads(value)
            cause = change.get("cause", {"kind": "clock"})
            what = {"event": cause.get("type"), "command": "adjust", "clock": change["id"]}
            told[key or b""].append((what.get(cause["kind"], "attributes"), change["score"], change["version"]))
    return told, engine.state.data


def swept(engine: Engine, r: Random) -> None:
    """Let all contacts meet the rules, in slices."""
    after: bytes | None = b""
    while after is not None:
        work = engine.handler.begin(engine.batch("sweep"), engine.state)
        after = work.sweep(after, r.randint(1, 3))
        engine.state.merge(work.finish())


@pytest.mark.parametrize("mode", ["wall", "records"])
@settings(max_examples=150)
@given(st.integers(0, 2**40), st.integers(1, 40))
def test_silence_pays_what_the_reference_says_however_batches_are_cut(mode: ClockMode, seed: int, count: int) -> None:
    r = Random(seed)  # noqa: S311 - a repeatable draw
    rules, facts = rules_of(r), facts_of(r, count)
    known = r.choice([0, 0, r.randrange(count)])
    told, state = played(rules, facts, mode, known, r)
    assert told == wanted(rules, facts, mode, known)
    by_clock = [what for changes in told.values() for what, _, _ in changes if what.startswith("clock-")]
    assert len(set(by_clock)) == len(by_clock)  # ids are unique for ever (contract)
    assert played(rules, facts, mode, known, r) == (told, state)
