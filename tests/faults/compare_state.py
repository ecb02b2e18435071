"""Compares the last changelog value of every contact, and the partition record, with what the reference expects.

Laws: 100 % of contacts; a part that equals an earlier state of its contact is stale, one with too many awards double,
one that is absent lost, any other wrong.  Sections are decoded with ``schemas.state``, which only names shapes.
"""

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import msgspec

from schemas.journal import PARTITION_RECORD_KEY, PartitionRecord, SourceCounters
from tests.faults.logs import SOURCE_ROLES, Logs
from tests.faults.reference import Reference
from tests.faults.reference_codec import murmur2
from tests.faults.reference_contact import PARTS, PARTS_WITH_A_PAST, WINDOW, Contact, part
from tests.faults.reference_profiles import known_rules
from tests.faults.reference_rules import Rulebook
from tests.faults.stored_contact import Sections, hash_of, stored_contact
from tests.faults.verdict import Kind, Verdict

if TYPE_CHECKING:
    from tests.faults.journal_order import Standing

OUTCOMES = ("applied", "duplicate", "no_effect", "dead_letter")
SEGMENT_SLACK = 32


def last_changelog(logs: Logs, partition: int) -> Sections:
    last: Sections = {}
    for entry in logs.of(logs.changelog, partition):
        if entry.value is None:
            last.pop(entry.key or b"", None)
        else:
            last[entry.key or b""] = entry.value
    return last


def live(contact: Contact, book: Rulebook, org: str) -> Contact:
    """Leave out what may or may not still be there: what deleted rules remember, profiles without any award."""
    rules = {book.known_as(org, number): rule for number, rule in known_rules(book, org).items()}
    profiles = {name: state for name, state in contact["profiles"].items() if state["version"]}
    fires = {rule: count for rule, count in contact["fires"].items() if rule in rules and count}
    once = {rule: memory for rule, memory in contact["once"].items() if rule in rules}
    kept = {"profiles": profiles, "fires": fires, "once": once, "visits": live_visits(contact["visits"], rules)}
    known = {name: value for name, value in contact.items() if name not in ("pages",)}
    return known | {name: dict(sorted(values.items())) for name, values in kept.items()}


def live_visits(visits: dict[str, Any], rules: dict[int, Any]) -> dict[str, Any]:
    """The same of visits; an open one that only deleted rules measure is as good as closed."""
    of_rules = {rule: memory for rule, memory in visits["rules"].items() if rule in rules}
    measured = {rule: met for rule, met in (visits["open"] or {"rules": {}})["rules"].items() if rule in rules}
    still_open = {"at": visits["open"]["at"], "rules": dict(sorted(measured.items()))} if measured else None
    return visits | {"rules": dict(sorted(of_rules.items())), "open": still_open}


def hashed(contact: Contact, stored_events: int) -> Contact:
    """Ids as hashes; of events as many as are stored, but never fewer than the window."""
    keep = max(min(WINDOW, len(contact["events"])), min(stored_events, WINDOW + SEGMENT_SLACK))
    events = contact["events"][-keep:] if keep else []
    commands = contact["commands"][-WINDOW:]
    return contact | {"events": [hash_of(e) for e in events], "commands": [hash_of(c) for c in commands]}


def compare_state(logs: Logs, reference: Reference, verdict: Verdict) -> None:
    newest = max((offset + 1 for offset, _, _ in reference.config), default=0)
    stored: dict[bytes, Sections] = defaultdict(dict)
    for partition in range(logs.partitions):
        for key, value in last_changelog(logs, partition).items():
            contact_key, _, section = key.rpartition(b"\x00")
            if key == PARTITION_RECORD_KEY:
                continue
            if murmur2(contact_key) % logs.partitions != partition:
                verdict.add("wrong", "state", contact_key, f"is in partition {partition}")
            stored[contact_key][section] = value
    verdict.totals["contacts"] = len(reference.contacts)
    for key in sorted(stored.keys() | reference.contacts.keys()):
        compare_contact(key, stored.get(key), reference, reference.book(newest), verdict)


