"""Rules, filters and thresholds for the reference, written from semantics S10-S20, S40, D2, D3, D7, D8, D12.

Laws: slow and obvious; stdlib only.
"""

from dataclasses import dataclass, field
from typing import Any

from tests.faults.reference_values import parse_time, value_mark

ConfigLog = list[tuple[int, bytes | None, bytes | None]]


@dataclass(frozen=True)
class ClockRules:
    """What acts by the clock in one org, and the rulebook version at which that last changed (0: never any).

    ``rules`` are the live silences in id order; ``decays`` has, by profile, since when it decays and what of its body
    says when that is told.
    """

    version: int = 0
    rules: tuple[dict[str, Any], ...] = ()
    since: tuple[tuple[int, int], ...] = ()
    decays: dict[str, tuple[int, list[Any]]] = field(default_factory=dict[str, tuple[int, list[Any]]])


@dataclass(frozen=True)
class Rulebook:
    """Objects of all orgs at one version: ``rules[org][rule id]`` and ``profiles[org][profile id]``.

    ``takers[org][rule id]`` is the profile that has taken a rule last, by a publish or as a rule of default (S31);
    ``deaths[org][rule id]`` how often it was deleted: neither written nor published any more (S12).
    """

    rules: dict[str, dict[int, dict[str, Any]]]
    profiles: dict[str, dict[str, dict[str, Any]]]
    clocks: dict[str, ClockRules]
    takers: dict[str, dict[int, str]] = field(default_factory=dict[str, dict[int, str]])
    deaths: dict[str, dict[int, int]] = field(default_factory=dict[str, dict[int, int]])

    def clock(self, org: str) -> ClockRules:
        return self.clocks.get(org, ClockRules())

    def known_as(self, org: str, rule_id: int) -> int:
        """As what contacts remember a rule that is there: deletion drops what they did before (S12, S13)."""
        return rule_id + self.deaths.get(org, {}).get(rule_id, 0) * 2**32


def same(wanted: Any, actual: Any) -> bool:
    """Deep equality, type-strict; numbers by value, booleans apart (S11, D2)."""
    if isinstance(wanted, bool) or isinstance(actual, bool):
        return wanted is actual
    if isinstance(wanted, dict) and isinstance(actual, dict):
        return wanted.keys() == actual.keys() and all(same(wanted[name], actual[name]) for name in wanted)
    if isinstance(wanted, list) and isinstance(actual, list):
        return len(wanted) == len(actual) and all(same(a, b) for a, b in zip(wanted, actual, strict=True))
    return wanted == actual


MISSING = object()


def reach(properties: dict[str, Any], name: str) -> Any:
    """The property of a literal name, else of a dotted path, else MISSING."""
    if name in properties:
        return properties[name]
    value: Any = properties
    for step in name.split("."):
        if not isinstance(value, dict) or step not in value:
            return MISSING
        value = value[step]
    return value


def filter_holds(event_filter: dict[str, Any] | None, properties: dict[str, Any]) -> bool:
    for name, wanted in (event_filter or {}).items():
        actual = reach(properties, name)
        if actual is MISSING:
            return False
        choices = wanted if isinstance(wanted, list) else [wanted]
        values = [actual, *actual] if isinstance(actual, list) else [actual]
        if not any(same(choice, value) for choice in choices for value in values):
            return False
    return True


def cap_of(rule: dict[str, Any]) -> int | None:
    """S12, D3: not repeatable is a cap of 1, whatever the cap says."""
    return rule.get("maxPerContact") if rule.get("repeatable", True) else 1


def in_window(rule: dict[str, Any], at: int) -> bool:
    """S17: both ends belong to the window, an absent one leaves it open."""
    up, down = rule.get("publishUp"), rule.get("publishDown")
    return (up is None or parse_time(up) <= at) and (down is None or at <= parse_time(down))


def selected(items: dict[str, list[Any]] | None, properties: dict[str, Any]) -> bool:
    """S14: each property with a selection must be among it; nothing selected is anything."""
    return filter_holds({name: choices for name, choices in (items or {}).items() if choices != []}, properties)


def mark_of(rule: dict[str, Any], properties: dict[str, Any]) -> str | None:
    """S13: what is remembered of the value that the rule would pay for; None without such a property (D3)."""
    value = reach(properties, rule["oncePer"])
    return None if value is MISSING else value_mark(rule["oncePer"], value)


def matching(
    rules: dict[int, dict[str, Any]], kind: str, site: str | None, properties: dict[str, Any], at: int
) -> list[tuple[int, dict[str, Any]]]:
    """The (id, rule) among those without a page that one event meets, in id order, whatever they have paid before."""
    found: list[tuple[int, dict[str, Any]]] = []
    for rule_id, rule in sorted(rules.items()):
        if (
            rule.get("active", True)
            and rule.get("page") is None
            and in_window(rule, at)
            and rule.get("eventType") == kind
            and (rule.get("siteId") is None or rule["siteId"] == site)
            and filter_holds(rule.get("eventFilter"), properties)
            and selected(rule.get("items"), properties)
        ):
            found.append((rule_id, rule))
    return found


def page_rules(rules: dict[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Those with a page among the rules that score, in id order."""
    return {
        rule_id: rule
        for rule_id, rule in sorted(rules.items())
        if rule.get("page") is not None and rule.get("active", True)
    }


def thresholds_of(body: dict[str, Any]) -> list[tuple[int, int]]:
    """(value, hysteresis) of a profile's thresholds; a profile without a body has none."""
    return [
        (entry, 0) if isinstance(entry, int) else (entry["value"], entry.get("hysteresis", 0))
        for entry in body.get("thresholds", [])
    ]


def cross(
    thresholds: list[tuple[int, int]], before: int, after: int, held: list[int]
) -> tuple[list[tuple[int, str]], list[int]]:
    """Return ([(threshold, direction)] in the order passed, the held thresholds afterwards).

    A threshold is up when the shown score stands on or above it, or while it is held: fallen below it, but not below
    value - hysteresis.
    """
    ups: list[tuple[int, str]] = []
    downs: list[tuple[int, int]] = []
    still: list[int] = []
    for value, hysteresis in sorted(thresholds):
        was_up = before >= value or value in held
        if was_up and after < value - hysteresis:
            downs.append((value - hysteresis, value))
        elif was_up and after < value:
            still.append(value)
        elif not was_up and after >= value:
            ups.append((value, "up"))
    return ups + [(value, "down") for _, value in sorted(downs, reverse=True)], still
