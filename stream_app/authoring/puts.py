"""Plan what putting a list of objects changes, before anything is written.

Laws: an item with an id replaces that object, one without is added; an id that was deleted is never given again; an
equal body changes nothing; ``prune`` deletes what the list lacks, but never the profile ``default``.  Pure: the same
log, list and time give the same plan.  Source: contract section 4, semantics S12, S30.
"""

from collections.abc import Iterator, Sequence

from stream_app.authoring.changes import Plan, placed
from stream_app.authoring.config_log import ConfigLog, Kind
from stream_app.authoring.problems import Problem, pointer
from stream_app.authoring.profile_puts import ProfilePuts, lint_put_profile, lint_rules_in
from stream_app.authoring.put_warnings import put_warnings
from stream_app.authoring.rule_puts import RulePuts, lint_put_rule


def plan_put(
    kind: Kind, log: ConfigLog, org_id: str, items: Sequence[object], at: str, *, prune: bool = False,
    new_ids: bool = True,
) -> Plan:  # fmt: skip
    """Return the plan for an org; ``at`` is the time in output form; pointers begin with the item's index.

    ``new_ids`` tells whether the author may give ids of his own to new rules.
    """
    if kind == "rule":
        return _plan_rules(RulePuts(log, org_id, at, new_ids=new_ids), log, items, at, prune=prune)
    profiles = ProfilePuts(log, org_id, at, new_ids=new_ids)
    for index, item in enumerate(items):
        profiles.take(pointer(index), item)
    if prune:
        profiles.delete_others()
    profiles.judge()
    rules = profiles.rules
    rules.limit()
    changes = {**rules.changes, **profiles.changes}
    gone = {key for key, change in changes.items() if change.action == "delete"}
    warnings = put_warnings({**profiles.put, **rules.put}, gone, log, at)
    return Plan(tuple(changes.values()), (*profiles.problems, *rules.problems, *warnings))


def lint_items(kind: Kind, items: Sequence[object]) -> tuple[Problem, ...]:
    """Judge a list without knowing what exists; pointers begin with the item's index."""
    return tuple(problem for index, item in enumerate(items) for problem in placed(pointer(index), _lint(kind, item)))


def _lint(kind: Kind, item: object) -> Iterator[Problem]:
    if kind == "rule":
        yield from lint_put_rule(item).problems
    else:
        yield from lint_put_profile(item).problems
        yield from lint_rules_in(item)


def _plan_rules(rules: RulePuts, log: ConfigLog, items: Sequence[object], at: str, *, prune: bool) -> Plan:
    for index, item in enumerate(items):
        rules.take(pointer(index), item)
    if prune:
        rules.delete_others()
    rules.limit()
    gone = {key for key, change in rules.changes.items() if change.action == "delete"}
    return Plan(tuple(rules.changes.values()), (*rules.problems, *put_warnings(rules.put, gone, log, at)))
