"""The Rulebook: all published bodies of all orgs at one version, folded from ``config`` (compiled by `org_rules`).

Laws: immutable; folding config records gives the next one and shares every org that did not change; version = offset
of the newest record + 1, whatever the record says; a value that cannot be read leaves the earlier body in force and is
reported (a value, no exception).  Rules fire in the order of their ids (S10).
Of a profile other than ``default`` only what a publish froze is in it; its rule records are a draft (S31).
Reads config records: key ``kind:orgId:id``, value the authored object as JSON, null = deleted.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec
from pydantic import ValidationError

from schemas.authored import DEFAULT_PROFILE, Profile, ProfileRecord, Rule
from schemas.ids import valid_org
from stream_app.scoring.inactivity import compile_silences, live_since
from stream_app.scoring.org_rules import NO_RULES, ClockRules, OrgRules, Published, compile_org, live_rules
from stream_app.scoring.profiles import refers_to

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


class Rulebook(msgspec.Struct, frozen=True):
    """All orgs at one version, 0 while ``config`` is empty; ``watches`` as some org's does."""

    version: int = 0
    orgs: Mapping[str, OrgRules] = {}
    watches: bool = False

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


EMPTY_RULEBOOK: Final = Rulebook()


class _Draft:
    """One org while records are folded into it; its compilation waits for the last of them."""

    def __init__(self, org: OrgRules) -> None:
        self.authored, self.profile, self.published = dict(org.authored), org.profile, dict(org.published)
        self.clock, self.since = org.clock, dict(org.clock.since)
        frozen = (rule for one in self.published.values() for rule in one.body.rules)
        self.any_silence = any(rule.inactivity is not None for rule in (*self.authored.values(), *frozen))
        self.silences = self._live_silences()

    def compiled(self) -> OrgRules:
        """Return the org, compiled."""
        return compile_org(self.authored, self.profile, self.published, self.clock)

    def meet(self, rules: Iterable[Rule]) -> None:
        """Note that a record brings rules."""
        self.any_silence = self.any_silence or any(rule.inactivity is not None for rule in rules)

    def count_silences(self, version: int, published: ProfileRecord | None = None) -> None:
        """Note since when each rule in force pays for silence, after a record, perhaps of a publish (D25)."""
        before, self.silences = self.silences, self._live_silences()
        if before == self.silences:
            return
        for rule_id, rule in self.silences.items():
            after = rule
            if published is not None and rule.profile_id == published.id:
                after = rule.model_copy(update={"updated_at": published.updated_at})
            self.since[rule_id] = live_since(before.get(rule_id), self.since.get(rule_id, 0), after)
        for rule_id in before.keys() - self.silences.keys():
            del self.since[rule_id]
        silences = compile_silences((rule for rule in self.silences.values() if rule.active), self.since)
        if silences != self.clock.silences:
            shortest = min((silence.period_ms for silence in silences), default=0)
            self.clock = ClockRules(version, silences, dict(self.since), shortest)

    def _live_silences(self) -> dict[int, Rule]:
        """Return the rules in force that pay for silence; of a draft, and of an org without such rules, none."""
        if not self.any_silence:
            return {}
        live = live_rules(self.authored, self.published).values()
        return {rule.id: rule for rules in live for rule in rules if rule.inactivity is not None}


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
        if reason := take(draft, org_id, object_id, record.value, version):
            ignored.append(Ignored(record.key, record.offset, reason))
    orgs = {**rulebook.orgs, **{org_id: draft.compiled() for org_id, draft in drafts.items()}}
    watches = any(org.watches for org in orgs.values())
    return Folded(Rulebook(version, orgs, watches), tuple(ignored), unknown)


def _split(key: bytes) -> tuple[str, str, str]:
    kind, _, rest = key.decode(errors="replace").partition(":")
    org_id, _, object_id = rest.partition(":")
    return kind, org_id, object_id


def _take_rule(draft: _Draft, org_id: str, object_id: str, value: bytes | None, version: int) -> str | None:
    """Fold one rule record in; return why not."""
    if value is None:
        rule_id = int(object_id) if object_id.isdecimal() and len(object_id) < 20 else 0
        before = draft.authored.pop(rule_id, None)
        draft.count_silences(version)
        return None if before else "there is no such rule"
    try:
        rule = Rule.model_validate_json(value)
    except ValidationError as error:
        return _explain(error)
    if (rule.org_id, str(rule.id)) != (org_id, object_id):
        return "the key and the body disagree"
    draft.authored[rule.id] = rule
    draft.meet([rule])
    draft.count_silences(version)
    return None


def _take_profile(draft: _Draft, org_id: str, object_id: str, value: bytes | None, version: int) -> str | None:
    """Fold one profile record in; return why not."""
    if value is None:
        if object_id == DEFAULT_PROFILE:
            draft.profile = None
        return _publish(draft, object_id, None, version)
    model = Profile if object_id == DEFAULT_PROFILE else ProfileRecord
    try:
        profile = model.model_validate_json(value)
    except ValidationError as error:
        return _explain(error)
    if (profile.org_id, profile.id) != (org_id, object_id):
        return "the key and the body disagree"
    if isinstance(profile, ProfileRecord):
        return _publish(draft, profile.id, profile, version)
    draft.profile = profile
    return None


def _publish(draft: _Draft, profile_id: str, record: ProfileRecord | None, version: int) -> str | None:
    """Fold in what of a profile is published, if anything; return why not."""
    earlier = draft.published.pop(profile_id, None)
    body = None if record is None else record.published
    if record is not None and body is not None:
        formulas = {one: published.operands for one, published in draft.published.items()}
        now = Published(record.version, body)
        if refers_to(formulas, now.operands, profile_id):
            if earlier is not None:
                draft.published[profile_id] = earlier
            return "the formula leads back to its own profile"
        draft.published[profile_id] = now
    draft.meet([] if body is None else body.rules)
    draft.count_silences(version, record)
    return None


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
