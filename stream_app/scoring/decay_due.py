"""When a decaying score moves by itself (S38, decision 0015).

Laws: due at the first tick, 24 h steps after the last ScoreChanged, at which another integer is shown; when that is
past a threshold, at the millisecond at which it passes the first; a function of profile and state alone, so that an
alarm may lie before it; None when nothing moves any more.
"""

from collections.abc import Mapping

from schemas.state import ProfileState
from schemas.times import DAY_MS, MAX_TIME
from stream_app.scoring.decay import NO_PARTS, Sums, half_up, open_sums, same_kind, shares
from stream_app.scoring.org_rules import OrgRules
from stream_app.scoring.profiles import ScoredProfile

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

    def may_move(self, now: Shares, later: Shares) -> bool:
        """Tell whether another integer may be shown at any time between; for gains or losses alone, at the later."""
        way = 0
        for group, (counts, gains, losses) in now.items():
            counts_then, gains_then, losses_then = later[group]
            one_sided = not (gains and losses)
            way += abs(counts - counts_then) if one_sided else gains - gains_then + losses_then - losses
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


def _course(profile: ScoredProfile, state: ProfileState) -> _Course | None:
    """Return how a state goes on, None until it is of the profile's kind: a sweep or an award makes it so."""
    decay, kept = profile.decay, state.decay
    if decay is None or kept is None or not same_kind(decay, kept):
        return None
    return _Course(profile, state, open_sums(profile, decay, state, kept.told), kept.told)


def _first_tick(course: _Course) -> int | None:
    """Return the number of the first tick at which another integer is shown than was told."""
    number, last = 0, course.ticks
    now, end = course.shares(course.told), course.shares(course.tick(last))
    if course.moved(now):  # told by earlier rules
        number, now = 1, course.shares(course.tick(1))
    while not (number and course.moved(now)):
        if not course.may_move(now, end) or number >= last:
            return None
        low, step = number, 1
        while number + step < last and not course.may_move(now, course.shares(course.tick(number + step))):
            low, step = number + step, step * 2
        high = min(number + step, last)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if course.may_move(now, course.shares(course.tick(middle))) else (middle, high)
        number, now = high, course.shares(course.tick(high))
    return number
