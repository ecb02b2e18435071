"""What one accepted input, one due time or a change of rules does to its contact.

Laws: plain dicts; no code of the engine; what is paid first sees what came before, in rule id order (S10).
"""

from typing import Any, Protocol

from tests.faults.reference_contact import Body, Contact
from tests.faults.reference_ledger import Ledger
from tests.faults.reference_pages import look, new_memory, shown
from tests.faults.reference_profiles import scoring_rules
from tests.faults.reference_rules import Rulebook, cap_of, cross, mark_of, matching, page_rules, same, thresholds_of
from tests.faults.reference_values import MAX_TIME, format_time

MAX_TAGS = 500
MAX_VALUES = 1000
SCORE_CHANGED = "score-changed"
THRESHOLD_CROSSED = "threshold-crossed"


class Whole(Protocol):
    """What a step speaks to."""

    outputs: dict[str, list[tuple[bytes, Body | None]]]

    def book(self, version: int) -> Rulebook: ...


class Step:
    """One of these; ``looked`` is when decaying scores are looked at."""

    def __init__(
        self, whole: Whole, origin: str, key: bytes, fact: Body, version: int, contact: Contact, looked: int
    ) -> None:
        self.whole, self.origin, self.key, self.fact, self.version, self.contact = (
            whole, origin, key, fact, version, contact,
        )  # fmt: skip
        self.book = whole.book(version)
        at = MAX_TIME if fact.get("kind") == "set" else fact["at"] or looked  # what is set has all of it left
        self.ledger = Ledger(contact, self.book, fact["orgId"], looked, at, everything=fact["is"] == "sweep")
        self.changed = False
        self.silent = False

    def run(self) -> str:
        fact = self.fact
        for profile in fact.get("due", []):
            self.ledger.let_fall(profile)
        if fact["is"] == "clock":
            for rule in fact["rules"]:
                self._pay(rule["id"], rule)
            self.ledger.fit(facts_changed=False)
            return "applied" if self._publish() else "no_effect"
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
        with_pages = page_rules(scoring_rules(self.book, fact["orgId"]))
        rules = {self._known_as(number): rule for number, rule in with_pages.items()}
        paged = look(contact["pages"], rules, fact, contact["newest"])
        contact["silent"].saw(kind, fact["at"])
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
        fires, paged = self.contact["fires"], paged or {}
        rules = scoring_rules(self.book, self.fact["orgId"])
        met = dict(matching(rules, kind, site, properties, self.fact["at"]))
        met |= {rule_id: rule for rule_id, rule in page_rules(rules).items() if self._known_as(rule_id) in paged}
        for rule_id, rule in sorted(met.items()):
            known_as = self._known_as(rule_id)
            by_dwell = paged.get(known_as) == "dwell"
            mark = None if by_dwell or rule.get("oncePer") is None else mark_of(rule, properties)
            cap = 1 if by_dwell else cap_of(rule)
            if (
                (not by_dwell and rule.get("oncePer") is not None and mark is None)
                or mark in self.contact["once"].get(known_as, {"values": []})["values"]
                or (cap is not None and fires.get(known_as, 0) >= cap)
            ):
                continue
            if mark is not None:
                self._remember_value(known_as, mark)
            self._pay(rule_id, rule)

    def _pay(self, rule_id: int, rule: Body) -> None:
        """Log and count one firing of a rule."""
        known_as = self._known_as(rule_id)
        self.contact["fires"][known_as] = self.contact["fires"].get(known_as, 0) + 1
        profile, reason = rule.get("profileId", "default"), f"Rule: {rule['name']}"
        self.ledger.award(profile, rule_id, rule["name"], rule["points"], reason, rule.get("group"))

    def _known_as(self, rule_id: int) -> int:
        """As what this contact remembers a rule."""
        return self.book.known_as(self.fact["orgId"], rule_id)

    def _remember_value(self, known_as: int, mark: str) -> None:
        """Keep the newest MAX_VALUES of a rule and count the others."""
        memory = self.contact["once"].setdefault(known_as, {"forgotten": 0, "values": []})
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
            return {"kind": {"sweep": "config"}.get(fact["is"], fact["is"])}
        return {"kind": "command", "commandId": fact["commandId"], "command": fact["kind"], "by": fact["by"]}
