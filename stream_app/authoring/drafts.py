"""A profile as it is written and as it scores: its draft, what is published of it, and whether they differ.

Laws: the draft of a profile is the body of its newest record and the rules that name it; it is "published" exactly when
a publish would change nothing, times aside; ``default`` is live as it is written.  Pure.
Source: S30, S31, decisions 0012 and 0016.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from schemas.authored import DEFAULT_PROFILE, ProfileRecord, PublishedProfile, Rule
from schemas.profiles import ProfileBody
from stream_app.authoring.config_log import AuthoredKey, Body, ConfigLog, Publish, Stored

ADDED: Final = ("status", "version", "draft", "published")  # what an answer says beside the body; taken back, not read
_FIELDS: Final = tuple(str(field.alias) for field in ProfileBody.model_fields.values())


def record_of(key: AuthoredKey, body: Body) -> ProfileRecord:
    """Return the record of a profile other than ``default``; one that nobody can read is an empty draft."""
    try:
        return ProfileRecord.model_validate_json(json.dumps(body))
    except ValidationError:
        times = {name: str(body.get(name, "")) for name in ("createdAt", "updatedAt")}
        flat = {name: body[name] for name in _FIELDS if name in body}
        return ProfileRecord.model_validate(
            {"id": key.id, "orgId": key.org_id, **times, "status": "draft", "version": 0, "published": None,
             "draft": _readable(flat)}
        )  # fmt: skip


def body_of(key: AuthoredKey, stored: Stored | None) -> ProfileBody:
    """Return the body of a profile as it is written."""
    if stored is None:
        return ProfileBody()
    if key.id == DEFAULT_PROFILE:
        return _readable({name: stored.body[name] for name in _FIELDS if name in stored.body})
    record = record_of(key, stored.body)
    return record.draft or unruled(record.published or PublishedProfile())


def unruled(published: PublishedProfile) -> ProfileBody:
    """Return what a publish froze, without its rules."""
    return ProfileBody.model_validate(published.model_dump(exclude={"rules"}))


def frozen(rules: Iterable[Body]) -> list[Rule]:
    """Return rules as a publish freezes them, in id order; what is no rule never scores and is left out."""
    found: list[Rule] = []
    for body in rules:
        try:
            found.append(Rule.model_validate_json(json.dumps(body)))
        except ValidationError:
            continue
    return sorted(found, key=lambda rule: rule.id)


def pending(draft: PublishedProfile, published: PublishedProfile | None) -> bool:
    """Tell whether a publish of a draft would change what is published."""
    return published is None or said(draft, timeless=True) != said(published, timeless=True)


def said(body: PublishedProfile, *, timeless: bool = False) -> dict[str, Any]:
    """Return a body and its rules as JSON."""
    told = body.model_dump(mode="json", by_alias=True)
    if timeless:
        told["rules"] = [{**rule, "createdAt": "", "updatedAt": ""} for rule in told["rules"]]
    return told


def draft_of(body: ProfileBody, rules: Iterable[Rule]) -> PublishedProfile:
    """Return a body and its rules as one value, whether or not they may be together."""
    return PublishedProfile.model_construct(**dict(body), rules=list(rules))


def shown(key: AuthoredKey, stored: Stored | None, rules: Iterable[Body]) -> dict[str, Any]:
    """Return a profile with its rules as it is answered: the body as written, what scores, and what waits."""
    body = body_of(key, stored)
    draft = draft_of(body, frozen(rules))
    kept: Mapping[str, Any] = {} if stored is None else stored.body
    if key.id == DEFAULT_PROFILE:
        version, waits, published = 0 if stored is None else stored.revision, False, draft
    else:
        record = record_of(key, kept)
        version, waits, published = record.version, pending(draft, record.published), record.published
    return {
        "id": key.id, "orgId": key.org_id, **body.model_dump(mode="json", by_alias=True),
        "status": "draft" if waits else "published", "version": version,
        "draft": said(draft) if waits else None, "published": None if published is None else said(published),
        "createdAt": kept.get("createdAt"), "updatedAt": kept.get("updatedAt"),
    }  # fmt: skip


def shown_of(log: ConfigLog, key: AuthoredKey) -> dict[str, Any]:
    """Return a profile as it is answered now."""
    return shown(key, log.find(key), log.rules_of(key.org_id, key.id))


def told_versions(key: AuthoredKey, publishes: Iterable[Publish]) -> list[dict[str, Any]]:
    """Return publishes as they are answered."""
    told: list[dict[str, Any]] = []
    for one in publishes:
        body = record_of(key, json.loads(one.value())).published or PublishedProfile()
        told.append({"version": one.version, "at": one.at, "rulebookVersion": one.rulebook_version, "body": said(body)})
    return told


def formulas_of(log: ConfigLog, org_id: str) -> dict[str, tuple[str, ...]]:
    """Return what each profile is made of as it is written, nothing where it has no formula."""
    return {one: _operands(_written(body)) for one, body in log.objects("profile", org_id).items()}


def published_formulas(log: ConfigLog, org_id: str) -> dict[str, tuple[str, ...]]:
    """Return the same of what is published, of each profile but ``default`` of which something is."""
    records = log.objects("profile", org_id).items()
    published = {one: body.get("published") for one, body in records if one != DEFAULT_PROFILE}
    return {one: _operands(body) for one, body in published.items() if isinstance(body, dict)}


def _written(body: Body) -> Any:
    return next((body[part] for part in ("draft", "published") if isinstance(body.get(part), dict)), body)


def _operands(body: Any) -> tuple[str, ...]:
    """Return the operands of a body as it is kept; there are many of these to look at, so they are not judged."""
    formula = body.get("formula")
    average = formula.get("average") if isinstance(formula, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] JSON
    return tuple(map(str, average)) if isinstance(average, list) else ()  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] JSON


def why_unpaid(log: ConfigLog, org_id: str, profile_id: str) -> str | None:
    """Return why no points can be given in a profile, None when they can."""
    key = AuthoredKey("profile", org_id, profile_id)
    stored = log.find(key)
    if profile_id == DEFAULT_PROFILE:
        return None
    if stored is None:
        return "the org has no such profile"
    published = record_of(key, stored.body).published
    if published is None:
        return "that profile is not published"
    return None if published.formula is None else "the score of that profile is made of others"


def _readable(fields: Mapping[str, Any]) -> ProfileBody:
    try:
        return ProfileBody.model_validate_json(json.dumps(fields))
    except ValidationError:
        return ProfileBody()
