"""Condition trees (S36, S55, D27): a tree becomes one predicate over what is known of a contact.

Laws: compiled once per rulebook; type-strict as filters are (S11, D2): numbers by value and apart from booleans, no
order between a number and a text; a missing attribute is false for all but neq, and null is a value like any other;
the attribute ``lead_score`` is the score of ``default``.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, cast

from schemas.authored import DEFAULT_PROFILE
from schemas.conditions import Condition
from schemas.state import Facts
from stream_app.scoring.filters import MISSING, reach, same

LEAD_SCORE: Final = "lead_score"

Compare = Callable[[Any, Any], bool]


class Known(NamedTuple):
    """What conditions may ask of a contact; ``score`` gives what a profile shows."""

    facts: Facts
    score: Callable[[str], int]


Test = Callable[[Known], bool]


def compile_condition(condition: Condition) -> Test:
    """Return the predicate of a tree."""
    if condition.conditions is None:
        return _leaf(condition)
    tests = [compile_condition(inner) for inner in condition.conditions]
    if condition.operator == "NOT":
        return lambda known: not tests[0](known)
    combine = all if condition.operator == "AND" else any
    return lambda known: combine(test(known) for test in tests)


def asks_at_every_input(condition: Condition) -> bool:
    """Tell whether a tree may change without a change of facts: it has a negation (D24), or asks for a score."""
    negated = any(node.operator == "NOT" or node.op == "neq" for node in condition.nodes())
    return negated or bool(scores_asked(condition))


def scores_asked(condition: Condition) -> frozenset[str]:
    """Return the ids of the profiles whose scores a tree asks for."""
    asked = map(_profile_asked, condition.nodes())
    return frozenset(profile_id for profile_id in asked if profile_id is not None)


def _profile_asked(leaf: Condition) -> str | None:
    if leaf.type == "score" or (leaf.type == "attribute" and leaf.field == LEAD_SCORE):
        return leaf.profile_id or DEFAULT_PROFILE
    return None


def _leaf(leaf: Condition) -> Test:
    compare, wanted, profile_id = _OPS[leaf.op or ""], leaf.value, _profile_asked(leaf)
    if profile_id is not None:
        return lambda known: compare(known.score(profile_id), wanted)
    if leaf.type == "tag":
        return _tag(leaf.op or "", wanted)
    name = leaf.field or ""
    path = name.split(".")
    return lambda known: compare(reach(known.facts.attributes, name, path), wanted)


def _tag(op: str, wanted: Any) -> Test:
    """Return the test of a contact's tags: has it (eq, contains), has it not (neq), has one of them (in), has any."""
    if op == "exists":
        return lambda known: bool(known.facts.tags)
    if op == "neq":
        return lambda known: wanted not in known.facts.tags
    tags = frozenset(cast("list[str]", wanted) if isinstance(wanted, list) else [cast("str", wanted)])
    return lambda known: not tags.isdisjoint(known.facts.tags)


def _ordered(compare: Compare) -> Compare:
    def ordered(actual: Any, wanted: Any) -> bool:
        if isinstance(actual, bool) or not isinstance(actual, int | float | str):
            return False
        return isinstance(actual, str) == isinstance(wanted, str) and compare(actual, wanted)

    return ordered


def _contains(actual: Any, wanted: Any) -> bool:
    if isinstance(actual, list):
        return any(same(element, wanted) for element in cast("list[Any]", actual))
    return isinstance(actual, str) and isinstance(wanted, str) and wanted in actual


_OPS: Final[Mapping[str, Compare]] = {
    "eq": same,
    "neq": lambda actual, wanted: not same(actual, wanted),
    "gt": _ordered(operator.gt),
    "gte": _ordered(operator.ge),
    "lt": _ordered(operator.lt),
    "lte": _ordered(operator.le),
    "in": lambda actual, wanted: any(same(actual, value) for value in wanted),
    "contains": _contains,
    "exists": lambda actual, _: actual is not MISSING,
}
