"""The piles of a line: what one UTC day has brought of a group's gains, or of its losses (S38, decision 0015).

Laws: piles that are not touched are kept as they were read; what was read or kept last is not read again.
"""

from itertools import chain
from typing import Final

from schemas.state import LinearSums
from schemas.times import DAY_MS
from stream_app.scoring.half_life import as_bytes

Row = tuple[str | None, int, bytes, bytes]
Pile = tuple[int, int]  # 10^-9 points, and the same times ms within the day
Key = tuple[str | None, bool]  # group, and whether its gains

REMEMBERED: Final = 16
_POSITIVE: Final = 0x80  # below it is the first byte of what is not below 0


class Course:
    """The piles of a side by their mean times, with the sums of each and all later ones.

    ``means`` are rounded down to a ms; ``amounts`` and ``moments`` as those of a side, each list ending with 0.
    """

    __slots__ = ("amounts", "means", "moments", "piles")

    def __init__(self, piles: dict[int, Pile]) -> None:
        rows = sorted(
            (day * DAY_MS + moment // amount, day, (amount, moment)) for day, (amount, moment) in piles.items()
        )
        self.means = [mean for mean, _, _ in rows]
        self.piles = [(day, pile) for _, day, pile in rows]
        amounts, moments = [0], [0]
        for day, (amount, moment) in reversed(self.piles):
            amounts.append(amounts[-1] + amount)
            moments.append(moments[-1] + moment + amount * day * DAY_MS)
        self.amounts, self.moments = amounts[::-1], moments[::-1]


class Side:
    """The gains or the losses of one group, a pile by UTC day.

    ``amount`` is their sum, ``moment`` that of each times its mean time since 1970, ms; ``known`` are the rows of those
    that the state has.
    """

    __slots__ = ("_course", "_newest", "_oldest", "amount", "known", "moment", "piles")

    def __init__(self, piles: dict[int, Pile], known: dict[int, Row], amount: int = 0, moment: int = 0) -> None:
        self.piles, self.known, self.amount, self.moment = piles, known, amount, moment
        self._oldest: int | None = None
        self._newest: int | None = None
        self._course: Course | None = None

    def only(self, piles: dict[int, Pile]) -> "Side":
        """Return a side of these piles, of which some may be its own."""
        side = Side(piles, {day: row for day, row in self.known.items() if piles.get(day) == self.piles[day]})
        side.amount = sum(amount for amount, _ in piles.values())
        side.moment = sum(moment + amount * day * DAY_MS for day, (amount, moment) in piles.items())
        return side

    def copy(self) -> "Side":
        """Return one that may be added to."""
        side = Side(self.piles.copy(), self.known.copy(), self.amount, self.moment)
        side._oldest, side._newest, side._course = self._oldest, self._newest, self._course
        return side

    def add(self, day: int, amount: int, moment: int) -> None:
        """Put a pile on that of its day."""
        self.amount += amount
        self.moment += moment + amount * day * DAY_MS
        had, had_moment = self.piles.get(day, (0, 0))
        self.piles[day] = (had + amount, had_moment + moment)
        self.known.pop(day, None)
        self._oldest = None if self._oldest is None else min(self._oldest, day * DAY_MS)
        self._newest = None if self._newest is None else max(self._newest, day * DAY_MS + moment // amount + 1)
        self._course = None

    def course(self) -> "Course":
        """Return the piles in the order in which they end."""
        if self._course is None:
            self._course = Course(self.piles)
        return self._course

    def oldest(self) -> int:
        """Return an instant, as late as is easily told, that is not after the mean time of any pile."""
        if self._oldest is None:
            first, *others = sorted(self.piles)[:2]
            amount, moment = self.piles[first]
            means = (first * DAY_MS + moment // amount, *(day * DAY_MS for day in others))
            self._oldest = min(means)
        return self._oldest

    def newest(self) -> int:
        """Return an instant that is not before the mean time of any pile."""
        if self._newest is None:
            self._newest = max(day * DAY_MS + moment // amount for day, (amount, moment) in self.piles.items()) + 1
        return self._newest

    def joined(self, most: int) -> "Side":
        """Return it with its oldest piles joined, in the place of the first, so that there are ``most``."""
        days = sorted(self.piles)
        first, old = days[0], len(days) - most + 1
        amount = moment = 0
        for day in days[:old]:
            had, had_moment = self.piles[day]
            amount, moment = amount + had, moment + had_moment + had * (day - first) * DAY_MS
        return self.only({first: (amount, moment)} | {day: self.piles[day] for day in days[old:]})

    def rows(self, group: str | None) -> list[Row]:
        """Return the piles as the state has them, by day."""
        for day in self.piles.keys() - self.known.keys():
            amount, moment = self.piles[day]
            self.known[day] = group, day, as_bytes(amount), as_bytes(moment)
        return [self.known[day] for day in sorted(self.piles)]


Sides = dict[Key, Side]

_remembered: dict[int, tuple[LinearSums, Sides]] = {}  # the sums are held, so an identity is not given again


def sides_of(kept: LinearSums) -> Sides:
    """Return the piles of a state, to be added to."""
    known = _remembered.get(id(kept))
    sides = _read(kept) if known is None else known[1]
    return {key: side.copy() for key, side in sides.items()}


def remember(kept: LinearSums, sides: Sides) -> LinearSums:
    """Return a state whose piles are these: it is soon asked for again, for when it falls due."""
    _remembered[id(kept)] = kept, sides
    if len(_remembered) > REMEMBERED:
        del _remembered[next(iter(_remembered))]
    return kept


def rows_of(sides: Sides) -> tuple[Row, ...]:
    """Return sides as the state has them: by group, by day, of one day the gains first."""
    by_group: dict[str | None, list[Side]] = {}
    for (group, _), side in sides.items():
        by_group.setdefault(group, []).append(side)
    names = sorted(by_group, key=lambda group: group or "")
    return tuple(chain.from_iterable(_in_order([side.rows(name) for side in by_group[name]]) for name in names))


def _in_order(sides: list[list[Row]]) -> list[Row]:
    return sides[0] if len(sides) == 1 else sorted(chain.from_iterable(sides), key=_by_day)


def _by_day(row: Row) -> tuple[int, bool]:
    return row[1], row[2][0] >= _POSITIVE


def _read(kept: LinearSums) -> Sides:
    sides: Sides = {}
    for row in kept.piles:
        group, day, points, times = row
        key = group, points[0] < _POSITIVE
        side = sides.get(key)
        if side is None:
            side = sides[key] = Side({}, {})
        amount, moment = int.from_bytes(points, signed=True), int.from_bytes(times, signed=True)
        side.amount += amount
        side.moment += moment + amount * day * DAY_MS
        side.piles[day] = (amount, moment)
        side.known[day] = row
    remember(kept, sides)
    return sides
