"""Silence of contacts for the reference: S37, S60, D10 and D25 as they read, by trying every due time there could be.

Laws: slow and obvious; stdlib only; no code of the engine.
"""

from dataclasses import dataclass, field
from typing import Any

from tests.faults.reference_rules import cap_of, in_window
from tests.faults.reference_values import parse_time

DAY = 24 * 60 * 60 * 1000
NO_INTERACTION = ("email_sent", "email_delivered", "tag_added")


@dataclass
class Silent:
    """What counts of one contact: its first input, its newest interaction, and which due times it has behind it.

    ``tried`` are the due times of the present silence that the clock has reached, paid or not.
    """

    first_input: int
    interaction: int | None = None
    tried: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    fires: dict[int, int] = field(default_factory=dict[int, int])

    @property
    def start(self) -> int:
        return self.first_input if self.interaction is None else self.interaction

    def saw(self, kind: str, at: int) -> None:
        """S37: an engagement event that is an interaction, and newer than the newest, begins another silence."""
        if kind not in NO_INTERACTION and (self.interaction is None or at > self.interaction):
            if at != self.start:
                self.tried.clear()
            self.interaction = at


def due_times(rule: dict[str, Any], start: int, clock: int) -> list[int]:
    """All due times of a silence that the clock has reached and that the rule counts, oldest first."""
    period = rule["inactivity"]["days"] * DAY
    last = clock if rule["inactivity"].get("repeat", False) else min(clock, start + period)
    return [
        due
        for due in range(start + period, last + 1, period)
        if due > parse_time(rule["updatedAt"]) and in_window(rule, due)
    ]


def reached(contact: Silent, rules: list[dict[str, Any]], clock: int) -> list[tuple[int, dict[str, Any]]]:
    """The (due time, rule) that pay a contact when the clock gets somewhere, in order; they are paid by this (S12)."""
    live = [rule for rule in rules if rule.get("inactivity") and rule.get("active", True)]
    tried = sorted(
        (due, rule["id"]) for rule in live for due in due_times(rule, contact.start, clock)
        if (due, rule["id"]) not in contact.tried
    )  # fmt: skip
    paid: list[tuple[int, dict[str, Any]]] = []
    for due, rule_id in tried:
        contact.tried.add((due, rule_id))
        rule = next(rule for rule in live if rule["id"] == rule_id)
        cap = cap_of(rule)
        if cap is None or contact.fires.get(rule_id, 0) < cap:
            contact.fires[rule_id] = contact.fires.get(rule_id, 0) + 1
            paid.append((due, rule))
    return paid
