"""A score that decays: what its awards have left at an instant, through the limits of its groups (S38, decision 0015).

Laws: rounded half up once, of the sum (D4); what fit rules are paying does not decay; a state of the other kind, or of
none, becomes one of the profile's kind when it is opened, and no earlier.
"""

from collections.abc import Mapping
from typing import Final, Protocol

from schemas.clock_rules import Decay
from schemas.state import LINEAR_BYTES, DecaySums, HalfLifeSums, LinearSums, Parts, ProfileState
from stream_app.scoring.half_life import NANO, HalfLife, Left
from stream_app.scoring.linear import Linear
from stream_app.scoring.profiles import ScoredProfile

NO_PARTS: Final = Parts()
Fit = Mapping[int, tuple[int, str | None]]


class Sums(Protocol):
    """What is left of a profile's awards, in parts of a point: ``unit`` of them make one."""

    unit: int

    def add(self, group: str | None, amount: int, at: int) -> None:
        """Add an award of 10^-9 points that decays from ``at``."""
        ...

    def left(self, at: int) -> Left:
        """Return what is left at an instant that is not before any award."""
        ...

    def ends_at(self) -> int:
        """Return an instant from which nothing is left."""
        ...

    def bends(self, at: int) -> int | None:
        """Return up to when, from ``at`` on, all that is left goes in one line, or by one factor; None is for ever."""
        ...

    def kept(self, told: int, *, now: bool = True) -> DecaySums:
        """Return the state of a profile that was told of at ``told``; ``now`` if a ScoreChanged tells of it at once."""
        ...


def room_for(profile_id: str, states: Mapping[str, ProfileState]) -> int:
    """Return how many bytes a line may keep of one of a contact's profiles: all that have one share alike."""
    others = sum(isinstance(state.decay, LinearSums) for one, state in states.items() if one != profile_id)
    return LINEAR_BYTES // (1 + others)


def same_kind(decay: Decay, kept: DecaySums | None) -> bool:
    """Tell whether a state is of the kind that a profile has; its parameters may be earlier ones."""
    return isinstance(kept, LinearSums if decay.half_life_days is None else HalfLifeSums)


def open_sums(profile: ScoredProfile, decay: Decay, state: ProfileState, clock: int, room: int = LINEAR_BYTES) -> Sums:
    """Return what is left, by the profile's present decay; ``room`` is how many bytes a line may keep."""
    kept = state.decay
    sums = _sums(decay, kept, room)
    if kept is None:
        for group, points in _earned(state).items():
            sums.add(group, points * NANO, min(profile.since, clock))
    elif not same_kind(decay, kept):
        earlier = HalfLife(kept.days, kept) if isinstance(kept, HalfLifeSums) else Linear(kept.percent, kept.days, kept)
        for group, sides in earlier.left(max(clock, kept.told)).items():
            for amount in (half_up(side * NANO, earlier.unit) for side in sides):
                if amount:  # nothing begins nothing: `at` is then the next award's
                    sums.add(group, amount, max(clock, kept.told))
    return sums


def shares(profile: ScoredProfile, sums: Sums, fit: Fit, at: int) -> dict[str | None, tuple[int, int, int]]:
    """Return (what counts, gains left, losses left) by group, in parts of a point."""
    left, paying, unit = sums.left(at), by_group(fit), sums.unit
    found: dict[str | None, tuple[int, int, int]] = {}
    for group in (*left, *(one for one in (*paying, *profile.limits) if one not in left)):
        gains, losses = left.get(group, (0, 0))
        found[group] = (profile.limit(group, gains + losses + paying.get(group, 0) * unit, unit), gains, losses)
    return found


def unclamped(profile: ScoredProfile, sums: Sums, fit: Fit, at: int) -> int:
    """Return what would be shown without floor and ceiling."""
    return half_up(sum(counts for counts, _, _ in shares(profile, sums, fit, at).values()), sums.unit)


def half_up(amount: int, unit: int) -> int:
    """Return whole points, the upper ones of two that are as near (D4)."""
    return (2 * amount + unit) // (2 * unit)


def by_group(fit: Fit) -> dict[str | None, int]:
    """Return what fit rules are paying, by the group that it counts in."""
    paying: dict[str | None, int] = {}
    for points, group in fit.values():
        paying[group] = paying.get(group, 0) + points
    return paying


def _sums(decay: Decay, kept: DecaySums | None, room: int) -> Sums:
    if decay.half_life_days is not None:
        return HalfLife(decay.half_life_days, kept if isinstance(kept, HalfLifeSums) else None)
    known = kept if isinstance(kept, LinearSums) else None
    return Linear(decay.percent or 0, decay.period_days or 0, known, room)


def _earned(state: ProfileState) -> dict[str | None, int]:
    """Return what awards have brought, by group, but for what fit rules are paying."""
    parts = state.parts or NO_PARTS
    earned: dict[str | None, int] = {**parts.groups}
    earned[None] = state.total - sum(parts.groups.values())
    for group, points in by_group(parts.fit).items():
        earned[group] = earned.get(group, 0) - points
    return {group: points for group, points in earned.items() if points}
