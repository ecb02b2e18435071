"""Event filters and items (S11, S14, D2): (key, wanted) pairs become one predicate over an event's properties.

Laws: every key must match; a missing key never does; strings compare exactly; numbers are equal by value and apart
from booleans, integers of any size exactly; compiled once per rulebook, never per event.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, cast

Properties = Mapping[str, Any]
Predicate = Callable[[Properties], bool]
Matcher = Callable[[Any], bool]

MISSING: Final = object()


def compile_filter(wanted: Iterable[tuple[str, Any]]) -> Predicate | None:
    """Return the predicate that all pairs hold, None when there are none."""
    conditions = tuple(_condition(key, values) for key, values in wanted)
    if not conditions:
        return None
    if len(conditions) == 1:
        return conditions[0]

    def all_hold(properties: Properties) -> bool:
        return all(condition(properties) for condition in conditions)

    return all_hold


def index_values(key: str, wanted: Any) -> frozenset[str] | None:
    """Return the texts under which a rule can be looked up by this condition, None when it cannot.

    Only undotted keys and texts: they need no more than one look at the properties.
    """
    values = cast("list[Any]", wanted) if isinstance(wanted, list) else [wanted]
    if "." in key or not values or not all(isinstance(value, str) for value in values):
        return None
    return frozenset(values)


def reach(properties: Properties, key: str, path: Sequence[str]) -> Any:
    """Return the property of this literal name, else what its dotted ``path`` leads to, else MISSING."""
    if key in properties:
        return properties[key]
    value: Any = properties
    for step in path:
        if not isinstance(value, dict) or step not in value:
            return MISSING
        value = cast("dict[str, Any]", value)[step]
    return value


def same(one: Any, other: Any) -> bool:
    """Tell deep equality of JSON values: booleans are no numbers, 1 equals 1.0, order counts in arrays only."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        mine, theirs = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
        return mine.keys() == theirs.keys() and all(same(value, theirs[key]) for key, value in mine.items())
    if isinstance(one, list) and isinstance(other, list):
        left, right = cast("list[Any]", one), cast("list[Any]", other)
        return len(left) == len(right) and all(map(same, left, right))
    return one == other


def _condition(key: str, wanted: Any) -> Predicate:
    matches, path = _matcher(wanted), key.split(".")
    if len(path) == 1:

        def literal(properties: Properties) -> bool:
            return key in properties and matches(properties[key])

        return literal

    def dotted(properties: Properties) -> bool:
        value = reach(properties, key, path)
        return value is not MISSING and matches(value)

    return dotted


def _matcher(wanted: Any) -> Matcher:
    """Return the test of one value: it or, when it is an array, one of its elements is one of the wanted values."""
    values = cast("list[Any]", wanted) if isinstance(wanted, list) else [wanted]

    def matches(actual: Any) -> bool:
        if any(same(actual, value) for value in values):
            return True
        if not isinstance(actual, list):
            return False
        return any(same(element, value) for element in cast("list[Any]", actual) for value in values)

    return matches
