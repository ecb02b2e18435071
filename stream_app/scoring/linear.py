"""Decay in a line: each award loses so much of its first points a period, until nothing is left (S38, decision 0015).

Laws: exact while all awards of a day live, and for a single award to its end; a day's gains, and its losses, end
together at their mean time; no pile crosses 0; at most LINEAR_DAYS piles of each group and sign, and no more than its
share of what the profile may keep, the oldest joined.
"""

from bisect import bisect_left, bisect_right
from typing import Final

from schemas.state import LINEAR_BYTES, LINEAR_DAYS, LinearSums
from schemas.times import DAY_MS
from stream_app.scoring.half_life import NANO, Left
from stream_app.scoring.piles import Course, Pile, Side, Sides, remember, rows_of, sides_of

PERCENT: Final = 100
ROW_BYTES: Final = 28  # of a pile, but for the name of its group


class Linear:
    """The piles of one profile of one contact, in ``room`` bytes; what is left is in parts, ``unit`` to a point."""

    def __init__(self, percent: int, days: int, kept: LinearSums | None = None, room: int = LINEAR_BYTES) -> None:
        self._percent, self._days, self._room = percent, days, room
        self._whole = PERCENT * days * DAY_MS
        self.unit = NANO * self._whole
        self._sides: Sides = {} if kept is None else sides_of(kept)

    def add(self, group: str | None, amount: int, at: int) -> None:
        """Add an award of 10^-9 points that decays from ``at``."""
        if amount:
            day = at // DAY_MS
            side = self._sides.setdefault((group, amount > 0), Side({}, {}))
            side.add(day, amount, amount * (at - day * DAY_MS))

    def left(self, at: int) -> Left:
        """Return what is left at an instant that is not before any award."""
        left: dict[str | None, tuple[int, int]] = {}
        for (group, gains), side in self._sides.items():
            plus, minus = left.get(group, (0, 0))
            total = self._left_of(side, at)
            left[group] = (plus + total, minus) if gains else (plus, minus + total)
        return left

    def ends_at(self) -> int:
        """Return an instant from which nothing is left."""
        newest = max((side.newest() for side in self._sides.values()), default=0)
        return newest + self._whole // self._percent + 2

    def bends(self, at: int) -> int | None:
        """Return up to when, from ``at`` on, all piles go straight; None when none has anything left."""
        ends = (end for side in self._sides.values() if (end := self._bend(side.course(), at)) is not None)
        return min(ends, default=None)

    def kept(self, told: int, *, now: bool = True) -> LinearSums:
        """Return the state of a profile that was told of at ``told``; if that is ``now``, without what has ended."""
        sides = self._tidied(told) if now else self._sides
        sums = LinearSums(told, self._percent, self._days, rows_of(sides))
        return remember(sums, {key: side.copy() for key, side in sides.items()})

    def _tidied(self, at: int) -> Sides:
        """Return the piles without what has ended, and of each group no more days than there is room for."""
        living: Sides = {}
        for key, side in self._sides.items():
            if self._lives(side, at):
                living[key] = side
            elif piles := {day: pile for day, pile in side.piles.items() if self._left(day, pile, at)}:
                living[key] = side.only(piles)
        # INVARIANT: what_a_line_keeps_of_a_contact_has_a_bound
        for (group, gains), side in living.items():
            fitting = self._room // len(living) // (ROW_BYTES + len((group or "").encode()))
            most = min(LINEAR_DAYS, max(1, fitting))
            if len(side.piles) > most:
                living[group, gains] = side.joined(most)
        return living

    def _lives(self, side: Side, at: int) -> bool:
        """Tell, of a side, whether surely every pile has something left."""
        return self._percent * (at - side.oldest()) < self._whole

    def _left_of(self, side: Side, at: int) -> int:
        if self._lives(side, at):
            return side.amount * (self._whole - self._percent * at) + self._percent * side.moment
        course, surely = side.course(), (self._percent * at - self._whole) // self._percent
        living = bisect_right(course.means, surely)  # those before it have ended, but perhaps of the same ms
        left = course.amounts[living] * (self._whole - self._percent * at) + self._percent * course.moments[living]
        while living and course.means[living - 1] == surely:
            living -= 1
            left += self._left(*course.piles[living], at)
        return left

    def _bend(self, course: Course, at: int) -> int | None:
        """Return up to when, from ``at`` on, the piles of a side go straight: the first end, rounded down to a ms."""
        first = bisect_left(course.means, (self._percent * at - self._whole) // self._percent)
        while first < len(course.means) and self._end(course, first) < at:
            first += 1
        if first == len(course.means):
            return None
        after = bisect_right(course.means, course.means[first])
        return min(end for index in range(first, after) if (end := self._end(course, index)) >= at)

    def _end(self, course: Course, index: int) -> int:
        day, (amount, moment) = course.piles[index]
        return day * DAY_MS + (self._whole * amount + self._percent * moment) // (self._percent * amount)

    def _left(self, day: int, pile: Pile, at: int) -> int:
        amount, moment = pile
        left = amount * (self._whole - self._percent * (at - day * DAY_MS)) + self._percent * moment
        return max(left, 0) if amount > 0 else min(left, 0)
