"""One profile of a contact while one cause pays into it: its total, and what that is made of.

Laws: the state stays the same object as long as what it is made of has not moved; of a decaying profile nothing is told
unless it got an award, fell due, or would have been shown something else when it was last told.
Source: decisions 0012, 0015.
"""

from typing import Protocol

import msgspec

from schemas.outputs import Award
from schemas.state import LINEAR_BYTES, Parts, ProfileState
from stream_app.scoring.contact import taken_at
from stream_app.scoring.decay import NO_PARTS, Sums, open_sums, same_kind, unclamped
from stream_app.scoring.half_life import NANO
from stream_app.scoring.profiles import ScoredProfile


class Paying(Protocol):
    """A rule that fired."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def points(self) -> int: ...
    @property
    def profile_id(self) -> str: ...
    @property
    def group(self) -> str | None: ...
    @property
    def reason(self) -> str: ...


def instant(clock: int, born_at: int, at: int = 0, wall: int = 0) -> int:
    """Return when a contact's decaying scores are looked at: at the clock of its partition.

    Where the clock is behind an input, for another source lags (S60), at the input's own time, at most ``wall``.  A
    clock that still stands at 0 tells no time, so the input's own does, at least the contact's birth.
    """
    # INVARIANT: what_came_late_to_the_clock_is_not_older_for_it
    return max(clock, min(at, wall)) if clock else max(born_at, taken_at(at, wall))


class Account:
    """One profile that this cause touches at an instant; ``due`` is set when it is to show what it has come to.

    ``at`` is that instant, at least when it was last told: no award is after it.  ``room`` is how many bytes a line
    may keep of it.
    """

    __slots__ = ("_room", "_sums", "at", "awards", "due", "fit", "groups", "profile", "state", "total")

    def __init__(self, profile: ScoredProfile, state: ProfileState, at: int, room: int = LINEAR_BYTES) -> None:
        self.profile = profile
        self.state = state
        self.total = state.total
        parts = state.parts or NO_PARTS
        self.groups = dict(parts.groups)
        self.fit = dict(parts.fit)
        self.awards: list[Award] = []
        self.due = False
        self.at = at if state.decay is None else max(at, state.decay.told)
        self._room = room
        self._sums: Sums | None = None
        if profile.decay is not None:
            self._sums = open_sums(profile, profile.decay, state, self.at, room)

    def count(self, group: str | None, points: int) -> None:
        """Let points count in the group that their rule has now."""
        if group is not None:
            self.groups[group] = self.groups.get(group, 0) + points

    def fade(self, group: str | None, points: int, at: int) -> None:
        """Let an award decay from ``at``, where the profile does."""
        if self._sums is not None:
            self._sums.add(group, points * NANO, min(at, self.at))

    def forget(self) -> None:
        """Forget groups, what fit rules pay, and what is left of awards."""
        self.groups, self.fit = {}, {}
        if self.profile.decay is not None:
            self._sums = open_sums(self.profile, self.profile.decay, ProfileState(), self.at, self._room)

    @property
    def unclamped(self) -> int:
        """What would be shown without floor and ceiling."""
        return self._unclamped(self.at)

    @property
    def now(self) -> int:
        """What it has come to, told or not."""
        return self.profile.clamp(self._unclamped(self.at))

    @property
    def shown(self) -> int:
        """What its own awards show; of a profile with a formula, what it showed before."""
        if self.profile.operands is not None:
            return self.state.shown
        kept, decay = self.state.decay, self.profile.decay
        looked = self.at
        if kept is not None and decay is not None and same_kind(decay, kept) and not (self.awards or self.due):
            if self.profile.clamp(self._unclamped(kept.told)) == self.state.shown:
                looked = kept.told
        return self.profile.clamp(self._unclamped(looked))

    def counted(self, told: bool) -> ProfileState:
        """Return the state with what it is made of now; the same object when that has not moved."""
        state, before = self.state, self.state.parts or NO_PARTS
        groups = {name: points for name, points in self.groups.items() if points}
        if (groups, self.fit) != (before.groups, before.fit):
            state = msgspec.structs.replace(state, parts=Parts(groups, self.fit) if groups or self.fit else None)
        decay, kept = None, state.decay
        if self._sums is not None and self.profile.decay is not None:
            # INVARIANT: nothing is looked at before what is left of it begins
            begins = told or kept is None or not same_kind(self.profile.decay, kept)
            decay = self._sums.kept(self.at if begins or kept is None else kept.told, now=told)
        return state if decay == state.decay else msgspec.structs.replace(state, decay=decay)

    def _unclamped(self, at: int) -> int:
        if self._sums is None:
            return self.profile.unclamped(self.total, self.groups)
        return unclamped(self.profile, self._sums, self.fit, at)
