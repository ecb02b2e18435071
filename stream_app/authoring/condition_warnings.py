"""What can never or always hold in a condition tree (S36, S55, D27).

Laws: nothing here is an error; what is told to be impossible is so: each subject's conditions are tried, with the
predicates that score, on every value that could tell them apart, and where these cannot be listed, or are too many,
nothing is said.
Told is the smallest part that is odd, not what contains it.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import ceil, floor, inf
from typing import Any, Final, Literal

from schemas.authored import DEFAULT_PROFILE
from schemas.conditions import COMPARISONS, Condition
from schemas.state import SCHEMA_VERSION, Facts
from stream_app.authoring.problems import Problem, Step, warning
from stream_app.scoring.conditions import LEAD_SCORE, Known, compile_condition

Sure = Literal["never", "always"]
Verdict = Sure | None
Subject = tuple[str, str]  # kind and name: of an attribute, or of the profile whose score is asked for

MAX_COMPARED: Final = 10_000  # values with each other, of one tree: judging shall never keep a worker busy
_LISTED: Final = frozenset({"eq", "in"})  # leaves that name every value for which they hold
_OPPOSITE: Final[Mapping[Verdict, Verdict]] = {"never": "always", "always": "never", None: None}
_SPOILS: Final[Mapping[str, tuple[Sure, Sure]]] = {"AND": ("never", "always"), "OR": ("always", "never")}
_TOLD: Final[Mapping[Sure, str]] = {
    "never": "no contact meets all that is asked",
    "always": "every contact meets some of what is asked",
}


class _Patience:
    """What one tree may still cost; what would cost more is not tried."""

    def __init__(self) -> None:
        self._left = MAX_COMPARED

    def lasts(self, comparisons: int) -> bool:
        """Tell whether so many are left, and take them."""
        enough = comparisons <= self._left
        self._left -= comparisons if enough else 0
        return enough


def condition_warnings(condition: Condition, *place: Step) -> Iterator[Problem]:
    """Yield what is odd about a tree that stands at a place of a body."""
    yield from _judged(condition, place, _Patience())[1]


def holds_for_nobody(condition: Condition) -> bool:
    """Tell whether a tree is known to hold for no contact; False is not a promise that somebody meets it."""
    return _judged(condition, (), _Patience())[0] == "never"


def _judged(node: Condition, place: tuple[Step, ...], patience: _Patience) -> tuple[Verdict, list[Problem]]:
    if node.conditions is None:
        empty = node.op == "in" and not node.value
        told = [warning("never_true", "an empty list holds for nobody", *place, "value")] if empty else []
        return "never" if empty else None, told
    told, verdicts = list[Problem](), list[Verdict]()
    for index, inner in enumerate(node.conditions):
        verdict, problems = _judged(inner, (*place, "conditions", index), patience)
        verdicts.append(verdict)
        told += problems
    if node.operator == "NOT":
        return _OPPOSITE[verdicts[0]], told
    # OR holds always exactly when AND over the opposites never holds.
    spoils, suits = _SPOILS[node.operator or ""]
    if spoils in verdicts or all(verdict == suits for verdict in verdicts):
        return spoils if spoils in verdicts else suits, told
    if (clash := _clash(node.conditions, patience, negated=node.operator == "OR")) is None:
        return None, told
    return spoils, [*told, warning(f"{spoils}_true", f"{_TOLD[spoils]} of its {clash}", *place)]


def _clash(conditions: Sequence[Condition], patience: _Patience, *, negated: bool) -> str | None:
    """Return what is asked for in ways that exclude each other; ``negated``: of the opposites of the conditions."""
    asked: dict[Subject, list[tuple[Condition, bool]]] = {}
    for leaf, wanted in _leaves(conditions, not negated):
        for subject in _subjects(leaf):
            asked.setdefault(subject, []).append((leaf, wanted))
    clashes = (subject for subject, leaves in asked.items() if _excluded(subject, leaves, patience))
    return next((f"{kind} {name}" for kind, name in clashes), None)


def _leaves(conditions: Sequence[Condition], wanted: bool) -> Iterator[tuple[Condition, bool]]:
    """Yield the leaves that must all hold, or with False must all not hold, whatever else is asked."""
    for condition in conditions:
        if condition.conditions is None:
            yield condition, wanted
        elif condition.operator == "NOT":
            yield from _leaves(condition.conditions, not wanted)
        elif condition.operator == ("AND" if wanted else "OR"):
            yield from _leaves(condition.conditions, wanted)


def _subjects(leaf: Condition) -> list[Subject]:
    """Return whom a leaf asks; for tags each by its name, for a contact has many."""
    if leaf.type == "tag":
        return [("tag", leaf.value)] if leaf.op in ("eq", "neq", "contains") else []
    if leaf.type == "score" or leaf.field == LEAD_SCORE:
        return [("score", leaf.profile_id or DEFAULT_PROFILE)]
    return [("attribute", leaf.field or "")]


def _excluded(subject: Subject, leaves: Sequence[tuple[Condition, bool]], patience: _Patience) -> bool:
    """Tell whether nothing can be known of a subject for which its leaves hold or not, each as it is wanted."""
    asked = list({repr(value): value for leaf, _ in leaves for value in _values(leaf)}.values())
    tried = next((len(_values(leaf)) for leaf, wanted in leaves if wanted and leaf.op in _LISTED), 7 * len(asked) + 10)
    if not patience.lasts(tried * sum(max(1, len(_values(leaf))) for leaf, _ in leaves)):
        return False
    tests = [(compile_condition(leaf), wanted) for leaf, wanted in leaves]
    possible = _possible(subject, leaves, asked)
    return possible is not None and not any(all(test(known) == wanted for test, wanted in tests) for known in possible)


def _possible(subject: Subject, leaves: Sequence[tuple[Condition, bool]], asked: Sequence[Any]) -> list[Known] | None:
    """Return all there is to know of a subject, as far as it matters to its leaves; None where that has no end."""
    kind, name = subject
    if kind == "tag":
        return [_known(tags=tags) for tags in ((), (name,))]
    listed = [leaf for leaf, wanted in leaves if wanted and leaf.op in _LISTED]
    if listed:
        values = _values(listed[0])
    elif all(leaf.op in COMPARISONS | _LISTED | {"neq", "exists"} for leaf, _ in leaves):
        values = _telling(asked, whole=kind == "score")
    else:
        return None
    if kind == "score":
        return [_known(score=int(value)) for value in values if _whole(value)]
    return [_known(), *(_known(attributes={name: value}) for value in values)]


def _values(leaf: Condition) -> list[Any]:
    return leaf.value if leaf.op == "in" else [] if leaf.op == "exists" else [leaf.value]


def _telling(values: Sequence[Any], *, whole: bool) -> list[Any]:
    """Return values of each part into which these cut all there are: themselves, what lies between, what is beyond."""
    found = {value for value in values if isinstance(value, int | float) and not isinstance(value, bool)}
    numbers = sorted({cut(number) for number in found for cut in (floor, ceil)} if whole else found)
    between = [] if whole else [(low + high) / 2 for low, high in pairwise(numbers)]
    beside = [number + step for number in numbers or [0] for step in (-1, 0, 1)]
    texts = [text for value in values if isinstance(value, str) for text in (value, value + "\0")]
    return [*values, *beside, *between, -inf, inf, "", *texts, [], True, False, None]


def _whole(value: Any) -> bool:
    """Tell whether a score may be equal to a value (D2: by value, so 5.0 is one)."""
    return type(value) is int or (isinstance(value, float) and value.is_integer())


def _known(attributes: dict[str, Any] | None = None, tags: tuple[str, ...] = (), score: int = 0) -> Known:
    def shown(_: str) -> int:
        return score

    return Known(Facts(SCHEMA_VERSION, None, tags, attributes or {}), shown)
