"""Decay in a line: each award loses so much of its first points a period, until nothing is left (S38, decision 0015).

Laws: exact while all awards of a day live, and for a single award to its end; a day's gains, and its losses, end
together at their mean time; no pile crosses 0; at most LINEAR_DAYS piles of each group and sign, and no more than its
share of what the profile may keep, the oldest joined.
"""

from collections.abc import Iterator
from typing import Final

from schemas.state import LINEAR_DAYS, LINEAR_PILES, LinearSums
from schemas.times import DAY_MS
from stream_app.scoring.half_life import NANO, Left, as_bytes

PERCENT: Final = 100

Piles = dict[tuple[str | None, bool], dict[int, tuple[int, int]]]


class Linear:
    """The piles of one profile of one contact, at most ``most``; what is left is told in parts, ``unit`` to a point."""

    def __init__(self, percent: int, days: int, kept: LinearSums | None = None, most: int = LINEAR_PILES) -> None:
        self._percent, self._days, self._most = percent, days, most
        self._whole = PERCENT * days * DAY_MS
        self.unit = NANO * self._whole
        self._piles: Piles = {}
        for group, day, amount, moment in () if kept is None else kept.piles:
            self._pile(group, day, int.from_bytes(amount, signed=True), int.from_bytes(moment, signed=True))

    def add(self, group: str | None, amount: int, at: int) -> None:
        """Add an award of 10^-9 points that decays from ``at``."""
        if amount:
            day = at // DAY_MS
            self._pile(group, day, amount, amount * (at - day * DAY_MS))

    def left(self, at: int) -> Left:
        """Return what is left at an instant that is not before any award."""
        left: dict[str | None, tuple[int, int]] = {}
        for (group, gains), piles in self._piles.items():
            total = sum(self._left(day, amount, moment, at) for day, (amount, moment) in piles.items())
            plus, minus = left.get(group, (0, 0))
            left[group] = (plus + total, minus) if gains else (plus, minus + total)
        return left

    def ends_at(self) -> int:
        """Return an instant from which nothing is left."""
        return max(self._ends(), default=-1) + 2

    def bends(self, at: int) -> int | None:
        """Return up to when, from ``at`` on, all piles go straight; None when none has anything left."""
        return min((end for end in self._ends() if end >= at), default=None)

    def kept(self, told: int, *, now: bool = True) -> LinearSums:
        """Return the state of a profile that was told of at ``told``; if that is ``now``, without what has ended."""
        rows: list[tuple[str, int, bool, tuple[str | None, int, bytes, bytes]]] = []
        for (group, gains), piles in (self._alive(told) if now else self._piles).items():
            for day, (amount, moment) in piles.items():
                rows.append((group or "", day, not gains, (group, day, as_bytes(amount), as_bytes(moment))))
        return LinearSums(told, self._percent, self._days, tuple(row for *_, row in sorted(rows)))

    def _alive(self, at: int) -> Piles:
        """Return what has anything left, each group's by day, and of each no more days than there is room for."""
        living: Piles = {}
        for side, piles in self._piles.items():
            if alive := {day: pile for day, pile in sorted(piles.items()) if self._left(day, *pile, at)}:
                living[side] = alive
        # INVARIANT: what_a_line_keeps_of_a_contact_has_a_bound
        most = min(LINEAR_DAYS, max(1, self._most // max(1, len(living))))
        for alive in living.values():
            while len(alive) > most:
                _join_oldest(alive)
        return living

    def _pile(self, group: str | None, day: int, amount: int, moment: int) -> None:
        piles = self._piles.setdefault((group, amount > 0), {})
        had, had_moment = piles.get(day, (0, 0))
        piles[day] = (had + amount, had_moment + moment)

    def _ends(self) -> Iterator[int]:
        """Yield up to which millisecond each pile goes straight; at the next there is nothing left of it."""
        for piles in self._piles.values():
            for day, (amount, moment) in piles.items():
                yield day * DAY_MS + (self._whole * amount + self._percent * moment) // (self._percent * amount)

    def _left(self, day: int, amount: int, moment: int, at: int) -> int:
        left = amount * (self._whole - self._percent * (at - day * DAY_MS)) + self._percent * moment
        return max(left, 0) if amount > 0 else min(left, 0)


def _join_oldest(piles: dict[int, tuple[int, int]]) -> None:
    """Join the first two piles, ordered by day, in the place of the first."""
    first, second = list(piles)[:2]
    amount, moment = piles.pop(second)
    had, had_moment = piles[first]
    piles[first] = (had + amount, had_moment + moment + amount * (second - first) * DAY_MS)
