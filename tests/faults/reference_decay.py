"""What decay leaves of what was earned, for the reference: by half, in a line (S38, decision 0015).

Laws: slow and obvious: every award of a line is kept apart until it must be joined; stdlib only; no code of the engine.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from math import floor
from typing import Any

DAY = 24 * 60 * 60 * 1000
NANO = 10**9
MOST_DAYS = 400
MOST_BYTES = 128_000
PILE_BYTES = 28
Body = dict[str, Any]
Group = str | None


def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


def roots() -> list[int]:
    """R(k) for k = 1..40: 2^62 times 2 to the power of -(2^-k), to the nearest integer."""
    with localcontext() as context:
        context.prec = 80
        return [int((Decimal(2) ** (62 - Decimal(2) ** -k)).to_integral_value()) for k in range(1, 41)]


ROOTS = roots()


@lru_cache(maxsize=1024)
def factor(part: int, half_life: int) -> int:
    fraction, left = 2**40 * part // half_life, 2**62
    for k, bit in enumerate(f"{fraction:040b}"):
        if bit == "1":
            left = (left * ROOTS[k] + 2**61) // 2**62
    return left


def halved(amount: int, passed: int, half_life: int) -> int:
    whole, part = divmod(passed, half_life)
    return (amount * factor(part, half_life) + 2 ** (61 + whole)) // 2 ** (62 + whole)


@dataclass
class HalfLife:
    at: int = 0
    sums: dict[Group, int] = field(default_factory=lambda: defaultdict[Group, int](int))

    def add(self, decay: Body, group: Group, nano: int, at: int) -> None:
        if at < self.at:
            nano = halved(nano, self.at - at, decay["halfLifeDays"] * DAY)
        else:
            for name in self.sums:
                self.sums[name] = halved(self.sums[name], at - self.at, decay["halfLifeDays"] * DAY)
            self.at = at
        self.sums[group] += nano

    def left(self, decay: Body, clock: int) -> dict[Group, list[Fraction]]:
        half_life = decay["halfLifeDays"] * DAY
        return {group: [Fraction(halved(nano, clock - self.at, half_life), NANO)] for group, nano in self.sums.items()}

    def tidy(self, decay: Body, clock: int, room: int = MOST_BYTES) -> None:
        """Nothing of a half-life ends."""


@dataclass
class Line:
    """Each pile is [points, points times ms since the beginning of its day], by (group, gains or losses), then day."""

    piles: dict[tuple[Group, bool], dict[int, list[Fraction]]] = field(
        default_factory=lambda: defaultdict[tuple[Group, bool], dict[int, list[Fraction]]](dict)
    )

    def add(self, decay: Body, group: Group, nano: int, at: int) -> None:
        if nano != 0:
            pile = self.piles[group, nano > 0].setdefault(at // DAY, [Fraction(0), Fraction(0)])
            pile[0] += Fraction(nano, NANO)
            pile[1] += Fraction(nano, NANO) * (at % DAY)

    def rest(self, decay: Body, day: int, pile: list[Fraction], clock: int) -> Fraction:
        """What is left of a pile as if all of it had come at its mean time."""
        mean = day * DAY + pile[1] / pile[0]
        lost = Fraction(decay["percent"], 100) * (clock - mean) / (decay["periodDays"] * DAY)
        return pile[0] * max(Fraction(0), 1 - lost)

    def left(self, decay: Body, clock: int) -> dict[Group, list[Fraction]]:
        found: dict[Group, list[Fraction]] = defaultdict(list)
        for (group, _), piles in self.piles.items():
            found[group].append(sum((self.rest(decay, day, piles[day], clock) for day in piles), Fraction(0)))
        return found

    def tidy(self, decay: Body, clock: int, room: int = MOST_BYTES) -> None:
        """What has ended goes; of more than 400, or than there is room for, the two oldest become one, as the older."""
        for piles in self.piles.values():
            for day in [day for day in piles if self.rest(decay, day, piles[day], clock) == 0]:
                del piles[day]
        filled = {side: piles for side, piles in self.piles.items() if piles}
        for (group, _), piles in filled.items():
            each = room // len(filled) // (PILE_BYTES + len((group or "").encode()))
            while len(piles) > min(MOST_DAYS, max(1, each)):
                first, second = sorted(piles)[:2]
                points, moment = piles.pop(second)
                piles[first][0] += points
                piles[first][1] += moment + points * (second - first) * DAY
