"""A profile that decays, as one step of the whole reference opens, pays and shows it (S38, decision 0015).

Laws: what is left and how it is rounded is ``reference_decay``'s; here is from when, with which parameters, and what is
told.  A profile's ``decay`` is None or ``{"told", "by"}`` with ``{"at", "sums"}`` of a half-life, ``{"piles"}`` of a
line, all plain and in order, so that two are equal as text.
"""

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from tests.faults.reference_clock import DAY
from tests.faults.reference_decay import MOST_BYTES, NANO, HalfLife, Line, half_up
from tests.faults.reference_profiles import limited
from tests.faults.reference_rules import cross, thresholds_of
from tests.faults.reference_values import MAX_TIME

Body = dict[str, Any]
Store = HalfLife | Line
Group = str | None


def terms(decay: Body) -> Body:
    """What a decay says, without what it leaves out."""
    return {name: value for name, value in decay.items() if value is not None}


def new_store(decay: Body) -> Store:
    return HalfLife() if decay.get("halfLifeDays") is not None else Line()


def loaded(kept: Body) -> Store:
    """The store of a state, by the parameters that it was kept with."""
    store = new_store(kept["by"])
    if isinstance(store, HalfLife):
        store.at = kept["at"]
        store.sums.update({group: nano for group, nano in kept["sums"]})
        return store
    for group, day, nano, moment in kept["piles"]:
        store.piles[group, nano > 0][day] = [Fraction(nano, NANO), Fraction(moment, NANO)]
    return store


def by_group(group: Group) -> str:
    return group or ""


def plain(store: Store) -> Body:
    """A store as it is kept: a sum of 0 is none."""
    if isinstance(store, HalfLife):
        sums = [[group, store.sums[group]] for group in sorted(store.sums, key=by_group) if store.sums[group]]
        return {"at": store.at, "sums": sums}
    rows = [(by_group(group), day, not gains, group, pile)
            for (group, gains), piles in store.piles.items() for day, pile in piles.items()]  # fmt: skip
    return {"piles": [[group, day, int(points * NANO), int(moment * NANO)]
                      for _, day, _, group, (points, moment) in sorted(rows)]}  # fmt: skip


def earned(state: Body) -> dict[Group, int]:
    """What awards have brought by group, but for what fit rules are paying."""
    found: dict[Group, int] = defaultdict(int, state["groups"])
    found[None] = state["total"] - sum(state["groups"].values())
    for points, group in state["fit"].values():
        found[group] -= points
    return found


def believed(at: int, wall: int) -> int:
    """What is believed of an input's own time: nothing that lies ahead of the wall, where that is known."""
    return wall if 0 < wall < at else at


def looked_at(clock: int, wall: int, at: int, born: int) -> int:
    """When an input looks at what decays: at the clock, or where that is behind it at its own time, by the wall's time.

    A clock that still stands at 0 tells no time; the input does, and the birth.
    """
    if clock == 0:
        return max(believed(at, wall), born)
    return at if clock < at <= wall else max(clock, wall) if at > wall else clock


class Fading:
    """One decaying profile of one contact at one instant; ``since`` when its body began to decay.

    ``state`` is the profile as the step changes it: what fit rules pay counts beside what is left.
    """

    def __init__(self, body: Body, state: Body, since: int, clock: int) -> None:
        self.body, self.state, self.decay = body, state, terms(body["decay"])
        kept: Body | None = state["decay"]
        self.clock = clock if kept is None else max(clock, kept["told"])
        self.store = new_store(self.decay)
        self.told: int | None = None
        self.room = MOST_BYTES
        self.thresholds = thresholds_of(body)
        if kept is None:
            self.begin([(group, points * NANO) for group, points in earned(state).items()], since)
        elif type(before := loaded(kept)) is type(self.store):
            self.store, self.told = before, kept["told"]
        else:
            left = before.left(kept["by"], self.clock).items()
            self.begin([(group, half_up(side * NANO)) for group, sides in left for side in sides], self.clock)

    def begin(self, parts: list[tuple[Group, int]], at: int) -> None:
        """What is nothing begins nothing."""
        for group, nano in parts:
            if nano != 0:
                self.add(group, nano, at)

    def add(self, group: Group, nano: int, at: int) -> None:
        self.store.add(self.decay, group, nano, min(at, self.clock))

    def forget(self) -> None:
        self.store = new_store(self.decay)

    def unlimited(self, at: int) -> int:
        """What is shown before floor and ceiling: groups in their limits, the sum rounded once."""
        counted: dict[Group, int | Fraction] = defaultdict(int)
        for group, sides in self.store.left(self.decay, at).items():
            counted[group] = sum(sides)
        for points, group in self.state["fit"].values():
            counted[group] += points
        for group in self.body.get("groups", []):
            value = counted[group["name"]]
            value = value if group.get("max") is None else min(value, group["max"])
            counted[group["name"]] = value if group.get("min") is None else max(value, group["min"])
        return half_up(Fraction(sum(counted.values())))

    def shows(self, at: int) -> int:
        return limited(self.body, self.unlimited(at))

    def shown(self, stored: int, is_due: bool) -> int:
        """What is told: an award or a due time tells what it has come to, and so does another score when last told."""
        if self.told is not None and not is_due and self.shows(self.told) == stored:
            return stored
        return self.shows(self.clock)

    def kept(self, is_told: bool) -> Body:
        """The state after the step; with a ScoreChanged what has ended goes."""
        if is_told:
            self.store.tidy(self.decay, self.clock, self.room)
        told = self.clock if is_told or self.told is None else self.told
        return {"told": told, "by": self.decay, **plain(self.store)}

    # ------------------------------------------------------------------ by itself
    def ticks(self) -> Iterator[int]:
        """Every 24 h after it was told, up to the first at which nothing is left."""
        tick = self.told if self.told is not None else self.clock
        ended = False
        while not ended and tick + DAY <= MAX_TIME:
            tick += DAY
            ended = not any(side for sides in self.store.left(self.decay, tick).values() for side in sides)
            yield tick

    def crosses(self, at: int) -> bool:
        before, after = self.state["shown"], self.shows(at)
        return after != before and cross(self.thresholds, before, after, self.state["held"])[0] != []

    def crosses_by_tick(self) -> bool:
        """Whether a threshold is passed within a day of when it was told: nothing else is told before that tick."""
        return self.told is not None and self.crosses(self.told + DAY)

    def next_due(self) -> int | None:
        """When another integer is to be told; of thresholds the first ms found by halving the day before the tick."""
        due = next((tick for tick in self.ticks() if self.shows(tick) != self.state["shown"]), None)
        if due is not None and self.crosses(due):
            low = due - DAY
            while due - low > 1:
                middle = (low + due) // 2
                low, due = (low, middle) if self.crosses(middle) else (middle, due)
        return due
