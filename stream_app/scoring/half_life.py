"""Decay by half in each so many days: fixed-point sums, by integers only (S38, decision 0015).

Laws: the same sums on every machine; whole half-lives are exact; sums move to the instant of the newest award, a late
award is decayed to there; looking moves nothing.
"""

from collections.abc import Mapping
from functools import lru_cache
from math import isqrt
from typing import Final

from schemas.state import HalfLifeSums
from schemas.times import DAY_MS

NANO: Final = 10**9
FRACTION_BITS: Final = 40
FACTOR_BITS: Final = 62
HALF: Final = 1 << FACTOR_BITS - 1

Left = Mapping[str | None, tuple[int, int]]  # gains and losses that are left, by group


def _roots() -> tuple[int, ...]:
    """Return 2^-(2^-k) for k from 1 on, each to the nearest 2^-FACTOR_BITS."""
    spare, roots = 140, list[int]()
    root = 1 << FACTOR_BITS + spare - 1
    for _ in range(FRACTION_BITS):
        root = isqrt(root << FACTOR_BITS + spare)
        roots.append((root + (1 << spare - 1)) >> spare)
    return tuple(roots)


_ROOTS: Final = _roots()


@lru_cache(maxsize=4096)
def factor(passed: int, half_life: int) -> tuple[int, int]:
    """Return (F, n): after ``passed`` ms F / 2^FACTOR_BITS / 2^n is left; n counts whole half-lives."""
    whole, rest = divmod(passed, half_life)
    left, bits = 1 << FACTOR_BITS, (rest << FRACTION_BITS) // half_life
    for place, root in enumerate(_ROOTS, 1):
        if bits >> FRACTION_BITS - place & 1:
            left = (left * root + HALF) >> FACTOR_BITS
    return left, whole


def decayed(amount: int, passed: int, half_life: int) -> int:
    """Return what is left of an amount, to the nearest integer, half up."""
    left, whole = factor(passed, half_life)
    product, shift = amount * left, FACTOR_BITS + whole
    if product.bit_length() < shift:  # less than half of the smallest part, however far the clock is
        return 0
    return (product + (1 << shift - 1)) >> shift


class HalfLife:
    """The sums of one profile of one contact; ``unit`` is in how many parts of a point they are."""

    def __init__(self, days: int, kept: HalfLifeSums | None = None) -> None:
        self.unit = NANO
        self._days = days
        self._half_life = days * DAY_MS
        self._at = 0 if kept is None else kept.at
        kept_sums = () if kept is None else kept.sums
        self._sums = {group: int.from_bytes(amount, signed=True) for group, amount in kept_sums}

    def add(self, group: str | None, amount: int, at: int) -> None:
        """Add an award of 10^-9 points that decays from ``at``."""
        late = self._at - at
        if late > 0:
            amount = decayed(amount, late, self._half_life)
        else:
            self._sums = {name: decayed(one, -late, self._half_life) for name, one in self._sums.items()}
            self._at = at
        self._sums[group] = self._sums.get(group, 0) + amount

    def left(self, at: int) -> Left:
        """Return what is left at an instant that is not before any award."""
        left = ((group, decayed(amount, at - self._at, self._half_life)) for group, amount in self._sums.items())
        return {group: (max(amount, 0), min(amount, 0)) for group, amount in left}

    def ends_at(self) -> int:
        """Return an instant from which nothing is left."""
        longest = max((amount.bit_length() for amount in self._sums.values()), default=0)
        return self._at + (longest + 1) * self._half_life

    def bends(self, at: int) -> int | None:
        """Return None: all that is left is halved alike, for ever."""
        return None

    def kept(self, told: int, *, now: bool = True) -> HalfLifeSums:
        """Return the state of a profile that was told of at ``told``."""
        sums = sorted((group or "", group, amount) for group, amount in self._sums.items() if amount)
        return HalfLifeSums(told, self._days, self._at, tuple((group, as_bytes(amount)) for _, group, amount in sums))


def as_bytes(amount: int) -> bytes:
    """Return an integer of any size as signed bytes, big-endian."""
    return amount.to_bytes(amount.bit_length() // 8 + 1, signed=True)
