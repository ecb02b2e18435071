"""Rules, compiled: which rules of one org fire on one event (S10-S12, S15).

Laws: rules fire in the order of their ids; a lookup by one text property of the filter, where it has one, so that a
hundred rules of an org are not a scan; fire counts are kept for rules without a cap too, so that a cap set later knows.
"""

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any, Final, cast

from schemas.authored import Rule
from stream_app.scoring.filters import compile_filter, index_values

Properties = Mapping[str, Any]


class CompiledRule:
    """One live rule; ``holds`` is what is left of its filter after the lookup, None when nothing is."""

    __slots__ = ("cap", "holds", "id", "name", "points", "reason", "site_id")

    def __init__(self, rule: Rule, left: Mapping[str, Any]) -> None:
        self.id = rule.id
        self.name = rule.name
        self.points = rule.points
        self.site_id = rule.site_id
        self.cap = rule.cap
        self.reason = f"Rule: {rule.name}"
        self.holds = compile_filter(left)


_by_id: Final = attrgetter("id")


class RulesOfType:
    """The live rules of one org for one event type, in id order."""

    __slots__ = ("_always", "_lookups")

    def __init__(self, rules: Iterable[Rule]) -> None:
        always: list[CompiledRule] = []
        lookups: dict[str, dict[str, list[CompiledRule]]] = {}
        for rule in sorted(rules, key=_by_id):
            filled = rule.event_filter or {}
            key, texts = next(
                ((key, texts) for key, wanted in filled.items() if (texts := index_values(key, wanted))), (None, ())
            )
            compiled = CompiledRule(rule, {name: wanted for name, wanted in filled.items() if name != key})
            if key is None:
                always.append(compiled)
            for text in texts:
                lookups.setdefault(key or "", {}).setdefault(text, []).append(compiled)
        self._always = always
        self._lookups = tuple(lookups.items())

    def firing(
        self, properties: Properties, site_id: str | None, fires: Mapping[int, int]
    ) -> tuple[list[CompiledRule], int]:
        """Return the rules that fire, in id order, and how many were capped."""
        firing: list[CompiledRule] = []
        capped = 0
        for rule in self._always if not self._lookups else self._candidates(properties):
            if rule.site_id is not None and rule.site_id != site_id:
                continue
            if rule.holds is not None and not rule.holds(properties):
                continue
            if rule.cap is not None and fires.get(rule.id, 0) >= rule.cap:
                capped += 1
                continue
            firing.append(rule)
        return firing, capped

    def _candidates(self, properties: Properties) -> list[CompiledRule]:
        """Return rules without a lookup and those whose lookup finds the event, each once, in id order."""
        found: list[CompiledRule] = []
        for key, by_text in self._lookups:
            value = properties.get(key)
            if type(value) is str:
                found += by_text.get(value, ())
            elif type(value) is list:
                texts = {element for element in cast("list[Any]", value) if type(element) is str}
                found += {rule for text in texts for rule in by_text.get(text, ())}
        if not found:
            return self._always
        found += self._always
        found.sort(key=_by_id)
        return found


def compile_types(rules: Iterable[Rule]) -> dict[str, RulesOfType]:
    """Return the live rules of an org by event type."""
    by_type: dict[str, list[Rule]] = {}
    for rule in rules:
        by_type.setdefault(rule.event_type, []).append(rule)
    return {event_type: RulesOfType(of_type) for event_type, of_type in by_type.items()}
