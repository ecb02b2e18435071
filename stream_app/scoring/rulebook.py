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
from stream_app.scoring.org_fold import OrgFold
from stream_app.scoring.org_rules import NO_RULES, OrgRules
from stream_app.scoring.profiles import operands_of, refers_to

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


def fold(rulebook: Rulebook, records: Iterable[ConfigRecord]) -> Folded:
    """Return the Rulebook after more config records, which come in offset order."""
    version, unknown = rulebook.version, 0
    drafts: dict[str, OrgFold] = {}
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
        draft = drafts.setdefault(org_id, OrgFold(rulebook.org(org_id)))
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


def _take_rule(draft: OrgFold, org_id: str, object_id: str, value: bytes | None, version: int) -> str | None:
    """Fold one rule record in; return why not."""
    if value is None:
        rule_id = int(object_id) if object_id.isdecimal() and len(object_id) < 20 else 0
        known = draft.delete(rule_id)
        draft.count_silences(version)
        return None if known else "there is no such rule"
    try:
        rule = Rule.model_validate_json(value)
    except ValidationError as error:
        return _explain(error)
    if (rule.org_id, str(rule.id)) != (org_id, object_id):
        return "the key and the body disagree"
    draft.write(rule)
    draft.count_silences(version)
    return None


def _take_profile(draft: OrgFold, org_id: str, object_id: str, value: bytes | None, version: int) -> str | None:
    """Fold one profile record in; return why not."""
    if value is None:
        if object_id == DEFAULT_PROFILE:
            draft.profile = None
            draft.count_decays(version, "")
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
    draft.count_decays(version, profile.updated_at)
    return None


def _publish(draft: OrgFold, profile_id: str, record: ProfileRecord | None, version: int) -> str | None:
    """Fold in what of a profile is published, if anything; return why not."""
    body = None if record is None else record.published
    if record is None or body is None:
        draft.unpublish(profile_id)
    elif refers_to(_formulas_beside(draft, profile_id), operands_of(body), profile_id):
        return "the formula leads back to its own profile"
    else:
        draft.publish(profile_id, record.version, body)
    draft.count_silences(version, record)
    draft.count_decays(version, "" if record is None else record.updated_at)
    return None


def _formulas_beside(draft: OrgFold, profile_id: str) -> dict[str, tuple[str, ...]]:
    return {one: operands_of(published.body) for one, published in draft.published.items() if one != profile_id}


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
