"""Judge what an author writes: every problem with its place, a closed code and a sentence.

Laws: a body with an error is never stored; a warning stops nobody; the same body gives the same problems, in the
order errors by place, then warnings, the first EXPLAINED of each.  JSON integers are taken as site ids and become
their decimal text.
Source: contract sections 1 and 2, semantics S11-S14, S16, S17, S19, S21, D3.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Generic, TypeVar, cast

from pydantic import ValidationError

from schemas.authored import Authored, ProfileBody, RuleBody
from stream_app.authoring.problems import EXPLAINED, Problem, pointer
from stream_app.authoring.profile_warnings import profile_warnings
from stream_app.authoring.rule_warnings import rule_warnings

MAX_NESTING: Final = 128
INT64: Final = range(-(2**63), 2**63)

Body = TypeVar("Body", bound=Authored)

_CODES: Final[Mapping[str, str]] = {
    "missing": "required", "extra_forbidden": "unknown_field", "int_type": "not_an_integer",
    "string_type": "not_a_string", "bool_type": "not_a_boolean", "dict_type": "not_an_object",
    "list_type": "not_a_list",
    "greater_than_equal": "too_small", "less_than_equal": "too_large", "string_too_short": "too_short",
    "string_too_long": "too_long", "too_long": "too_long", "string_pattern_mismatch": "wrong_form",
    "model_type": "not_an_object", "model_attributes_type": "not_an_object", "value_error": "contradiction",
}  # fmt: skip


_INTEGER_BRANCHES: Final = frozenset[str | int]({"constrained-int", "int"})  # pydantic's names of a union's branches
_BRANCHES: Final = _INTEGER_BRANCHES | {"Threshold"}


@dataclass(frozen=True, slots=True)
class Linted(Generic[Body]):
    """A judged body: None when it has an error."""

    body: Body | None
    problems: tuple[Problem, ...]


def lint_rule(value: object) -> Linted[RuleBody]:
    """Judge a rule's body, as decoded from JSON or YAML."""
    return _warned(_validate(RuleBody, value), rule_warnings)


def lint_profile(value: object) -> Linted[ProfileBody]:
    """Judge a profile's body, as decoded from JSON or YAML."""
    return _warned(_validate(ProfileBody, value), profile_warnings)


def _warned(linted: Linted[Body], warnings: Callable[[Body], Iterable[Problem]]) -> Linted[Body]:
    if linted.body is None:
        return linted
    return Linted(linted.body, tuple(islice(warnings(linted.body), EXPLAINED)))


def _validate(model: type[Body], value: object) -> Linted[Body]:
    if problems := tuple(islice(_not_json(value, (), 0), EXPLAINED)):
        return Linted(None, problems)
    try:
        return Linted(model.model_validate(_site_as_text(value), by_alias=True, by_name=False), ())
    except ValidationError as error:
        return Linted(None, tuple(islice(_problems(error), EXPLAINED)))


def _site_as_text(value: object) -> object:
    if not isinstance(value, dict):
        return value
    fields = cast(dict[str, object], value)
    site = fields.get("siteId")
    return {**fields, "siteId": str(site)} if isinstance(site, int) and not isinstance(site, bool) else fields


def _problems(error: ValidationError) -> Iterator[Problem]:
    """Turn pydantic's errors into problems; of a union only the branch that the value's shape picks is told."""
    told: set[str] = set()
    for found in error.errors(include_url=False, include_context=False):
        steps = found["loc"]
        branches = _BRANCHES if steps[:1] == ("thresholds",) else frozenset[str | int]()
        place = pointer(*(step for step in steps if step not in branches))
        other_branch = isinstance(found["input"], dict) and not (branches & _INTEGER_BRANCHES).isdisjoint(steps)
        if place not in told and not other_branch:
            told.add(place)
            message = found["msg"].removeprefix("Value error, ")
            yield Problem(place, _CODES.get(found["type"], found["type"]), f"{message}{_quoted(found)}")


def _quoted(found: Any) -> str:
    """Return the offending value, when it is short and the message is about it."""
    given = found["input"]
    short = given is None or isinstance(given, bool | int | float | str)
    return (
        f": {given!r}"
        if short and found["type"] not in ("missing", "extra_forbidden") and len(repr(given)) < 80
        else ""
    )


def _not_json(value: object, steps: tuple[str | int, ...], depth: int) -> Iterator[Problem]:
    """Yield what JSON cannot say or leadstream not keep exactly: dates, NaN, integers beyond 64 bits, deep nesting."""
    if depth > MAX_NESTING:
        yield Problem(pointer(*steps), "too_deep", f"nested deeper than {MAX_NESTING}")
    elif isinstance(value, dict):
        for name, inner in cast(dict[object, object], value).items():
            if not isinstance(name, str):
                yield Problem(pointer(*steps, str(name)), "not_json", f"a field name must be text: {name!r}")
            else:
                yield from _not_json(inner, (*steps, name), depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(cast(list[object], value)):
            yield from _not_json(inner, (*steps, index), depth + 1)
    elif isinstance(value, int) and value not in INT64:
        yield Problem(pointer(*steps), "too_large", "an integer must fit 64 bits")
    elif isinstance(value, float) and not math.isfinite(value):
        yield Problem(pointer(*steps), "not_json", f"{value} is not a JSON number")
    elif isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        yield Problem(pointer(*steps), "not_json", "half a surrogate pair is no text")
    elif value is not None and not isinstance(value, str | int | float):
        yield Problem(pointer(*steps), "not_json", f"{type(value).__name__} is not JSON: quote it")
