"""Rulebooks of all versions for the reference: records of ``config`` folded once, one rulebook after each.

Laws: slow and obvious; the rulebook at version v is the records with offset below v.  Since when a silence rule counts
is D25 as decision 0014 says it: the ``updatedAt`` of the record that gave it its ``inactivity`` or made it active, of a
profile with drafts that of its publish.  Since when a profile decays is the ``updatedAt`` of the record that made it so
(decision 0015).
"""

import json
from bisect import bisect_left
from collections import Counter
from dataclasses import replace
from typing import Any

from tests.faults.reference_profiles import bodies_of, known_rules, limited_groups, scoring_rules
from tests.faults.reference_rules import ClockRules, ConfigLog, Rulebook, cap_of, thresholds_of
from tests.faults.reference_values import parse_time

Rule = dict[str, Any]


class Books:
    def __init__(self, config: ConfigLog) -> None:
        entries = sorted((entry for entry in config if entry[1] is not None), key=lambda entry: entry[0])
        self.offsets = [offset for offset, _, _ in entries]
        self.books = [Rulebook({}, {}, {})]
        for offset, key, value in entries:
            self.books.append(after(self.books[-1], offset + 1, (key or b"").decode(), value))

    def at(self, version: int) -> Rulebook:
        return self.books[bisect_left(self.offsets, version)]


def after(book: Rulebook, version: int, key: str, value: bytes | None) -> Rulebook:
    """The rulebook after one more record."""
    kind, org, name = key.split(":", 2)
    if kind not in ("rule", "profile"):
        return book
    body = None if value is None else json.loads(value)
    if kind == "rule":
        rules = {number: rule for number, rule in book.rules.get(org, {}).items() if number != int(name)}
        rules |= {} if body is None else {int(name): body}
        changed = replace(book, rules=book.rules | {org: rules})
    else:
        profiles = {one: profile for one, profile in book.profiles.get(org, {}).items() if one != name}
        profiles |= {} if body is None else {name: body}
        changed = replace(book, profiles=book.profiles | {org: profiles})
    taken = book.takers.get(org, {}) | taken_by(book, org, kind, name, body)
    changed = replace(changed, takers=book.takers | {org: taken})
    dead = {number: 1 for number in known_rules(book, org) if number not in known_rules(changed, org)}
    deaths = Counter(book.deaths.get(org, {})) + Counter(dead)
    changed = replace(changed, deaths=book.deaths | {org: dict(deaths)})
    clock = clock_after(book, changed, org, version, body if kind == "profile" else None)
    return replace(changed, clocks=changed.clocks | {org: clock})


def taken_by(book: Rulebook, org: str, kind: str, name: str, body: Rule | None) -> dict[int, str]:
    """The rules that a record takes from whoever has them: one of default its own, a publish all that it names (S31).

    A record of a profile that names a rule as the one before it did, under the same version, tells of no other publish.
    """
    if body is None or (kind == "rule" and body.get("profileId", "default") != "default"):
        return {}
    if kind == "rule":
        return {int(name): "default"}
    mine = {number for number, rule in book.rules.get(org, {}).items() if rule.get("profileId", "default") == "default"}
    told = set() if name == "default" else frozen_ids(body)
    before = book.profiles.get(org, {}).get(name, {"version": None, "published": None})
    if name != "default" and before["version"] == body["version"]:
        told -= frozen_ids(before)
    return {number: "default" if number in mine else name for number in told}


def frozen_ids(record: Rule) -> set[int]:
    return {rule["id"] for rule in (record["published"] or {}).get("rules", [])}


def silences(book: Rulebook, org: str) -> dict[int, Rule]:
    return {number: rule for number, rule in scoring_rules(book, org).items() if rule.get("inactivity") is not None}


def clock_after(before: Rulebook, now: Rulebook, org: str, version: int, profile: Rule | None) -> ClockRules:
    """The clock rules of an org after a record, perhaps of a profile, the same ones when it changes nothing of them."""
    clock, earlier, live = before.clock(org), silences(before, org), silences(now, org)
    publish = None if profile is None or profile.get("id", "default") == "default" else profile
    since = dict(clock.since)
    for number, rule in live.items() if earlier != live else ():
        known = earlier.get(number)
        if known is None or not known.get("active", True) or terms(known) != terms(rule):
            is_published = publish is not None and rule.get("profileId", "default") == publish["id"]
            since[number] = parse_time((publish or rule)["updatedAt"] if is_published else rule["updatedAt"])
    active = tuple(rule for rule in live.values() if rule.get("active", True))
    kept = tuple((number, since[number]) for number in live)
    decays = decays_after(clock, now, org, profile)
    if said(active, kept) == said(clock.rules, clock.since) and decays == clock.decays:
        return replace(clock, since=kept)
    return ClockRules(version, active, kept, decays)


def decays_after(clock: ClockRules, now: Rulebook, org: str, profile: Rule | None) -> dict[str, tuple[int, list[Any]]]:
    """Which profiles decay after a record: those that did not before do since its ``updatedAt``."""
    found: dict[str, tuple[int, list[Any]]] = {}
    for name, body in bodies_of(now, org).items():
        if body.get("decay") is not None:
            since = clock.decays[name][0] if name in clock.decays else parse_time((profile or {})["updatedAt"])
            decay = {name: value for name, value in body["decay"].items() if value is not None}
            limits = [body.get("floor"), body.get("ceiling"), limited_groups(body)]
            found[name] = (since, [decay, *limits, sorted(thresholds_of(body))])
    return found


def terms(rule: Rule) -> tuple[int, bool]:
    return rule["inactivity"]["days"], rule["inactivity"].get("repeat", False)


def said(rules: tuple[Rule, ...], since: tuple[tuple[int, int], ...]) -> list[Any]:
    """What of silences makes another version when it changes."""
    at = dict(since)
    return [
        [
            *(rule.get(name) for name in ("id", "name", "points", "group")),
            *(None if rule.get(name) is None else parse_time(rule[name]) for name in ("publishUp", "publishDown")),
            rule.get("profileId", "default"),
            cap_of(rule),
            terms(rule),
            at[rule["id"]],
        ]
        for rule in rules
    ]
