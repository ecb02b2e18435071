"""Profiles, compiled: what a published profile shows of what a contact has been paid (S34, S35, S38, D1, D20).

Laws: the total is never changed by what is shown; a group counts at most its max and at least its min, floor and
ceiling come last, and what is shown is an int64; a formula is the average of what its operands show, rounded half
towards plus infinity (D4), where a missing or unpublished operand is 0.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from schemas.authored import DEFAULT_PROFILE, Rule
from schemas.profiles import ProfileBody, Threshold
from stream_app.scoring.fit import FitRule
from stream_app.scoring.thresholds import NO_THRESHOLDS, Thresholds

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1

Groups = Mapping[str, int]


class ScoredProfile:
    """One published profile; ``operands`` is None unless it has a formula, ``limited`` whether total is not what shows.

    ``decay`` is None unless it decays, since when what was earned before does is ``since``; ``limits`` by group.
    ``fit`` are its fit rules by id, ``reads`` the profiles that it shows something of.  ``shape`` is equal for two
    versions between which nothing can move what contacts without input are shown; ``publishes`` the number of publishes
    so far, 0 for ``default``.
    """

    __slots__ = (
        "_ceiling", "_floor", "decay", "fit", "id", "limited", "limits", "operands", "publishes", "reads", "shape",
        "since", "thresholds",
    )  # fmt: skip

    def __init__(
        self, profile_id: str, body: ProfileBody, rules: Iterable[Rule] = (), publishes: int = 0, since: int = 0
    ) -> None:
        self.id = profile_id
        self.decay = body.decay
        self.since = since
        self.publishes = publishes
        self.thresholds = _thresholds(body)
        self.operands = None if body.formula is None else tuple(body.formula.average)
        self._floor = INT64_MIN if body.floor is None else body.floor
        self._ceiling = INT64_MAX if body.ceiling is None else body.ceiling
        self.limits = {
            group.name: (INT64_MIN if group.min is None else group.min, INT64_MAX if group.max is None else group.max)
            for group in body.groups
        }
        bounded = self.limits or body.floor is not None or body.ceiling is not None
        self.limited = bool(bounded) or body.decay is not None
        active = sorted((rule for rule in rules if rule.active), key=_by_id)
        self.fit = {rule.id: FitRule(rule, rule.attribute) for rule in active if rule.attribute is not None}
        self.reads = frozenset(self.operands or ()).union(*(rule.scores for rule in self.fit.values()))
        groups = limits_said(body)
        self.shape: Any = (self._floor, self._ceiling, groups, self.operands, _shapes(active), body.decay)

    def unclamped(self, total: int, groups: Groups) -> int:
        """Return what would be shown without floor and ceiling."""
        for name, (least, most) in self.limits.items():
            counted = groups.get(name, 0)
            total += min(max(counted, least), most) - counted
        return total

    def limit(self, group: str | None, amount: int, unit: int) -> int:
        """Return what a group counts of an amount, both in parts of a point, of which ``unit`` make one."""
        limits = None if group is None else self.limits.get(group)
        return amount if limits is None else min(max(amount, limits[0] * unit), limits[1] * unit)

    def average(self, shown: Sequence[int]) -> int:
        """Return what a formula shows of what its operands show."""
        return self.clamp((2 * sum(shown) + len(shown)) // (2 * len(shown)))

    def clamp(self, score: int) -> int:
        """Return a score within floor, ceiling and int64."""
        return min(max(score, self._floor, INT64_MIN), self._ceiling, INT64_MAX)


def in_order(profiles: Mapping[str, ScoredProfile]) -> tuple[ScoredProfile, ...]:
    """Return the profiles with formulas, each after those that it is made of; there are no cycles (`refers_to`)."""
    placed: dict[str, ScoredProfile] = {}

    def place(profile_id: str) -> None:
        profile = profiles.get(profile_id)
        if profile is None or profile.operands is None or profile_id in placed:
            return
        for operand in profile.operands:
            place(operand)
        placed[profile_id] = profile

    for profile_id in sorted(profiles):
        place(profile_id)
    return tuple(placed.values())


def limits_said(body: ProfileBody) -> frozenset[tuple[str, int | None, int | None]]:
    """Return the limits of groups, without those that limit nothing, in whatever order they were written."""
    every = ((group.name, group.min, group.max) for group in body.groups)
    return frozenset(one for one in every if one[1:] != (None, None))


def thresholds_said(body: ProfileBody) -> frozenset[tuple[int, int]]:
    """Return (value, hysteresis) of thresholds, in whatever way and order they were written."""
    return frozenset((one.value, one.hysteresis) if isinstance(one, Threshold) else (one, 0) for one in body.thresholds)


def operands_of(body: ProfileBody) -> tuple[str, ...]:
    """Return what a score is made of, nothing unless it has a formula."""
    return () if body.formula is None else tuple(body.formula.average)


def refers_to(formulas: Mapping[str, Iterable[str]], start: Iterable[str], wanted: str) -> bool:
    """Tell whether some of the profiles ``start`` is made of ``wanted``, or is it; ``formulas`` by profile id (D20)."""
    left, seen = list(start), set[str]()
    while left:
        profile_id = left.pop()
        if profile_id == wanted:
            return True
        if profile_id not in seen:
            seen.add(profile_id)
            left += formulas.get(profile_id, ())
    return False


def _by_id(rule: Rule) -> int:
    return rule.id


def _shapes(rules: Iterable[Rule]) -> tuple[Any, ...]:
    fitting = (rule for rule in rules if rule.attribute is not None)
    return tuple((rule.id, rule.points, rule.group, repr(rule.attribute)) for rule in fitting)


def _thresholds(body: ProfileBody) -> Thresholds:
    if not body.thresholds:
        return NO_THRESHOLDS
    return Thresholds(thresholds_said(body))


# What an unpublished profile is to a contact that has a score of it: it can only be reset.
PLAIN: Final = ScoredProfile(DEFAULT_PROFILE, ProfileBody())
