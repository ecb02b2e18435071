"""Thresholds: which of them one change of the shown score crosses, in the order passed (S40, D7).

Laws: T counts as up from ``score >= T`` until ``score < T - hysteresis``; between the two it is held; standing on T
never repeats; a new contact starts with the state of score 0, unannounced.
"""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Literal

Crossing = tuple[int, Literal["up", "down"]]


class Thresholds:
    """The thresholds of one profile, compiled: (value, hysteresis) pairs in ascending order of value."""

    __slots__ = ("_pairs", "_values")

    def __init__(self, pairs: Iterable[tuple[int, int]] = ()) -> None:
        self._pairs = tuple(sorted(pairs))
        self._values = [value for value, _ in self._pairs]

    def untouched(self, before: int, after: int) -> bool:
        """Tell that no threshold lies between two scores: nothing is crossed as long as nothing is held."""
        return bisect_right(self._values, before) == bisect_right(self._values, after)

    def cross(self, before: int, after: int, held: tuple[int, ...]) -> tuple[list[Crossing], tuple[int, ...]]:
        """Return what a move from ``before`` to ``after`` crosses, in the order passed, and what is held then."""
        ups: list[Crossing] = []
        downs: list[tuple[int, int]] = []
        still: list[int] = []
        for value, hysteresis in self._pairs:
            up = before >= value or value in held
            if after >= value:
                if not up:
                    ups.append((value, "up"))
            elif up and after < value - hysteresis:
                downs.append((value - hysteresis, value))
            elif up:
                still.append(value)
        passed: list[Crossing] = [(value, "down") for _, value in sorted(downs, reverse=True)]
        return ups + passed, tuple(still)


NO_THRESHOLDS = Thresholds()
