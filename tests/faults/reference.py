"""The reference: a slow, single-threaded fold over one log, written from semantics.md by another hand than the engine.

Laws: plain dicts and stdlib json; no code of the engine; every ambiguity is decided here in one visible place.
Reads records in journal order; leaves contacts, outputs, dead letters, counts and the past of each contact.
Source: S1-S5, S10-S17, S19, S20, S40, S50, S52, S53, D1-D9, D12, D16, D18, D19, D21, D26, D28, decision 0005.
"""

import json
from collections import Counter, defaultdict
from typing import Any

from tests.faults.reference_codec import Record, Reject, decode
from tests.faults.reference_ledger import Ledger
from tests.faults.reference_pages import look, new_memory, shown
from tests.faults.reference_profiles import bodies_of, operands, scoring_rules
from tests.faults.reference_rules import (
    ConfigLog,
    Rulebook,
    cap_of,
    cross,
    mark_of,
    matching,
    page_rules,
    rulebook_at,
    same,
    thresholds_of,
)  # fmt: skip
from tests.faults.reference_values import INT64, format_time

WINDOW = 256
MAX_TAGS = 500
MAX_VALUES = 1000
SCORE_CHANGED = "score-changed"
THRESHOLD_CROSSED = "threshold-crossed"
PARTS = ("core", "facts", "once", "visits", "events", "commands")
PARTS_WITH_A_PAST = ("core", "facts", "once", "visits")

Contact = dict[str, Any]
Body = dict[str, Any]


def _no_past() -> dict[str, set[str | None]]:
    return {name: set() for name in PARTS_WITH_A_PAST}


def new_contact() -> Contact:
    return {
        "profiles": {}, "fires": {}, "logId": 0, "tags": [], "attributes": {}, "email": None,
        "events": [], "commands": [], "once": {}, "pages": new_memory(), "newest": 0, "visits": shown(new_memory()),
    }  # fmt: skip


def part(contact: Contact | None, name: str) -> str | None:
    """One comparable text of a part of a contact; fires of rules in no rulebook are the caller's to drop."""
    if contact is None:
        return None
    fields = {
        "core": {"profiles": contact["profiles"], "logId": contact["logId"], "fires": contact["fires"]},
        "facts": {"tags": contact["tags"], "attributes": contact["attributes"], "email": contact["email"]},
        "once": contact["once"],
        "visits": contact["visits"],
        "events": contact["events"],
        "commands": contact["commands"][-WINDOW:],
    }[name]
    return json.dumps(fields, sort_keys=True)


