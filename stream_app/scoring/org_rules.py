"""What one org has published, compiled: which rules pay which profiles, and what moves without an input.

Laws: a rule scores in one profile, the one that took it last (scoring.claims), whatever is drafted of it since;
``rules`` holds inactive rules and drafts too, for names, ``memories`` the same by what contacts remember them under;
what pays is in ``by_type`` and ``fit``.
Source: S30-S38, D15, docs/decisions/0012, 0015.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from schemas.authored import DEFAULT_PROFILE, Profile, ProfileBody, PublishedProfile, Rule
from stream_app.scoring.claims import Claims
from stream_app.scoring.fit import FitRule
from stream_app.scoring.inactivity import Silence
from stream_app.scoring.pages import NO_PAGES, Pages
from stream_app.scoring.profiles import ScoredProfile, in_order
from stream_app.scoring.rules import NO_LIVES, Lives, RulesOfType, compile_types, memory_of
from stream_app.scoring.thresholds import NO_THRESHOLDS, Thresholds


class Published(NamedTuple):
    """What a publish froze, without the rules that others have taken since, and the how many-th it was."""

    version: int
    body: PublishedProfile


class Decaying(NamedTuple):
    """Since when a profile decays, and what of its body says when it moves by itself."""

    since: int
    body: tuple[Any, ...]


class ClockRules(msgspec.Struct, frozen=True):
    """What acts by the clock in one org.

    ``version`` is the rulebook version at which it last changed, 0 before there was anything; ``since`` tells since
    when each silence is live (D10, D25), ``shortest_ms`` the shortest of their periods; ``decays`` by profile id.
    """

    version: int = 0
    silences: tuple[Silence, ...] = ()
    since: Mapping[int, int] = {}
    shortest_ms: int = 0
    decays: Mapping[str, Decaying] = {}

    def decays_since(self, profile_id: str) -> int:
        """Return since when a profile decays, 0 if it does not."""
        return self.decays[profile_id].since if profile_id in self.decays else 0


_DEFAULT: Final = ScoredProfile(DEFAULT_PROFILE, ProfileBody())
_NO_CLAIMS: Final = Claims()
_DEFAULT_ONLY: Final = MappingProxyType({DEFAULT_PROFILE: _DEFAULT})


class OrgRules(msgspec.Struct, frozen=True):
    """One org; ``authored`` are its rule records, ``profile`` that of ``default``, ``published`` the other profiles.

    ``gone`` are the rules that were deleted, ``lives`` tells how often others came back after that (S12).
    ``plain`` tells that only ``default`` scores and shows its total; ``watches`` that some fit rule is asked by every
    input and due time, ``asked`` the profiles whose scores fit rules ask for; ``formulas`` come after what they are
    made of.
    """

    authored: Mapping[int, Rule] = {}
    profile: Profile | None = None
    published: Mapping[str, Published] = {}
    claims: Claims = _NO_CLAIMS
    gone: frozenset[int] = frozenset()
    lives: Lives = NO_LIVES
    rules: Mapping[int, Rule] = {}
    memories: Mapping[int, Rule] = {}
    by_type: Mapping[str, RulesOfType] = {}
    thresholds: Thresholds = NO_THRESHOLDS
    profiles: Mapping[str, ScoredProfile] = _DEFAULT_ONLY
    formulas: tuple[ScoredProfile, ...] = ()
    fit: tuple[FitRule, ...] = ()
    asked: frozenset[str] = frozenset()
    watches: bool = False
    plain: bool = True
    pages: Pages = NO_PAGES
    clock: ClockRules = ClockRules()

    @property
    def shapes(self) -> dict[str, Any]:
        """What decides, for each published profile, how the state of a contact is shown."""
        return {
            profile_id: (profile.shape, [one in self.profiles for one in sorted(profile.reads)])
            for profile_id, profile in self.profiles.items()
        }

    def sweeps(self, before: "OrgRules") -> bool:
        """Tell whether contacts without input may be shown something else than under an earlier version (D15)."""
        if self is before:
            return False
        earlier = before.shapes
        for profile_id, shape in self.shapes.items():
            known = earlier.get(profile_id)
            again = known is None and self.profiles[profile_id].publishes > 1
            if again or shape != (known or _NEW_SHAPE):
                return True
        return False


def compile_org(
    authored: Mapping[int, Rule], profile: Profile | None, published: Mapping[str, Published], clock: ClockRules,
    claims: Claims, gone: frozenset[int], lives: Lives,
) -> OrgRules:  # fmt: skip
    """Return an org from its records."""
    of_profile = live_rules(authored, published)
    scoring = [rule for rules in of_profile.values() for rule in rules]
    since = clock.decays_since(DEFAULT_PROFILE)
    default = ScoredProfile(DEFAULT_PROFILE, profile or ProfileBody(), of_profile[DEFAULT_PROFILE], since=since)
    profiles = {DEFAULT_PROFILE: default} | {
        profile_id: ScoredProfile(
            profile_id, one.body, of_profile[profile_id], one.version, clock.decays_since(profile_id)
        )
        for profile_id, one in sorted(published.items())
    }
    fit = sorted((rule for one in profiles.values() for rule in one.fit.values()), key=_by_id)
    live = [rule for rule in scoring if rule.active]
    grouped = any(rule.group is not None for rule in live)
    rules = dict(sorted({**authored, **{rule.id: rule for rule in scoring}}.items()))
    return OrgRules(
        authored=authored, profile=profile, published=published, claims=claims, clock=clock, profiles=profiles,
        gone=gone, lives=lives, rules=rules,
        memories={memory_of(rule_id, lives): rule for rule_id, rule in rules.items()} if lives else rules,
        by_type=compile_types(live, lives), pages=Pages(live, lives), thresholds=default.thresholds,
        formulas=in_order(profiles),
        fit=tuple(fit), asked=frozenset[str]().union(*(rule.scores for rule in fit)),
        watches=any(rule.watchful for rule in fit), plain=not (published or fit or grouped or default.limited),
    )  # fmt: skip


def live_rules(authored: Mapping[int, Rule], published: Mapping[str, Published]) -> dict[str, list[Rule]]:
    """Return the rules in force, inactive ones too, by profile, each id once."""
    own = [rule for rule in authored.values() if rule.profile_id == DEFAULT_PROFILE]
    return {DEFAULT_PROFILE: own} | {profile_id: one.body.rules for profile_id, one in published.items()}


def _by_id(rule: FitRule) -> int:
    return rule.id


_NEW_SHAPE: Final = (_DEFAULT.shape, list[bool]())
NO_RULES: Final = OrgRules()
