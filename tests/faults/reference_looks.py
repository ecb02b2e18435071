"""When the clock looks at a contact of the whole reference, and what it does then (S37, S38, decisions 0014, 0015).

Laws: what time itself did comes before the silences of the same instant; of clock rules that are new to the contact,
what they find overdue begins at the clock; a profile that an input has moved is looked at within a day.
"""

from collections import Counter
from typing import Any

from tests.faults.reference_clock import DAY, Silent
from tests.faults.reference_contact import Body, Contact
from tests.faults.reference_fading import Fading
from tests.faults.reference_profiles import bodies_of
from tests.faults.reference_rules import Rulebook, cap_of
from tests.faults.reference_step import Step, Whole

SILENCES_PAID = "silences paid"
LOOKS_WITH_DECAY = "looks at which scores decayed"
States = dict[str, Body]


class Looks:
    """``acted`` counts what looks have done; due times are found once a state, for that is slow."""

    def __init__(self, whole: Whole) -> None:
        self.whole = whole
        self.acted: Counter[str] = Counter()
        self.known: dict[tuple[bytes, str], tuple[Body, int, int | None]] = {}

    def ring(self, key: bytes, contact: Contact, version: int, now: int) -> None:
        """Let the due time act at which a contact is looked at: time, then each rule, in outputs of their own."""
        org, _, contact_id = key.decode().partition(":")
        book, silent = self.whole.book(version), contact["silent"]
        clock = book.clock(org)
        if silent.knows != clock.version:
            silent.begin(now)
            self.begin_now(key, contact, book, now)
        due, fallen, rules = silent.ring(clock, self.dues(key, contact, book))
        fact: dict[str, Any] = {"is": "clock", "orgId": org, "contactId": contact_id, "at": due}
        if fallen:
            self.acted[LOOKS_WITH_DECAY] += 1
            told = fact | {"due": fallen, "rules": []}
            Step(self.whole, f"clock-{due}-decay-{org}-{contact_id}", key, told, version, contact, due).run()
        for rule in rules:
            cap, paid = cap_of(rule), contact["fires"].get(book.known_as(org, rule["id"]), 0)
            if cap is None or paid < cap:
                self.acted[SILENCES_PAID] += 1
                origin = f"clock-{due}-{rule['id']}-{org}-{contact_id}"
                Step(self.whole, origin, key, fact | {"rules": [rule]}, version, contact, due).run()
        silent.await_next(clock, self.dues(key, contact, book))

    def begin_now(self, key: bytes, contact: Contact, book: Rulebook, now: int) -> None:
        for profile, due in self.dues(key, contact, book).items():
            if due <= now:
                state = contact["profiles"][profile]
                contact["profiles"][profile] = state | {"decay": state["decay"] | {"told": now}}

    def dues(self, key: bytes, contact: Contact, book: Rulebook) -> dict[str, int]:
        """When each profile that goes on by itself is to be told again, where that will ever be."""
        found: dict[str, int] = {}
        for profile, one in sorted(going_on(key, contact["profiles"], book).items()):
            due = self.due(key, profile, one, book)
            if due is not None:
                found[profile] = due
        return found

    def due(self, key: bytes, profile: str, one: Fading, book: Rulebook) -> int | None:
        version = book.clock(key.decode().partition(":")[0]).version
        state, of_version, due = self.known.get((key, profile), ({}, 0, None))
        if state is not one.state or of_version != version:
            due = one.next_due()
            self.known[key, profile] = (one.state, version, due)
        return due

    def after_input(
        self, key: bytes, contact: Contact, version: int, now: int, start: int | None, before: States
    ) -> None:
        """See that a contact is not looked at too late; ``start`` and ``before`` are of before the input."""
        book, org = self.whole.book(version), key.decode().partition(":")[0]
        moved: list[int | None] = []
        if start is None:
            moved += self.dues(key, contact, book).values()
        else:
            states = {name: state for name, state in contact["profiles"].items() if state != before.get(name)}
            for profile, one in going_on(key, states, book).items():
                waits = one.told is not None and one.told >= now and not one.crosses_by_tick()
                moved.append((one.told or 0) + DAY if waits else self.due(key, profile, one, book))
        silent: Silent = contact["silent"]
        silent.after_input(book.clock(org), start, now, moved)


def going_on(key: bytes, states: States, book: Rulebook) -> dict[str, Fading]:
    """Profiles that decay by themselves; one begins when a sweep or an award has made it do so."""
    org, found = key.decode().partition(":")[0], dict[str, Fading]()
    clock = book.clock(org)
    for profile, (since, _) in clock.decays.items():
        state = states.get(profile)
        if state is not None and state["decay"] is not None:
            fading = Fading(bodies_of(book, org)[profile], state, since, state["decay"]["told"])
            if fading.told is not None:
                found[profile] = fading
    return found