class Reference:
    """Everything that one deployment must have done after a list of records; ``window`` as LEADSTREAM_DEDUPE_IDS."""

    window = WINDOW

    def __init__(self, config: ConfigLog, partitions: int) -> None:
        self.config = config
        self.partitions = partitions
        self.contacts: dict[bytes, Contact] = {}
        self.outputs: dict[str, list[tuple[bytes, Body | None]]] = {SCORE_CHANGED: [], THRESHOLD_CROSSED: []}
        self.dead: dict[tuple[str, int, int], tuple[Record, str]] = {}
        self.counts: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
        self.past: dict[bytes, dict[str, set[str | None]]] = defaultdict(_no_past)
        self._books: dict[int, Rulebook] = {}

    def book(self, version: int) -> Rulebook:
        if version not in self._books:
            self._books[version] = rulebook_at(self.config, version)
        return self._books[version]

    def apply(self, record: Record, version: int) -> str:
        """Apply one record and return its outcome: applied, duplicate, no_effect or dead_letter."""
        fact = decode(record, self.partitions)
        outcome = "dead_letter"
        if not isinstance(fact, Reject):
            outcome = self._accept(record, fact, version)
            fact = Reject("invalid_command")
        if outcome == "dead_letter":
            self.dead[record.topic, record.partition, record.offset] = (record, fact.reason)
        self.counts[record.topic, record.partition][outcome] += 1
        return outcome

    def _accept(self, record: Record, fact: Body, version: int) -> str:
        key = record.key or b""
        contact = self.contacts.get(key)
        if fact["is"] == "erase":
            return self._erase(key)
        contact = contact or new_contact()
        is_command = fact["is"] == "command"
        window, name, size = ("commands", "commandId", WINDOW) if is_command else ("events", "eventId", self.window)
        known_as = None if fact.get(name) is None else self.known_as(fact[name])
        if known_as is not None and known_as in contact[window][-size:]:
            return "duplicate"
        if is_command and not self._payable(fact, contact, version):
            return "dead_letter"
        self._remember_past(key)
        self.contacts[key] = contact
        if known_as is not None:
            contact[window].append(known_as)
        origin = f"{record.topic}-{record.partition}-{record.offset}"
        return Step(self, origin, key, fact, version, contact).run()

    def _payable(self, fact: Body, contact: Contact, version: int) -> bool:
        """Whether profile, award and sum of a command exist and stay within int64 (S31, S35, D19, D27)."""
        totals = {profile: state["total"] for profile, state in contact["profiles"].items()}
        if fact["kind"] == "reset":
            return all(-total in INT64 for total in totals.values())
        if fact["kind"] not in ("adjust", "set"):
            return True
        body = bodies_of(self.book(version), fact["orgId"]).get(fact["profileId"])
        if body is None or operands(body) is not None:
            return False
        total = totals.get(fact["profileId"], 0)
        if fact["kind"] == "adjust":
            return total + fact["points"] in INT64
        shown = Ledger(contact, self.book(version), fact["orgId"]).unlimited(fact["profileId"])
        return fact["score"] - shown in INT64 and total + fact["score"] - shown in INT64

    def sweep(self, keys: list[bytes], version: int, clock: int) -> None:
        """Look at contacts again after a change of rules, in key order (D15)."""
        for key in sorted(keys):
            org, _, contact_id = key.decode().partition(":")
            fact = {"is": "sweep", "orgId": org, "contactId": contact_id, "at": clock}
            self._remember_past(key)
            Step(self, f"config-{version}-{org}-{contact_id}", key, fact, version, self.contacts[key]).run()

    def known_as(self, text: str) -> str:
        """What is remembered of an id: all of it."""
        return text

    def _erase(self, key: bytes) -> str:
        if key not in self.contacts:
            return "no_effect"
        self._remember_past(key)
        del self.contacts[key]
        self.outputs[SCORE_CHANGED].append((key, None))
        return "applied"

    def _remember_past(self, key: bytes) -> None:
        for name in PARTS_WITH_A_PAST:
            self.past[key][name].add(part(self.contacts.get(key), name))


