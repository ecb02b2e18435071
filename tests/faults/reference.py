"""The reference: a slow, single-threaded fold over one log, written from semantics.md by another hand than the engine.

Laws: plain dicts and stdlib json; no code of the engine; every ambiguity is decided here in one visible place.
Reads records in journal order, with the clock that the journal gives; leaves contacts, outputs, dead letters, counts
and the past of each contact.
Source: S1-S5, S10-S17, S19, S20, S30-S38, S40, S50, S52, S53, S60, D1-D12, D15, D16, D18-D21, D24-D26, D28,
decisions 0005 and 0012 to 0015.
"""

from collections import Counter, defaultdict
from heapq import heapify, heappop, heappush

from tests.faults.reference_books import Books
from tests.faults.reference_clock import Silent
from tests.faults.reference_codec import Record, Reject, decode, murmur2
from tests.faults.reference_contact import PARTS_WITH_A_PAST, WINDOW, Body, Contact, new_contact, part
from tests.faults.reference_fading import believed, looked_at
from tests.faults.reference_ledger import Ledger
from tests.faults.reference_looks import Looks
from tests.faults.reference_profiles import bodies_of, operands
from tests.faults.reference_rules import ConfigLog, Rulebook
from tests.faults.reference_step import SCORE_CHANGED, THRESHOLD_CROSSED, Step
from tests.faults.reference_values import INT64

LOOKS_OF_A_BATCH = 500  # a wave of due contacts passes in batches of as many (decision 0014)


def _no_past() -> dict[str, set[str | None]]:
    return {name: set() for name in PARTS_WITH_A_PAST}


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
        self.homes: dict[int, set[bytes]] = defaultdict(set)
        self.looks = Looks(self)
        self._books: Books | None = None

    def book(self, version: int) -> Rulebook:
        if self._books is None:
            self._books = Books(self.config)
        return self._books.at(version)

    def apply(self, record: Record, version: int, clock: int | None = None, wall: int = 0) -> str:
        """Apply one record and return its outcome: applied, duplicate, no_effect or dead_letter.

        Due times of its contact up to the clock (unless told, the record's time) act first (S1, D10); ``wall`` is the
        owner's wall time at the beginning of the batch, 0 where only the clock counts (decision 0015).
        """
        fact = decode(record, self.partitions)
        outcome = "dead_letter"
        if not isinstance(fact, Reject):
            outcome = self._on_time(record, fact, version, record.timestamp if clock is None else clock, wall)
            fact = Reject("invalid_command")
        if outcome == "dead_letter":
            self.dead[record.topic, record.partition, record.offset] = (record, fact.reason)
        self.counts[record.topic, record.partition][outcome] += 1
        return outcome

    def _on_time(self, record: Record, fact: Body, version: int, now: int, wall: int) -> str:
        key, clock = record.key or b"", self.book(version).clock(fact["orgId"])
        before = self.contacts.get(key)
        while before is not None and before["silent"].overdue(clock, now):
            self._ring(key, version, now)
        start = None if before is None else before["silent"].start
        profiles = {} if before is None else dict(before["profiles"])
        outcome = self._accept(record, fact, version, (now, wall))
        after = self.contacts.get(key)
        if after is not None:
            self.looks.after_input(key, after, version, now, start, profiles)
        return outcome

    def _accept(self, record: Record, fact: Body, version: int, time: tuple[int, int]) -> str:
        key, (clock, wall) = record.key or b"", time
        contact = self.contacts.get(key)
        if fact["is"] == "erase":
            return self._erase(key)
        contact = contact or new_contact(max(clock, believed(fact["at"], wall)))
        is_command = fact["is"] == "command"
        window, name, size = ("commands", "commandId", WINDOW) if is_command else ("events", "eventId", self.window)
        known_as = None if fact.get(name) is None else self.known_as(fact[name])
        if known_as is not None and known_as in contact[window][-size:]:
            return "duplicate"
        looked = looked_at(clock, wall, fact["at"], contact["silent"].born)
        if is_command and not self._payable(fact, contact, version, looked):
            return "dead_letter"
        self._remember_past(key)
        self.contacts[key] = contact
        self.homes[murmur2(key) % self.partitions].add(key)
        if known_as is not None:
            contact[window].append(known_as)
        origin = f"{record.topic}-{record.partition}-{record.offset}"
        return Step(self, origin, key, fact, version, contact, looked).run()

    def _payable(self, fact: Body, contact: Contact, version: int, looked: int) -> bool:
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
        shown = Ledger(contact, self.book(version), fact["orgId"], looked).unlimited(fact["profileId"])
        return fact["score"] - shown in INT64 and total + fact["score"] - shown in INT64

    def sweep(self, keys: list[bytes], version: int, clock: int) -> None:
        """Look at contacts again after a change of rules, in key order (D15)."""
        for key in sorted(keys):
            org, _, contact_id = key.decode().partition(":")
            self._remember_past(key)
            contact, rules = self.contacts[key], self.book(version).clock(org)
            silent: Silent = contact["silent"]
            fresh, profiles = (silent.knows or 0) != rules.version, dict(contact["profiles"])
            dues = self.looks.dues(key, contact, self.book(version)) if fresh else {}
            overdue = [profile for profile, due in dues.items() if due <= clock]
            fact = {"is": "sweep", "orgId": org, "contactId": contact_id, "at": clock, "due": overdue}
            Step(self, f"config-{version}-{org}-{contact_id}", key, fact, version, contact, clock or silent.born).run()
            if fresh:
                self._ring(key, version, clock)
            else:
                self.looks.after_input(key, contact, version, clock, silent.start, profiles)

    def due(self, keys: list[bytes], version: int, clock: int) -> int:
        """Look at the contacts whose time has come at the end of a batch, in (time, key) order; return how often."""
        coming = [(self.contacts[key]["silent"].look, key + b"\x00c", key) for key in keys]
        looks = [entry for entry in coming if entry[0] is not None and entry[0] <= clock]
        heapify(looks)
        number = 0
        while looks and number < LOOKS_OF_A_BATCH:
            _, name, key = heappop(looks)
            self._ring(key, version, clock)
            again = self.contacts[key]["silent"].look
            if again is not None and again <= clock:
                heappush(looks, (again, name, key))
            number += 1
        return number

    def _ring(self, key: bytes, version: int, now: int) -> None:
        self._remember_past(key)
        self.looks.ring(key, self.contacts[key], version, now)

    def known_as(self, text: str) -> str:
        """What is remembered of an id: all of it."""
        return text

    def _erase(self, key: bytes) -> str:
        if key not in self.contacts:
            return "no_effect"
        self._remember_past(key)
        del self.contacts[key]
        self.homes[murmur2(key) % self.partitions].discard(key)
        self.outputs[SCORE_CHANGED].append((key, None))
        return "applied"

    def _remember_past(self, key: bytes) -> None:
        for name in PARTS_WITH_A_PAST:
            self.past[key][name].add(part(self.contacts.get(key), name))
