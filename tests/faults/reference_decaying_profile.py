"""One profile of one contact whose score decays, for the reference: what it shows, and when that is told.

Laws: slow and obvious: every tick is looked at; what is left is ``reference_decay``'s; no code of the engine.
Source: S38, D1, D4, D8, D11, decision 0015.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from tests.faults.reference_decay import DAY, MOST_BYTES, NANO, Body, Group, HalfLife, Line, half_up
from tests.faults.reference_rules import cross, thresholds_of


@dataclass
class Told:
    """One ScoreChanged: what its id begins with, what was shown before and then, and the crossings."""

    origin: str
    before: int
    after: int
    crossings: list[tuple[int, str]]


@dataclass
class Decaying:
    """A profile of a contact; ``fit`` is what fit rules are paying now, by group; ``groups`` raw sums, fit included.

    ``watch`` is a fit rule over this very score: from which score on it pays, its points, and its group, which no other
    fit rule has.
    """

    body: Body
    since: int = 0
    exists: bool = False
    total: int = 0
    groups: dict[Group, int] = field(default_factory=lambda: defaultdict[Group, int](int))
    fit: dict[Group, int] = field(default_factory=lambda: defaultdict[Group, int](int))
    shown: int = 0
    held: list[int] = field(default_factory=list[int])
    told: int = 0
    kept: HalfLife | Line | None = None
    kept_by: Body = field(default_factory=dict[str, Any])
    said: list[Told] = field(default_factory=list[Told])
    room: int = MOST_BYTES
    watch: tuple[int, int, Group] | None = None

    # ------------------------------------------------------------------ what is shown
    def unclamped(self, clock: int) -> int:
        counted: dict[Group, Fraction] = defaultdict(Fraction)
        if self.body.get("decay") is None:
            for group, points in self.groups.items():
                counted[group] += points
        else:
            assert self.kept is not None
            for group, sides in self.kept.left(self.body["decay"], clock).items():
                counted[group] += sum(sides)
            for group, points in self.fit.items():
                counted[group] += points
        for group in self.body.get("groups", []):
            value = counted[group["name"]]
            value = value if group.get("max") is None else min(value, Fraction(group["max"]))
            counted[group["name"]] = value if group.get("min") is None else max(value, Fraction(group["min"]))
        return half_up(sum(counted.values(), Fraction(0)))

    def shows(self, clock: int) -> int:
        score = self.unclamped(clock)
        floor_, ceiling = self.body.get("floor"), self.body.get("ceiling")
        score = score if floor_ is None else max(floor_, score)
        return score if ceiling is None else min(ceiling, score)

    def tell(self, origin: str, clock: int, announce: bool = True) -> None:
        after = self.shows(clock)
        crossings, self.held = cross(thresholds_of(self.body), self.shown, after, self.held)
        self.said.append(Told(origin, self.shown, after, crossings if announce else []))
        self.shown, self.told = after, clock
        if self.kept is not None:
            self.kept.tidy(self.body["decay"], clock, self.room)

    # ------------------------------------------------------------------ changes of kind
    def meet(self, clock: int) -> bool:
        """Let the state be of the kind that the body has; tell whether it was not."""
        decay: Body = self.body.get("decay") or {}
        kind = None if not decay else HalfLife if "halfLifeDays" in decay else Line
        if kind is None:
            changed, self.kept = self.kept is not None, None
            return changed
        if type(self.kept) is kind:
            self.kept_by = decay
            return False
        earlier, self.kept = self.kept, kind()
        if earlier is None:
            begun = [(group, (points - self.fit[group]) * NANO) for group, points in self.groups.items()]
        else:
            sides = earlier.left(self.kept_by, clock).items()
            begun = [(group, half_up(side * NANO)) for group, both in sides for side in both]
        for group, nano in begun:
            if nano != 0:  # what is nothing begins nothing
                self.kept.add(decay, group, nano, min(self.since, clock) if earlier is None else clock)
        self.kept_by, self.told = decay, clock
        return True

    # ------------------------------------------------------------------ what happens
    def now(self, clock: int) -> int:
        """When it is looked at: what lags behind what was told of it last does not bring that back."""
        return clock if self.kept is None else max(clock, self.told)

    def go_on(self, clock: int) -> None:
        """Let all that decay does by itself up to the clock happen."""
        while (due := self.due(clock)) is not None:
            self.pay(self.watched(self.shows(due)))
            self.tell(f"clock-{due}-decay", due)

    def due(self, clock: int) -> int | None:
        """The first time not after the clock at which this is to be told."""
        if not self.exists or self.body.get("decay") is None:
            return None
        tick = self.told
        while tick <= clock:
            tick += DAY
            if self.shows(tick) == self.shown:
                continue
            due = tick
            if self.crosses(tick):
                low = tick - DAY
                while due - low > 1:
                    middle = (low + due) // 2
                    if self.crosses(middle):
                        due = middle
                    else:
                        low = middle
            return due if due <= clock else None
        return None

    def crosses(self, clock: int) -> bool:
        after = self.shows(clock)
        return after != self.shown and cross(thresholds_of(self.body), self.shown, after, self.held)[0] != []

    def watched(self, score: int) -> dict[Group, int]:
        """What the rule over this score pays, once it has seen that (S36)."""
        if self.watch is None:
            return {}
        least, points, group = self.watch
        return {group: points if score >= least else 0}

    def pay(self, worth: dict[Group, int]) -> None:
        """Let fit rules pay from now on what they are worth."""
        for group, points in worth.items():
            change = points - self.fit[group]
            self.fit[group] = points
            self.total += change
            self.groups[group] += change

    def award(self, origin: str, awards: list[tuple[int, Group]], at: int, clock: int, *, seen: bool = True) -> None:
        clock = self.now(clock)
        self.meet(clock)
        self.exists = True
        for points, group in awards:
            self.total += points
            self.groups[group] += points
            if self.kept is not None:
                self.kept.add(self.body["decay"], group, points * NANO, min(at, clock))
        if seen:
            self.pay(self.watched(self.shows(clock)))
        self.tell(origin, clock)

    def set(self, origin: str, score: int, clock: int) -> None:
        clock = self.now(clock)
        self.meet(clock)
        points = score - self.unclamped(clock)
        if points != 0:
            self.award(origin, [(points, None)], clock, clock, seen=False)
            self.said[-1].crossings = []

    def pay_fit(self, origin: str, points: int, group: Group, clock: int, score: int | None = None) -> bool:
        """Ask all fit rules, of which one pays so much, after what was last told; tell whether any pays otherwise."""
        worth = {group: points} | self.watched(self.shown if score is None else score)
        if all(self.fit[one] == paid for one, paid in worth.items()):
            return False
        clock = self.now(clock)
        self.meet(clock)
        self.exists = True
        self.pay(worth)
        self.tell(origin, clock)
        return True

    def reset(self, origin: str, clock: int) -> None:
        if not self.exists:
            return
        clock = self.now(clock)
        self.meet(clock)
        moved = self.total != 0
        self.total = 0
        self.groups.clear()
        self.fit.clear()
        if self.kept is not None:
            self.kept = type(self.kept)()
        if moved or self.shows(self.told if self.kept is not None else clock) != self.shown:
            self.tell(origin, clock)

    def edit(
        self, origin: str, body: Body, updated_at: int, clock: int, worth: int | None = None, group: Group = None
    ) -> None:
        """A record of another body takes effect, and its sweep, if any, asks fit rules: one is worth so much."""
        if self.body.get("decay") is None:
            self.since = updated_at
        if body == self.body:
            return
        self.body = body
        if not self.exists:
            return
        clock = self.now(clock)
        anew = self.meet(clock)
        decays = body.get("decay") is not None
        otherwise = self.shows(clock if anew or not decays else self.told) != self.shown
        looked = otherwise or self.due(clock) is not None
        seen = self.shows(clock) if looked else self.shown
        if worth is not None and self.pay_fit(origin, worth, group, clock, seen):
            return
        if looked and self.shows(clock) != self.shown:
            self.tell(origin, clock)
        elif self.due(clock) is not None:
            self.told = clock