def compare_contact(
    key: bytes, sections: Sections | None, reference: Reference, book: Rulebook, verdict: Verdict
) -> None:
    expected = reference.contacts.get(key)
    if sections is None:
        verdict.add("lost", "state", key, "no state in the changelog")
        return
    if expected is None:
        known = key in reference.past
        verdict.add("stale" if known else "wrong", "state", key, "has state, but should have none")
        return
    try:
        actual = stored_contact(sections)
    except (ValueError, msgspec.DecodeError) as error:
        verdict.add("wrong", "state", key, f"sections {sorted(sections)}: {error}")
        return
    org = key.decode().partition(":")[0]
    actual = live(actual, book, org)
    wanted = live(hashed(expected, len(actual["events"])), book, org)
    for name in PARTS:
        if part(actual, name) != part(wanted, name):
            kind = classify(name, actual, wanted, reference.past[key])
            verdict.add(
                kind, "state", f"{key.decode()} {name}", f"{part(actual, name)} instead of {part(wanted, name)}"
            )


def classify(name: str, actual: Contact, wanted: Contact, past: dict[str, set[str | None]]) -> Kind:
    if name in past:
        stale = part(actual, name) in past[name]
        surplus = actual["logId"] - wanted["logId"]
    else:
        stale = not actual[name] or actual[name][-1] in wanted[name][:-1]
        surplus = len(actual[name]) - len(set(actual[name])) or min(0, len(actual[name]) - len(wanted[name]))
    if surplus > 0:
        return "double"
    return "stale" if stale else "lost" if surplus < 0 else "wrong"


def difference(name: str, actual: Contact, wanted: Contact) -> str:
    """Both parts as text; of windows of ids only what one has and the other has not."""
    if name in PARTS_WITH_A_PAST:
        return f"{part(actual, name)} instead of {part(wanted, name)}"
    lacks = [h for h in wanted[name] if h not in actual[name]]
    extra = [h for h in actual[name] if h not in wanted[name]]
    return f"{len(actual[name])} ids instead of {len(wanted[name])}: lacks {lacks}, has also {extra}"


def compare_accounting(logs: Logs, reference: Reference, standings: "dict[int, Standing]", verdict: Verdict) -> None:
    """The partition record: positions, seq, version, clock and, per source, records by outcome."""
    for partition, standing in standings.items():
        value = last_changelog(logs, partition).get(PARTITION_RECORD_KEY)
        if value is None:
            if standing.seq:
                verdict.add("lost", "accounting", partition, "there is no partition record")
            continue
        record = msgspec.json.decode(value, type=PartitionRecord)
        said = (record.seq, record.rulebook_version, record.clock, record.store_id, record.skipped)
        true = (standing.seq, standing.version, standing.clock, standing.store_id, standing.skipped)
        if said != true:
            kind: Kind = "stale" if record.seq < standing.seq else "wrong"
            verdict.add(kind, "accounting", partition, f"record says {said}, journal {true}")
        for name in SOURCE_ROLES:
            topic = logs.topic(name)
            wanted = expected_counters(logs, reference, (topic, partition), standing)
            actual = stored_counters(record, topic)
            if wanted != actual and any(wanted.values() or actual.values()):
                verdict.add("wrong", "accounting", (topic, partition), f"{actual} instead of {wanted}")


def expected_counters(logs: Logs, reference: Reference, place: tuple[str, int], standing: "Standing") -> dict[str, Any]:
    topic, start = place[0], logs.starts.get(place, 0)
    counts: Counter[str] = reference.counts[place]
    numbers = {name: counts[name] for name in OUTCOMES}
    return {"start": start, "next": standing.next.get(topic, start), **numbers, "gaps": standing.gaps[topic]}


def stored_counters(record: PartitionRecord, topic: str) -> dict[str, Any]:
    counters = record.counters.get(topic) or SourceCounters(start=0)
    numbers = {name: getattr(counters, name) for name in OUTCOMES}
    return {"start": counters.start, "next": record.sources.get(topic, 0), **numbers, "gaps": counters.gaps}
