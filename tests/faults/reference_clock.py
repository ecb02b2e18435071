"""Silence of contacts for the reference: S37, S60, D10, D25 and decision 0014, by trying every due time there could be.

Laws: slow and obvious; stdlib only; no code of the engine.  When a contact is looked at is part of what is
said of it: one that was last looked at with other clock rules learns of new ones at its next input, look or sweep.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.faults.reference_rules import ClockRules, in_window
from tests.faults.reference_values import parse_time

DAY = 24 * 60 * 60 * 1000
NO_INTERACTION = ("email_sent", "email_delivered", "tag_added")

Rule = dict[str, Any]


@dataclass
class Silent:
    """What counts of one contact: its birth, its newest interaction, and how far its due times are behind it.

    Due times up to ``acted`` are over: they had their effect, paid or not, or were passed before the contact was known;
    said once it has been looked at.
    ``look`` is when the clock is to look at the contact, ``knows`` the version of the clock rules that this was found
    with (None: never any).
    """

    born: int
    interaction: int | None = None
    acted: int = 0
    look: int | None = None
    knows: int | None = None

    @property
    def start(self) -> int:
        return self.born if self.interaction is None else self.interaction

    @property
    def alarm(self) -> list[int | None] | None:
        return None if self.knows is None else [self.look, self.knows, self.acted]

    def saw(self, kind: str, at: int) -> None:
        """S37: an engagement event that is an interaction, and newer than the newest, begins another silence.

        One of the instant 0 begins none: to a silence that is no time (decision 0014).
        """
        if kind not in NO_INTERACTION and at > (self.interaction or 0):
            self.interaction = at

    def begin(self, now: int) -> None:
        """At the first look, what was due by the birth is over, of one born ahead of the clock what was due by that."""
        if self.knows is None:
            self.acted = min(self.born, now)

    def overdue(self, clock: ClockRules, now: int) -> bool:
        """Whether the clock has to do with the contact before anything else may happen to it."""
        if self.knows != clock.version:
            return clock.version > 0
        return self.look is not None and self.look <= now

    def next_due(self, clock: ClockRules) -> int | None:
        found = [next_due(rule, since, self.start, self.acted) for rule, since in zipped(clock)]
        return min((due for due in found if due is not None), default=None)

    def ring(self, clock: ClockRules, moves: dict[str, int]) -> tuple[int, list[str], list[Rule]]:
        """Look at the contact: the due time that acts now, with the profiles that are told then and the rules that pay,
        or none, for the look is only to be moved.

        ``moves`` has, by profile, when decay is told.
        """
        silent = self.next_due(clock)
        due = first_of(silent, *moves.values())
        if due is None or due != self.look or self.knows != clock.version:
            return 0, [], []
        rules = [rule for rule, since in zipped(clock) if next_due(rule, since, self.start, self.acted) == due]
        if due == silent:
            self.acted = due
        return due, [profile for profile, at in moves.items() if at == due], rules

    def await_next(self, clock: ClockRules, moves: dict[str, int]) -> None:
        """The next look is at the first due time there is."""
        self.look, self.knows = first_of(self.next_due(clock), *moves.values()), clock.version

    def after_input(
        self, clock: ClockRules, start_before: int | None, now: int, moved: Sequence[int | None] = ()
    ) -> None:
        """See that the contact is not looked at too late: a look that has become too early stays (decision 0014).

        ``moved`` has when to look at each profile that the input has moved and that decays.
        """
        if clock.version == 0:
            return
        self.begin(now)
        first = self.next_due(clock)
        if start_before is None:
            self.look, self.knows = first, clock.version
        elif start_before != self.start and (self.look is None or self.look > self.start + shortest(clock)):
            self.look = first if first is None and not clock.decays else first_of(first, self.look)
        self.look = first_of(self.look, *moved)


def first_of(*times: int | None) -> int | None:
    return min((time for time in times if time is not None), default=None)


def shortest(clock: ClockRules) -> int:
    return min((rule["inactivity"]["days"] * DAY for rule in clock.rules), default=0)


def zipped(clock: ClockRules) -> list[tuple[Rule, int]]:
    since = dict(clock.since)
    return [(rule, since[rule["id"]]) for rule in clock.rules]


def next_due(rule: Rule, since: int, start: int, acted: int) -> int | None:
    """The first due time of a silence after ``acted`` that the rule counts, by trying one period after the other."""
    period, repeat = rule["inactivity"]["days"] * DAY, rule["inactivity"].get("repeat", False)
    closes = parse_time(rule["publishDown"]) if rule.get("publishDown") else None
    due = start + period
    if repeat:  # none before these counts
        due += max(0, (max(acted, since) - due) // period) * period
    while not (due > acted and due > since and in_window(rule, due)):
        if not repeat or (closes is not None and due > closes):
            return None
        due += period
    return due