class Step:
    """What one accepted input, or a change of rules, does to its contact."""

    def __init__(self, whole: Reference, origin: str, key: bytes, fact: Body, version: int, contact: Contact) -> None:
        self.whole, self.origin, self.key, self.fact, self.version, self.contact = (
            whole, origin, key, fact, version, contact,
        )  # fmt: skip
        self.book = whole.book(version)
        self.ledger = Ledger(contact, self.book, fact["orgId"], everything=fact["is"] == "sweep")
        self.changed = False
        self.silent = False

    def run(self) -> str:
        fact = self.fact
        before = (list(self.contact["tags"]), fact["is"] == "attributes")
        if fact["is"] == "attributes":
            self._attributes()
        elif fact["is"] == "event":
            self._event(fact["type"], fact["siteId"], fact["properties"])
        elif fact["is"] == "command":
            self._command()
        if fact.get("kind") not in ("set", "reset"):
            self.ledger.fit(facts_changed=before != (self.contact["tags"], False))
        sent = self._publish()
        return "applied" if sent or self.changed else "no_effect"

    def _attributes(self) -> None:
        contact, fact = self.contact, self.fact
        unchanged = contact["email"] == fact["email"] and same(contact["attributes"], fact["attributes"])
        if not unchanged:
            self.changed = True
        contact["email"], contact["attributes"] = fact["email"], fact["attributes"]

    def _event(self, kind: str, site: str | None, properties: Body) -> None:
        fact, contact = self.fact, self.contact
        paged = look(contact["pages"], page_rules(scoring_rules(self.book, fact["orgId"])), fact, contact["newest"])
        contact["newest"], contact["visits"] = max(contact["newest"], fact["at"]), shown(contact["pages"])
        pays = kind != "tag_added" or self._add_tag(properties.get("tagName"))
        self._pay_rules(kind if pays else "", site, properties, paged)

    def _add_tag(self, tag: Any) -> bool:
        """Give the contact a tag; False when it has it already, or when it is not a tag."""
        if not isinstance(tag, str) or not 1 <= len(tag) <= 128 or tag in self.contact["tags"]:
            return False
        self.contact["tags"] = [*self.contact["tags"], tag][-MAX_TAGS:]
        self.changed = True
        return True

    def _command(self) -> None:
        fact, contact = self.fact, self.contact
        kind = fact["kind"]
        if kind == "adjust":
            self._award(fact["profileId"], fact["points"], "Manual adjustment")
            self._pay_rules("manual", None, {})
        elif kind == "set":
            self.silent = not fact["fireTriggers"]
            points = fact["score"] - self.ledger.unlimited(fact["profileId"])
            if points != 0:
                self._award(fact["profileId"], points, "import")
        elif kind == "tag":
            if self._add_tag(fact["tag"]):
                self._pay_rules("tag_added", None, {"tagName": fact["tag"]})
        elif kind == "untag" and fact["tag"] in contact["tags"]:
            contact["tags"].remove(fact["tag"])
            self.changed = True
        elif kind == "reset":
            contact["fires"], contact["once"] = {}, {}
            contact["pages"] = new_memory() | {"clicks": contact["pages"]["clicks"]}
            contact["visits"] = shown(contact["pages"])
            self.ledger.reset()

    def _pay_rules(self, kind: str, site: str | None, properties: Body, paged: dict[int, str] | None = None) -> None:
        """Pay rules in id order: those without a page that an event of a kind meets, and page rules that hold by it."""
        org, fires, paged = self.fact["orgId"], self.contact["fires"], paged or {}
        rules = scoring_rules(self.book, org)
        met = dict(matching(rules, kind, site, properties, self.fact["at"]))
        met |= {rule_id: rule for rule_id, rule in page_rules(rules).items() if rule_id in paged}
        for rule_id, rule in sorted(met.items()):
            by_dwell = paged.get(rule_id) == "dwell"
            mark = None if by_dwell or rule.get("oncePer") is None else mark_of(rule, properties)
            cap = 1 if by_dwell else cap_of(rule)
            if (
                (not by_dwell and rule.get("oncePer") is not None and mark is None)
                or mark in self.contact["once"].get(rule_id, {"values": []})["values"]
                or (cap is not None and fires.get(rule_id, 0) >= cap)
            ):
                continue
            fires[rule_id] = fires.get(rule_id, 0) + 1
            if mark is not None:
                self._remember_value(rule_id, mark)
            profile, reason = rule.get("profileId", "default"), f"Rule: {rule['name']}"
            self.ledger.award(profile, rule_id, rule["name"], rule["points"], reason, rule.get("group"))

    def _remember_value(self, rule_id: int, mark: str) -> None:
        """Keep the newest MAX_VALUES of a rule and count the others."""
        memory = self.contact["once"].setdefault(rule_id, {"forgotten": 0, "values": []})
        memory["values"].append(mark)
        while len(memory["values"]) > MAX_VALUES:
            memory["values"].pop(0)
            memory["forgotten"] += 1

    def _award(self, profile: str, points: int, default: str) -> None:
        reason = self.fact["reason"]
        self.ledger.award(profile, None, None, points, default if reason is None else reason)

    def _publish(self) -> int:
        """Say what each profile shows that got an award or shows another score; return the records sent."""
        news = self.ledger.close()
        for profile, state, before, awards in news:
            self._say(profile, state, before, awards)
        return len(news)

    def _say(self, profile: str, state: Body, before: int, awards: list[Body]) -> None:
        fact, key, after = self.fact, self.key, state["shown"]
        change_id = f"{self.origin}/{profile}"
        names = {"orgId": fact["orgId"], "siteId": fact.get("siteId"), "contactId": fact["contactId"]}
        when = {"cause": self._cause(), "occurredAt": format_time(fact["at"])}
        scores = {"previousScore": before, "score": after}
        delta = {"delta": after - before, "version": state["version"], "awards": awards}
        change = {"id": change_id, **names, "profileId": profile, **scores, **delta, **when}
        self.whole.outputs[SCORE_CHANGED].append((key, change | {"rulebookVersion": self.version}))
        thresholds = thresholds_of(self.ledger.bodies.get(profile, {}))
        crossed, state["held"] = cross(thresholds, before, after, state["held"])
        del names["siteId"]
        for value, direction in () if self.silent else crossed:
            body = {"id": f"{change_id}/{value}/{direction}", **names, "profileId": profile}
            body |= {"threshold": value, "direction": direction, **scores, "version": state["version"], **when}
            self.whole.outputs[THRESHOLD_CROSSED].append((key, body))

    def _cause(self) -> Body:
        fact = self.fact
        if fact["is"] == "event":
            return {"kind": "event", "eventId": fact["eventId"], "type": fact["type"]}
        if fact["is"] != "command":
            return {"kind": "config" if fact["is"] == "sweep" else "attributes"}
        return {"kind": "command", "commandId": fact["commandId"], "command": fact["kind"], "by": fact["by"]}
