"""When a decaying score moves by itself (S38, decision 0015).

Laws: due at the first tick, 24 h steps after the last ScoreChanged, at which another integer is shown; when that is
past a threshold, at the millisecond at which it passes the first; a function of profile and state alone, so that an
alarm may lie before it; None when nothing moves any more.
"""

from collections.abc import Mapping
from typing import Final

from schemas.state import Core, LinearSums, ProfileState
from schemas.times import DAY_MS, MAX_TIME
from stream_app.scoring.decay import NO_PARTS, Sums, half_up, open_sums, same_kind, shares
from stream_app.scoring.org_rules import OrgRules
from stream_app.scoring.profiles import ScoredProfile

PILES_LIKE_A_CONTACT: Final = 8

Shares = Mapping[str | None, tuple[int, int, int]]


class _Course:
    """How the shown score of one contact goes on while nothing comes."""

    def __init__(self, profile: ScoredProfile, state: ProfileState, sums: Sums, told: int) -> None:
        self._profile, self._state, self._sums, self.told = profile, state, sums, told
        self._fit = (state.parts or NO_PARTS).fit
        self.ticks = max(1, -(-(sums.ends_at() - told) // DAY_MS))

    def shares(self, at: int) -> Shares:
        return shares(self._profile, self._sums, self._fit, at)

    def tick(self, number: int) -> int:
        return self.told + number * DAY_MS

    def moved(self, at: Shares) -> bool:
        """Tell whether another integer is shown than was told."""
        return self._shown(at) != self._state.shown

    def crossed(self, at: int) -> bool:
        """Tell whether another integer is shown, past a threshold.

        An edit of hysteresis may have let go of what is held: that alone is no move, and would be due for ever.
        """
        state, shown = self._state, self._shown(self.shares(at))
        return shown != state.shown and bool(self._profile.thresholds.cross(state.shown, shown, state.held)[0])

    def straight_to(self, number: int, now: Shares) -> int:
        """Return the last tick up to which each group, and all of them together, go one way: up or down.

        Gains alone and losses alone do so to their end, both together until the first award of a line ends.
        """
        both = any(gains for _, gains, _ in now.values()) and any(losses for _, _, losses in now.values())
        bend = self._sums.bends(self.tick(number)) if both else None
        return self.ticks if bend is None else (bend - self.told) // DAY_MS

    def may_move(self, now: Shares, later: Shares, *, straight: bool) -> bool:
        """Tell whether another integer may be shown at any time between; ``straight`` as `straight_to` says.

        If so, groups that no limit holds count together: what one gains another loses.
        """
        free, way = 0, 2 * len(now)  # what rounding may hide
        for group, (counts, gains, losses) in now.items():
            counts_then, gains_then, losses_then = later[group]
            moved = counts - counts_then
            if straight and moved == gains + losses - gains_then - losses_then:
                free += moved
            elif straight or not (gains and losses):
                way += abs(moved)
            else:
                way += gains - gains_then + losses_then - losses
        way += abs(free)
        unit, total, shown = self._sums.unit, sum(counts for counts, _, _ in now.values()), self._shown(now)
        down = 2 * total - (2 * shown - 1) * unit
        up = (2 * shown + 1) * unit - 2 * total
        clamp = self._profile.clamp
        rooms = [room for room, next_ in ((down, shown - 1), (up, shown + 1)) if clamp(next_) != shown]
        return any(2 * way >= room for room in rooms)

    def _shown(self, at: Shares) -> int:
        return self._profile.clamp(half_up(sum(counts for counts, _, _ in at.values()), self._sums.unit))


def next_move(profile: ScoredProfile, state: ProfileState) -> int | None:
    """Return when what a profile shows of a state is to be told again."""
    course = _course(profile, state)
    number = None if course is None else _first_tick(course)
    if course is None or number is None:
        return None
    due = course.tick(number)
    if course.crossed(due):
        low = course.tick(number - 1)
        while due - low > 1:
            middle = (low + due) // 2
            low, due = (low, middle) if course.crossed(middle) else (middle, due)
    return due if due <= MAX_TIME else None


def may_cross(profile: ScoredProfile, state: ProfileState) -> bool:
    """Tell whether a threshold is crossed by the first tick: if not, nothing is due before it."""
    course = _course(profile, state)
    return course is not None and course.crossed(course.tick(1))


def moves(org: OrgRules, profiles: Mapping[str, ProfileState]) -> dict[str, int]:
    """Return when each decaying profile of a contact is to be told again, by profile id in order."""
    found = {
        profile_id: next_move(org.profiles[profile_id], profiles[profile_id])
        for profile_id in sorted(org.clock.decays) if profile_id in profiles
    }  # fmt: skip
    return {profile_id: due for profile_id, due in found.items() if due is not None}


def weight(core: Core) -> int:
    """Return how many contacts without a line a look at this one takes as long as, so that a batch stays short."""
    lines = (state.decay for state in core.profiles.values() if isinstance(state.decay, LinearSums))
    return 1 + sum(len(line.piles) for line in lines) // PILES_LIKE_A_CONTACT


def _course(profile: ScoredProfile, state: ProfileState) -> _Course | None:
    """Return how a state goes on, None until it is of the profile's kind: a sweep or an award makes it so."""
    decay, kept = profile.decay, state.decay
    if decay is None or kept is None or not same_kind(decay, kept):
        return None
    return _Course(profile, state, open_sums(profile, decay, state, kept.told), kept.told)


def _first_tick(course: _Course) -> int | None:
    """Return the number of the first tick at which another integer is shown than was told."""
    number, now, end = 0, course.shares(course.told), course.shares(course.tick(course.ticks))
    if course.moved(now):  # told by earlier rules
        number, now = 1, course.shares(course.tick(1))
    while not (number and course.moved(now)):
        following = _following_tick(course, number, now, end)
        if following is None:
            return None
        number, now = following, course.shares(course.tick(following))
    return number


def _following_tick(course: _Course, number: int, now: Shares, end: Shares) -> int | None:
    """Return the first tick after ``number`` up to which another integer may be shown, None when nothing moves."""
    last, straight = course.ticks, course.straight_to(number, now)

    def may_move(tick: int) -> bool:
        later = end if tick == last else course.shares(course.tick(tick))
        return course.may_move(now, later, straight=tick <= straight)

    if number >= last or not may_move(last):
        return None
    low, step = number, 1
    while number + step < last and not may_move(number + step):
        low, step = number + step, step * 2
    high = min(number + step, last)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if may_move(middle) else (middle, high)
    return high
