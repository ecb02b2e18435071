"""What is odd about a rule that may be stored: it never pays, pays for everything, or has a cap that nobody reaches.

Laws: nothing here is an error; judged is the rule alone, without its profile and without a clock.
Source: S11-S14, S19, S20, S25-S28, S36, D3, D12.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, cast

from schemas.authored import RuleBody
from schemas.events import KNOWN_TYPES, MANUAL, TAG_ADDED, TAG_PROPERTY
from schemas.pages import WILDCARD, Page
from stream_app.authoring.condition_warnings import condition_warnings
from stream_app.authoring.page_warnings import page_warnings
from stream_app.authoring.problems import Problem, warning
from stream_app.scoring.page_rules import URL
from stream_app.scoring.patterns import Pattern
from stream_app.scoring.tags import valid_tag

MAX_COMPARED: Final = 200  # values of one list with those of another
_TYPES: Final = frozenset({*KNOWN_TYPES, MANUAL})


def rule_warnings(rule: RuleBody) -> Iterator[Problem]:
    """Yield what is odd about a rule."""
    yield from _type_warnings(rule)
    if rule.points == 0:
        yield warning("no_points", "0 points: logged, but the score stays", "points")
    yield from _cap_warnings(rule)
    yield from _filter_warnings(rule.event_filter)
    yield from _item_warnings(rule)
    if rule.page is not None:
        yield from page_warnings(rule, rule.page)
        yield from _address_warnings(rule, rule.page)
    if rule.attribute is not None:
        yield from condition_warnings(rule.attribute, "attribute")
    if rule.event_type == MANUAL:
        yield from _manual_warnings(rule)
    if rule.event_type == TAG_ADDED:
        yield from _tag_warnings(rule)


def _type_warnings(rule: RuleBody) -> Iterator[Problem]:
    if rule.event_type is not None and rule.event_type not in _TYPES:
        near = get_close_matches(rule.event_type, _TYPES, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        yield warning("custom_type", f"{rule.event_type} is no known type, so a custom one{hint}", "eventType")


def _cap_warnings(rule: RuleBody) -> Iterator[Problem]:
    cap = rule.max_per_contact or 0
    if not rule.repeatable and cap > 1:
        message = "a rule that is not repeatable pays once, whatever its cap (D3)"
        yield warning("cap_unused", message, "maxPerContact")
    elif (values := _values_once(rule)) is not None and 0 < len(values) < cap:
        message = f"each value of {rule.once_per} pays once, and {len(values)} are asked for: the cap is not reached"
        yield warning("cap_unused", message, "maxPerContact")


def _values_once(rule: RuleBody) -> set[object] | None:
    """Return the values of ``oncePer`` that may pay, None where they are not listed; a value that is a list apart."""
    if rule.once_per is None:
        return None
    listed: list[Sequence[object]] = [
        _choices(wanted) for name, wanted in (rule.event_filter or {}).items() if name == rule.once_per
    ]
    listed += [selected for name, selected in (rule.items or {}).items() if name == rule.once_per and selected]
    url = None if rule.page is None else rule.page.url
    if rule.once_per == URL and url is not None and WILDCARD not in url:
        listed.append([url])
    return min((_apart(values) for values in listed if len(values) <= MAX_COMPARED), key=len, default=None)


def _apart(values: Iterable[object]) -> set[object]:
    """Return values, those once that filters call the same, in a form that compares as filters do."""
    return {_identity(value) for value in values}


def _identity(value: object) -> object:
    """Return what is equal, and hashes so, exactly where values are the same to filters (`filters.same`)."""
    if isinstance(value, bool):
        return bool, value
    if isinstance(value, list):
        return list, tuple(map(_identity, cast("list[object]", value)))
    if isinstance(value, dict):
        return dict, frozenset((name, _identity(inner)) for name, inner in cast("dict[str, object]", value).items())
    return value


def _filter_warnings(event_filter: Mapping[str, Any] | None) -> Iterator[Problem]:
    if event_filter == {}:
        yield warning("always_true", "an empty filter holds for every event of the type", "eventFilter")
    for name, wanted in (event_filter or {}).items():
        values = _choices(wanted)
        if not values:
            yield warning("never_true", "an empty list matches nothing", "eventFilter", name)
        yield from _star_warnings("eventFilter", name, values)


def _item_warnings(rule: RuleBody) -> Iterator[Problem]:
    if rule.items == {}:
        yield warning("always_true", "empty items hold for every event of the type", "items")
    for name, selected in (rule.items or {}).items():
        yield from _star_warnings("items", name, selected)
        asked = _choices((rule.event_filter or {}).get(name, selected))
        few = 0 < len(selected) <= MAX_COMPARED and 0 < len(asked) <= MAX_COMPARED
        if few and _apart(selected).isdisjoint(_apart(asked)):
            message = f"eventFilter asks for other values of {name}: only an event that lists some of both pays"
            yield warning("disjoint", message, "items", name)


def _address_warnings(rule: RuleBody, page: Page) -> Iterator[Problem]:
    """Judge the addresses that are asked for by value beside a pattern; an empty selection is any (S14)."""
    if page.url is None:
        return
    pattern, beside = Pattern(page.url), (rule.event_filter or {}, rule.items or {})
    for values in (_choices(wanted[URL]) for wanted in beside if URL in wanted):
        if values and not any(isinstance(value, str) and pattern.matches(value) for value in values):
            yield warning("never_true", "no url that the rule asks for beside it matches this", "page", "url")


def _star_warnings(field: str, name: str, values: Iterable[object]) -> Iterator[Problem]:
    if any(isinstance(value, str) and WILDCARD in value for value in values):
        yield warning("literal_star", "* has no meaning here: texts compare exactly", field, name)


def _manual_warnings(rule: RuleBody) -> Iterator[Problem]:
    asked = {
        "siteId": rule.site_id is not None, "eventFilter": bool(rule.event_filter),
        "oncePer": rule.once_per is not None, "items": any((rule.items or {}).values()),
    }  # fmt: skip
    for field in (field for field, asks in asked.items() if asks):
        message = "a manual adjustment has no site and no properties: this rule never pays"
        yield warning("never_true", message, field)


def _tag_warnings(rule: RuleBody) -> Iterator[Problem]:
    if rule.site_id is not None:
        message = "tags that people or the API give name no site (D12): only events of this site pay"
        yield warning("events_only", message, "siteId")
    named = (("eventFilter", rule.event_filter or {}), ("items", rule.items or {}))
    for field, wanted in ((field, asked[TAG_PROPERTY]) for field, asked in named if TAG_PROPERTY in asked):
        values = _choices(wanted)
        if values and not any(map(valid_tag, values)):
            yield warning("never_true", "a tag is a text of 1 to 128 characters", field, TAG_PROPERTY)


def _choices(wanted: object) -> Sequence[object]:
    """Return the values of which one is enough for a filter's key (S11)."""
    return cast("list[object]", wanted) if isinstance(wanted, list) else [wanted]
