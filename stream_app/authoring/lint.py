"""Judge what an author writes: every problem with its place, a closed code and a sentence.

Laws: a body with an error is never stored; a warning stops nobody; the same body gives the same problems, in the
order errors by place, then warnings.  JSON integers are taken as site ids and become their decimal text.
Source: contract sections 1 and 2, semantics S11-S14, S16, S17, S19, S21, D3.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, Generic, Literal, TypeVar, cast

from pydantic import ValidationError

from schemas.authored import Authored, ProfileBody, RuleBody
from schemas.events import KNOWN_TYPES, MANUAL
from stream_app.authoring.page_warnings import page_warnings

MAX_NESTING: Final = 128
INT64: Final = range(-(2**63), 2**63)

Body = TypeVar("Body", bound=Authored)
Severity = Literal["error", "warning"]

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
class Problem:
    """One thing wrong with a body; ``pointer`` is an RFC 6901 JSON pointer into it."""

    pointer: str
    code: str
    message: str
    severity: Severity = "error"


@dataclass(frozen=True, slots=True)
class Linted(Generic[Body]):
    """A judged body: None when it has an error."""

    body: Body | None
    problems: tuple[Problem, ...]


def lint_rule(value: object) -> Linted[RuleBody]:
    """Judge a rule's body, as decoded from JSON or YAML."""
    linted = _validate(RuleBody, value)
    return linted if linted.body is None else Linted(linted.body, tuple(_rule_warnings(linted.body)))


def lint_profile(value: object) -> Linted[ProfileBody]:
    """Judge a profile's body, as decoded from JSON or YAML."""
    return _validate(ProfileBody, value)


def pointer(*steps: str | int) -> str:
    """Return the JSON pointer of a path of field names and indexes."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def _validate(model: type[Body], value: object) -> Linted[Body]:
    if problems := tuple(_not_json(value, (), 0)):
        return Linted(None, problems)
    try:
        return Linted(model.model_validate(_site_as_text(value), by_alias=True, by_name=False), ())
    except ValidationError as error:
        return Linted(None, tuple(_problems(error)))


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


def _rule_warnings(rule: RuleBody) -> Iterator[Problem]:
    known = {*KNOWN_TYPES, MANUAL}
    if rule.event_type is not None and rule.event_type not in known:
        near = get_close_matches(rule.event_type, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        yield _warning("eventType", "custom_type", f"{rule.event_type} is no known type, so a custom one{hint}")
    if rule.points == 0:
        yield _warning("points", "no_points", "0 points: logged, but the score stays")
    if not rule.repeatable and (rule.max_per_contact or 0) > 1:
        yield _warning("maxPerContact", "cap_unused", "a rule that is not repeatable pays once, whatever its cap (D3)")
    yield from _filter_warnings(rule.event_filter)
    for name, selected in (rule.items or {}).items():
        yield from _star_warnings("items", name, selected)
    if rule.page is not None:
        for field, code, message in page_warnings(rule, rule.page):
            yield _warning("page", code, message, *filter(None, [field]))
    if rule.event_type == MANUAL:
        yield from _manual_warnings(rule)


def _filter_warnings(event_filter: Mapping[str, Any] | None) -> Iterator[Problem]:
    if event_filter == {}:
        yield _warning("eventFilter", "always_true", "an empty filter holds for every event of the type")
    for name, wanted in (event_filter or {}).items():
        choices = cast(list[object], wanted) if isinstance(wanted, list) else [cast(object, wanted)]
        if not choices:
            yield _warning("eventFilter", "never_true", "an empty list matches nothing", name)
        yield from _star_warnings("eventFilter", name, choices)


def _star_warnings(field: str, name: str, choices: Iterable[object]) -> Iterator[Problem]:
    if any(isinstance(choice, str) and "*" in choice for choice in choices):
        yield _warning(field, "literal_star", "* has no meaning here: texts compare exactly", name)


def _manual_warnings(rule: RuleBody) -> Iterator[Problem]:
    asked = {
        "siteId": rule.site_id is not None, "eventFilter": bool(rule.event_filter),
        "oncePer": rule.once_per is not None, "items": any((rule.items or {}).values()),
    }  # fmt: skip
    for field in (field for field, asks in asked.items() if asks):
        yield _warning(field, "never_true", "a manual adjustment has no site and no properties: this rule never pays")


def _warning(field: str, code: str, message: str, *inner: str) -> Problem:
    return Problem(pointer(field, *inner), code, message, "warning")
