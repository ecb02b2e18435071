"""What one edit of one object changes, before anything is written.

Laws: a refusal is a value with a closed reason; a partial put keeps what it does not name, and null clears; an edit
that changes nothing writes nothing; a key of some sites sees the rules of those sites only, and edits nothing that
belongs to all of them.  Pure: the same log, edit and time give the same plan.  Source: contract section 3, decision
0006.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, cast

from schemas.authored import DEFAULT_PROFILE
from schemas.config_headers import RequestMark
from schemas.times import format_time
from stream_app.authoring.config_log import AuthoredKey, Body, ConfigLog, Kind, Stored
from stream_app.authoring.lint import Problem
from stream_app.authoring.puts import STORED, Change, Plan, plan_put
from stream_app.scoring.rulebook import ConfigRecord

NEVER_PUT: Final = 0  # the version of the profile ``default`` before its first record
Sites = frozenset[str]
Reason = Literal[
    "invalid", "not_found", "changed_meanwhile", "other_site", "too_many_rules", "key_reused", "default_profile"
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """Add an object with an id of its own; ``fields`` is decoded JSON, ``sites`` None are all sites of the org."""

    kind: Kind
    org_id: str
    fields: object
    sites: Sites | None = None
    mark: RequestMark | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Change an object, wholly or what is named; ``versions`` are those it must have, None any."""

    key: AuthoredKey
    fields: object
    partial: bool
    versions: frozenset[int] | None = None
    sites: Sites | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Delete an object."""

    key: AuthoredKey
    versions: frozenset[int] | None = None
    sites: Sites | None = None


Edit = Create | Put | Delete


@dataclass(frozen=True, slots=True)
class Failed:
    """Nothing was changed, and why."""

    reason: Reason
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """An edit in force from rulebook ``version`` on; ``stored`` None: deleted."""

    key: AuthoredKey
    stored: Stored | None
    version: int
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """One record to be written; ``revision`` is the one that it gives the object."""

    change: Change
    revision: int
    warnings: tuple[Problem, ...] = ()
    mark: RequestMark | None = None

    def done(self, record: ConfigRecord) -> Done:
        """Return the outcome, once the record is committed."""
        version = record.offset + 1
        stored = None if record.value is None else Stored(json.loads(record.value), version, self.revision)
        return Done(self.change.key, stored, version, self.warnings)


def plan_edit(log: ConfigLog, edit: Edit, now: int) -> Planned | Done | Failed:
    """Return what is to be written, or the outcome when nothing is; ``now`` in ms."""
    match edit:
        case Create():
            return _create(log, edit, now)
        case Put():
            return _put(log, edit, now)
        case Delete():
            return _delete(log, edit)


def version_of(stored: Stored | None) -> int:
    """Return the rulebook version that an object is of; the profile ``default`` is there without a record."""
    return NEVER_PUT if stored is None else stored.version


def visible(body: Body, sites: Sites | None) -> bool:
    """Tell whether a key of some sites sees a rule."""
    return sites is None or body.get("siteId") in sites


def _create(log: ConfigLog, edit: Create, now: int) -> Planned | Done | Failed:
    plan = plan_put(edit.kind, log, edit.org_id, [edit.fields], format_time(now))
    made = None if edit.mark is None else log.made_by(edit.org_id, edit.mark.key, now)
    if made is not None and edit.mark is not None:
        if (made.sha256, made.key.kind) != (edit.mark.sha256, edit.kind):
            return Failed("key_reused")
        if not visible(made.stored.body, edit.sites):
            return Failed("other_site")
        return Done(made.key, made.stored, made.stored.version, _warnings(plan))
    if "id" in _fields(edit.fields):
        return Failed("invalid", (Problem("/id", "read_only", "leadstream gives the id"),))
    planned = _planned(plan, edit.sites, revision=1)
    return replace(planned, mark=edit.mark) if isinstance(planned, Planned) else planned


def _put(log: ConfigLog, edit: Put, now: int) -> Planned | Done | Failed:
    stored = log.find(edit.key)
    if (failed := _unmet(edit, stored)) is not None:
        return failed
    fields, item = _fields(edit.fields), edit.fields
    if isinstance(item, dict):
        if str(fields.get("id", edit.key.id)) != edit.key.id:
            return Failed("invalid", (Problem("/id", "wrong_id", f"this is {edit.key.kind} {edit.key.id}"),))
        kept = {name: value for name, value in stored.body.items() if name not in STORED} if stored else {}
        item = {**(kept if edit.partial else {}), **fields, "id": edit.key.id}
    plan = plan_put(edit.key.kind, log, edit.key.org_id, [item], format_time(now))
    planned = _planned(plan, edit.sites, revision=1 if stored is None else stored.revision + 1)
    if isinstance(planned, Planned) and planned.change.action == "keep":
        return Done(edit.key, stored, log.version, planned.warnings)
    return planned


def _delete(log: ConfigLog, edit: Delete) -> Planned | Failed:
    stored = log.find(edit.key)
    if (failed := _unmet(edit, stored)) is not None:
        return failed
    if stored is None or edit.key.kind == "profile":
        return Failed("default_profile")
    return Planned(Change("delete", edit.key, str(stored.body.get("name", "")), None), stored.revision + 1)


def _unmet(edit: Put | Delete, stored: Stored | None) -> Failed | None:
    """Return why an object may not be edited."""
    if edit.key.kind == "profile" and edit.sites is not None:
        return Failed("other_site")
    missing = stored is None and (edit.key.kind, edit.key.id) != ("profile", DEFAULT_PROFILE)
    if missing or (stored is not None and not visible(stored.body, edit.sites)):
        return Failed("not_found")
    if edit.versions is not None and version_of(stored) not in edit.versions:
        return Failed("changed_meanwhile")
    return None


def _planned(plan: Plan, sites: Sites | None, *, revision: int) -> Planned | Failed:
    """Return the one change of a plan, or why there is none."""
    if plan.refused:
        reason = "too_many_rules" if any(one.code == "too_many_rules" for one in plan.problems) else "invalid"
        return Failed(reason, tuple(_unplaced(one) for one in plan.problems if one.severity == "error"))
    change = plan.changes[0]
    if not visible(json.loads(change.value or b"{}"), sites):
        return Failed("other_site")
    return Planned(change, revision, _warnings(plan))


def _warnings(plan: Plan) -> tuple[Problem, ...]:
    return tuple(_unplaced(problem) for problem in plan.problems if problem.severity == "warning")


def _unplaced(problem: Problem) -> Problem:
    """Return a problem of a list's only item as one of the item itself."""
    return replace(problem, pointer=problem.pointer.removeprefix("/0"))


def _fields(value: object) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], value) if isinstance(value, dict) else {}
