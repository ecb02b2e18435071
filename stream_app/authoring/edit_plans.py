"""What one edit of one object changes, before anything is written.

Laws: a partial put keeps what it does not name, and null clears; an edit that changes nothing writes nothing; a key of
some sites sees the rules of those sites only, and edits nothing that belongs to all of them.  Pure: the same log, edit
and time give the same plan.  Source: contract section 3, decision 0006.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from schemas.authored import DEFAULT_PROFILE
from schemas.times import format_time
from stream_app.authoring.changes import STORED, Change, Plan, fields_of, given_id
from stream_app.authoring.config_log import AuthoredKey, Body, ConfigLog, Kind, Stored
from stream_app.authoring.drafts import formulas_of, published_formulas
from stream_app.authoring.edits import (
    Act,
    Create,
    Delete,
    Done,
    Edit,
    Failed,
    Planned,
    Put,
    Reason,
    Sites,
    visible,
)
from stream_app.authoring.problems import Problem
from stream_app.authoring.profile_puts import formula_users, in_use
from stream_app.authoring.publishing import Refused, plan_act
from stream_app.authoring.puts import plan_put

LIMITS: Final[Mapping[str, Reason]] = {"too_many_rules": "too_many_rules", "too_many_profiles": "too_many_profiles"}


def plan_edit(log: ConfigLog, edit: Edit, now: int) -> Planned | Done | Failed:
    """Return what is to be written, or the outcome when nothing is; ``now`` in ms."""
    match edit:
        case Create():
            return _create(log, edit, now)
        case Put():
            return _put(log, edit, now)
        case Delete():
            return _delete(log, edit)
        case Act():
            return _act(log, edit, now)


def _create(log: ConfigLog, edit: Create, now: int) -> Planned | Done | Failed:
    if edit.kind == "profile" and edit.sites is not None:
        return Failed("other_site")
    plan = plan_put(edit.kind, log, edit.org_id, [edit.fields], format_time(now), new_ids=False)
    if (repeated := _repeated(log, edit, edit.org_id, edit.kind, now)) is not None:
        return replace(repeated, warnings=_warnings(plan)) if isinstance(repeated, Done) else repeated
    given = given_id(fields_of(edit.fields))
    if edit.kind == "rule" and "id" in fields_of(edit.fields):
        return Failed("invalid", (Problem("/id", "read_only", "leadstream gives the id"),))
    taken = edit.kind == "profile" and given in (DEFAULT_PROFILE, *log.objects("profile", edit.org_id))
    if taken and not plan.refused:
        return Failed("id_taken", (Problem("/id", "id_taken", f"there is a profile {given} already"),))
    planned = _planned(log, plan, edit.sites, revision=1)
    return replace(planned, mark=edit.mark) if isinstance(planned, Planned) else planned


def _put(log: ConfigLog, edit: Put, now: int) -> Planned | Done | Failed:
    stored = log.find(edit.key)
    if (failed := _unmet(log, edit, stored)) is not None:
        return failed
    fields, item = fields_of(edit.fields), edit.fields
    if isinstance(item, dict):
        if str(fields.get("id", edit.key.id)) != edit.key.id:
            return Failed("invalid", (Problem("/id", "wrong_id", f"this is {edit.key.kind} {edit.key.id}"),))
        kept = {name: value for name, value in stored.body.items() if name not in STORED} if stored else {}
        item = {**(kept if edit.partial else {}), **fields, "id": edit.key.id}
    plan = plan_put(edit.key.kind, log, edit.key.org_id, [item], format_time(now), new_ids=False)
    planned = _planned(log, plan, edit.sites, revision=1 if stored is None else stored.revision + 1)
    if isinstance(planned, Planned) and planned.changes[-1].action == "keep":
        return _unchanged(log, edit.key, planned.warnings)
    return planned


def _delete(log: ConfigLog, edit: Delete) -> Planned | Failed:
    stored, key = log.find(edit.key), edit.key
    if (failed := _unmet(log, edit, stored)) is not None:
        return failed
    if stored is None or (key.kind, key.id) == ("profile", DEFAULT_PROFILE):
        return Failed("default_profile")
    if key.kind == "profile":
        rules = [f"rule {rule['id']}" for rule in log.rules_of(key.org_id, key.id)]
        written, published = formulas_of(log, key.org_id), published_formulas(log, key.org_id)
        if users := [*rules, *formula_users(written, published, key.id, [key.id])]:
            return Failed("in_use", (in_use(key.id, users),))
    return Planned((Change("delete", key, str(stored.body.get("name", "")), None),), stored.revision + 1)


def _act(log: ConfigLog, edit: Act, now: int) -> Planned | Done | Failed:
    if edit.sites is not None:
        return Failed("other_site")
    if (repeated := _repeated(log, edit, edit.key.org_id, "profile", now)) is not None:
        return repeated
    stored = log.find(edit.key)
    if (failed := _unmet(log, edit, stored)) is not None:
        return failed
    planned = plan_act(log, edit.key, edit.action, edit.version, format_time(now))
    if isinstance(planned, Refused):
        return Failed(planned.reason, planned.problems)
    if not planned.changes or stored is None:
        return _unchanged(log, edit.key, planned.warnings)
    rules = _rules_after(log, edit.key, planned.changes)
    return Planned(planned.changes, stored.revision + 1, planned.warnings, edit.mark, rules)


def _repeated(log: ConfigLog, edit: Create | Act, org_id: str, kind: Kind, now: int) -> Done | Failed | None:
    """Return what a request did before, if it is repeated."""
    made = None if edit.mark is None else log.made_by(org_id, edit.mark.key, now)
    if made is None or edit.mark is None:
        return None
    if (made.sha256, made.key.kind) != (edit.mark.sha256, kind):
        return Failed("key_reused")
    if not visible(made.stored.body, edit.sites):
        return Failed("other_site")
    version = made.stored.version
    return Done(made.key, made.stored, version, (), version, made.rules)


def _unchanged(log: ConfigLog, key: AuthoredKey, warnings: tuple[Problem, ...]) -> Done:
    """Return the outcome of an edit after which all is as before."""
    rules = log.rules_of(key.org_id, key.id) if key.kind == "profile" else ()
    return Done(key, log.find(key), log.version, warnings, log.version_of(key), rules)


def _unmet(log: ConfigLog, edit: Put | Delete | Act, stored: Stored | None) -> Failed | None:
    """Return why an object may not be edited."""
    if edit.key.kind == "profile" and edit.sites is not None:
        return Failed("other_site")
    missing = stored is None and (edit.key.kind, edit.key.id) != ("profile", DEFAULT_PROFILE)
    if missing or (stored is not None and not visible(stored.body, edit.sites)):
        return Failed("not_found")
    if edit.versions is not None and log.version_of(edit.key) not in edit.versions:
        return Failed("changed_meanwhile")
    return None


def _planned(log: ConfigLog, plan: Plan, sites: Sites | None, *, revision: int) -> Planned | Failed:
    """Return the changes of a plan for one object, or why there are none."""
    if plan.refused:
        errors = [one for one in plan.problems if one.severity == "error"]
        limits: list[Reason] = [LIMITS[one.code] for one in errors if one.code in LIMITS]
        return Failed(limits[0] if limits else "invalid", tuple(_unplaced(one) for one in errors))
    change = plan.changes[-1]
    if not visible(json.loads(change.value or b"{}"), sites):
        return Failed("other_site")
    changes = plan.written or (change,)
    rules = _rules_after(log, change.key, plan.changes) if change.key.kind == "profile" else ()
    return Planned(changes, revision, _warnings(plan), rules=rules)


def _rules_after(log: ConfigLog, key: AuthoredKey, changes: Iterable[Change]) -> tuple[Body, ...]:
    """Return the rules of a profile once changes of it are made."""
    rules = {str(rule["id"]): rule for rule in log.rules_of(key.org_id, key.id)}
    for change in changes:
        if change.key.kind == "rule":
            rules.pop(change.key.id, None)
            if change.value is not None:
                rules[change.key.id] = json.loads(change.value)
    return tuple(rules[rule_id] for rule_id in sorted(rules, key=int))


def _warnings(plan: Plan) -> tuple[Problem, ...]:
    return tuple(_unplaced(problem) for problem in plan.problems if problem.severity == "warning")


def _unplaced(problem: Problem) -> Problem:
    """Return a problem of a list's only item as one of the item itself."""
    return replace(problem, pointer=problem.pointer.removeprefix("/0"))
