"""One profile of a contact while one cause pays into it: its total, and what that is made of.

Laws: the state stays the same object as long as what it is made of has not moved.  Source: decision 0012.
"""

from typing import Final

import msgspec

from schemas.outputs import Award
from schemas.state import Parts, ProfileState
from stream_app.scoring.profiles import ScoredProfile

NO_PARTS: Final = Parts()


class Account:
    """One profile that this cause touches."""

    __slots__ = ("awards", "fit", "groups", "profile", "state", "total")

    def __init__(self, profile: ScoredProfile, state: ProfileState) -> None:
        self.profile = profile
        self.state = state
        self.total = state.total
        parts = state.parts or NO_PARTS
        self.groups = dict(parts.groups)
        self.fit = dict(parts.fit)
        self.awards: list[Award] = []

    def count(self, group: str | None, points: int) -> None:
        """Let an award count in the group that its rule has now."""
        if group is not None:
            self.groups[group] = self.groups.get(group, 0) + points

    @property
    def unclamped(self) -> int:
        """What would be shown without floor and ceiling."""
        return self.profile.unclamped(self.total, self.groups)

    @property
    def shown(self) -> int:
        """What its own awards show; of a profile with a formula, what it showed before."""
        if self.profile.operands is not None:
            return self.state.shown
        return self.profile.shown(self.total, self.groups)

    def counted(self) -> ProfileState:
        """Return the state with what it is made of now; the same object when that has not moved."""
        before = self.state.parts or NO_PARTS
        groups = {name: points for name, points in self.groups.items() if points}
        if (groups, self.fit) == (before.groups, before.fit):
            return self.state
        return msgspec.structs.replace(self.state, parts=Parts(groups, self.fit) if groups or self.fit else None)
