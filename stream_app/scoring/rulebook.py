"""The Rulebook: all published bodies of all orgs at one version, compiled for lookup.

Laws: immutable; folding config records gives the next one and shares every org that did not change; version = offset
of the newest record + 1, whatever the record says; a value that cannot be read leaves the earlier body in force and is
reported (a value, no exception).  Rules fire in the order of their ids (S10).
Reads config records: key ``kind:orgId:id``, value the authored object as JSON, null = deleted.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec
from pydantic import ValidationError

from schemas.authored import DEFAULT_PROFILE, Profile, Rule, Threshold
from schemas.ids import valid_org
from stream_app.scoring.pages import NO_PAGES, Pages
from stream_app.scoring.rules import RulesOfType, compile_types
from stream_app.scoring.thresholds import NO_THRESHOLDS, Thresholds

RULE: Final = "rule"
PROFILE: Final = "profile"


class ConfigRecord(NamedTuple):
    """One record of ``config``; the last two, broker time in ms and headers, do not count for the Rulebook."""

    key: bytes
    value: bytes | None
    offset: int
    written_at: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


class Ignored(NamedTuple):
    """A config record that changes nothing although its kind is known, and why."""

    key: bytes
    offset: int
    reason: str


class OrgRules(msgspec.Struct, frozen=True):
    """What one org has published; ``rules`` holds inactive ones too, ``by_type`` and ``pages`` only what can pay."""

    rules: Mapping[int, Rule] = {}
    profile: Profile | None = None
    by_type: Mapping[str, RulesOfType] = {}
    thresholds: Thresholds = NO_THRESHOLDS
    pages: Pages = NO_PAGES


class Rulebook(msgspec.Struct, frozen=True):
    """All orgs at one version; 0 while ``config`` is empty."""

    version: int = 0
    orgs: Mapping[str, OrgRules] = {}

    def org(self, org_id: str) -> OrgRules:
        """Return what an org has published; an unknown one has nothing (D9)."""
        return self.orgs.get(org_id, NO_RULES)

    def rule_name(self, org_id: str, rule_id: int) -> str | None:
        """Return a rule's live name, None after its deletion (D16)."""
        rule = self.org(org_id).rules.get(rule_id)
        return None if rule is None else rule.name


class Folded(NamedTuple):
    """The next Rulebook, what was ignored, and the number of records of unknown kinds."""

    rulebook: Rulebook
    ignored: tuple[Ignored, ...]
    unknown_kinds: int


NO_RULES: Final = OrgRules()
EMPTY_RULEBOOK: Final = Rulebook()


class _Draft:
    """One org while records are folded into it; its compilation waits for the last of them."""

    def __init__(self, org: OrgRules) -> None:
        self.rules, self.profile = dict(org.rules), org.profile

    def compiled(self) -> OrgRules:
        """Return the org, compiled."""
        rules = {rule_id: self.rules[rule_id] for rule_id in sorted(self.rules)}
        live = [rule for rule in rules.values() if rule.active and rule.profile_id == DEFAULT_PROFILE]
        return OrgRules(rules, self.profile, compile_types(live), _thresholds(self.profile), Pages(live))


def fold(rulebook: Rulebook, records: Iterable[ConfigRecord]) -> Folded:
    """Return the Rulebook after more config records, which come in offset order."""
    version, unknown = rulebook.version, 0
    drafts: dict[str, _Draft] = {}
    ignored: list[Ignored] = []
    for record in records:
        version = record.offset + 1
        kind, org_id, object_id = _split(record.key)
        if kind not in {RULE, PROFILE}:
            unknown += 1
            continue
        if valid_org(org_id) is None:
            ignored.append(Ignored(record.key, record.offset, "the key holds no org id"))
            continue
        draft = drafts.setdefault(org_id, _Draft(rulebook.org(org_id)))
        take = _take_rule if kind == RULE else _take_profile
        if reason := take(draft, org_id, object_id, record.value):
            ignored.append(Ignored(record.key, record.offset, reason))
    orgs = {**rulebook.orgs, **{org_id: draft.compiled() for org_id, draft in drafts.items()}}
    return Folded(Rulebook(version, orgs), tuple(ignored), unknown)


def _split(key: bytes) -> tuple[str, str, str]:
    kind, _, rest = key.decode(errors="replace").partition(":")
    org_id, _, object_id = rest.partition(":")
    return kind, org_id, object_id


def _take_rule(draft: _Draft, org_id: str, object_id: str, value: bytes | None) -> str | None:
    """Fold one rule record in; return why not."""
    if value is None:
        rule_id = int(object_id) if object_id.isdecimal() and len(object_id) < 20 else 0
        return None if draft.rules.pop(rule_id, None) else "there is no such rule"
    try:
        rule = Rule.model_validate_json(value)
    except ValidationError as error:
        return _explain(error)
    if (rule.org_id, str(rule.id)) != (org_id, object_id):
        return "the key and the body disagree"
    draft.rules[rule.id] = rule
    return None


def _take_profile(draft: _Draft, org_id: str, object_id: str, value: bytes | None) -> str | None:
    """Fold one profile record in; return why not."""
    if object_id != DEFAULT_PROFILE:
        return "only the default profile scores so far"
    if value is None:
        draft.profile = None
        return None
    try:
        profile = Profile.model_validate_json(value)
    except ValidationError as error:
        return _explain(error)
    if (profile.org_id, profile.id) != (org_id, object_id):
        return "the key and the body disagree"
    draft.profile = profile
    return None


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _thresholds(profile: Profile | None) -> Thresholds:
    if profile is None or not profile.thresholds:
        return NO_THRESHOLDS
    return Thresholds(
        (threshold.value, threshold.hysteresis) if isinstance(threshold, Threshold) else (threshold, 0)
        for threshold in profile.thresholds
    )
