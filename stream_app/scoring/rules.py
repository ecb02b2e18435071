"""Rules, compiled: which rules of one org fire on one event (S10-S15, S17).

Laws: rules fire in the order of their ids; a lookup by one text property of the filter, where it has one, so that a
hundred rules of an org are not a scan; fire counts are kept for rules without a cap too, so that a cap set later knows;
types without publish windows and ``oncePer`` pay nothing for them.  A match that is capped leaves its value unpaid, and
a value that was paid for is no match: it uses no cap.  What a contact remembers of a rule it does so under the rule's
``memory``: another one after the rule was deleted and came back, so that deletion drops what there was (S12).
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final, cast

from schemas.authored import Rule
from schemas.state import Once
from schemas.times import MAX_TIME, parse_time
from stream_app.scoring.contact import NO_ONCE
from stream_app.scoring.filters import Properties, compile_filter, index_values
from stream_app.scoring.once import Memories, compile_once, known, remember

Lives = Mapping[int, int]
NO_LIVES: Final[Lives] = MappingProxyType({})
LIFE: Final = 2**32  # beyond every id of a rule


def memory_of(rule_id: int, lives: Lives) -> int:
    """Return under which number contacts remember a rule; ``lives`` tells how often rules came back once deleted."""
    return rule_id + lives.get(rule_id, 0) * LIFE


class CompiledRule:
    """One live rule; ``holds`` is what is left of filter and items after the lookup, None when nothing is.

    It is open from ``up`` to ``down``, both inclusive, in milliseconds.
    """

    __slots__ = (
        "cap", "down", "group", "holds", "id", "memory", "name", "once", "points", "profile_id", "reason", "site_id",
        "up",
    )  # fmt: skip

    def __init__(self, rule: Rule, left: Iterable[tuple[str, Any]], lives: Lives) -> None:
        self.id = rule.id
        self.memory = memory_of(rule.id, lives)
        self.name = rule.name
        self.points = rule.points
        self.profile_id = rule.profile_id
        self.group = rule.group
        self.site_id = rule.site_id
        self.cap = rule.cap
        self.reason = f"Rule: {rule.name}"
        self.holds = compile_filter(left)
        self.up = 0 if rule.publish_up is None else parse_time(rule.publish_up)
        self.down = MAX_TIME if rule.publish_down is None else parse_time(rule.publish_down)
        self.once = None if rule.once_per is None else compile_once(rule.once_per)


by_id: Final = attrgetter("id")


class RulesOfType:
    """The live rules of one org for one event type, in id order; ``once`` the memories of those with ``oncePer``."""

    __slots__ = ("_always", "_lookups", "once")

    def __init__(self, rules: Sequence[Rule], lives: Lives) -> None:
        always: list[CompiledRule] = []
        lookups: dict[str, dict[str, list[CompiledRule]]] = {}
        for rule in sorted(rules, key=by_id):
            wanted = wanted_of(rule)
            at, texts = next(
                ((at, texts) for at, pair in enumerate(wanted) if (texts := index_values(*pair))), (None, ())
            )
            if at is None:
                always.append(CompiledRule(rule, wanted, lives))
                continue
            key, _ = wanted.pop(at)
            compiled = CompiledRule(rule, wanted, lives)
            for text in texts:
                lookups.setdefault(key, {}).setdefault(text, []).append(compiled)
        self._always = always
        self._lookups = tuple(lookups.items())
        self.once = tuple(memory_of(rule.id, lives) for rule in rules if rule.once_per is not None)

    def firing(
        self, properties: Properties, site_id: str | None, at: int, fires: Mapping[int, int], memories: Memories
    ) -> tuple[list[CompiledRule], int, Memories]:
        """Return the rules that fire, in id order, how many were capped, and the memories that grow.

        ``at`` is the time of the event or command; ``memories`` holds at least those of ``once``, where there are any.
        """
        firing: list[CompiledRule] = []
        capped = 0
        for rule in self._always if not self._lookups else self._candidates(properties):
            if rule.site_id is not None and rule.site_id != site_id:
                continue
            if rule.holds is not None and not rule.holds(properties):
                continue
            if rule.cap is not None and fires.get(rule.memory, 0) >= rule.cap:
                capped += 1
                continue
            firing.append(rule)
        return firing, capped, NO_ONCE

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
        found.sort(key=by_id)
        return found


class GuardedRulesOfType(RulesOfType):
    """The same where a rule has a publish window (S17) or ``oncePer`` (S13)."""

    __slots__ = ()

    def firing(
        self, properties: Properties, site_id: str | None, at: int, fires: Mapping[int, int], memories: Memories
    ) -> tuple[list[CompiledRule], int, Memories]:
        """Return as `RulesOfType.firing` does."""
        firing: list[CompiledRule] = []
        learnt: dict[int, Once] = {}
        capped = 0
        for rule in self._candidates(properties):
            if not rule.up <= at <= rule.down or (rule.site_id is not None and rule.site_id != site_id):
                continue
            if rule.holds is not None and not rule.holds(properties):
                continue
            digest = None if rule.once is None else rule.once(properties)
            if rule.once is not None and (digest is None or known(memories.get(rule.memory), digest)):
                continue
            if rule.cap is not None and fires.get(rule.memory, 0) >= rule.cap:
                capped += 1
                continue
            if digest is not None:
                learnt[rule.memory] = remember(memories.get(rule.memory), digest)
            firing.append(rule)
        return firing, capped, learnt


def compile_types(rules: Iterable[Rule], lives: Lives = NO_LIVES) -> dict[str, RulesOfType]:
    """Return the live rules of an org by event type, but for page rules (scoring.pages)."""
    by_type: dict[str, list[Rule]] = {}
    for rule in rules:
        if rule.page is not None or rule.event_type is None:
            continue
        by_type.setdefault(rule.event_type, []).append(rule)
    return {event_type: _compile(of_type, lives) for event_type, of_type in by_type.items()}


def _compile(rules: Sequence[Rule], lives: Lives) -> RulesOfType:
    guarded = any(rule.publish_up or rule.publish_down or rule.once_per for rule in rules)
    return GuardedRulesOfType(rules, lives) if guarded else RulesOfType(rules, lives)


def wanted_of(rule: Rule) -> list[tuple[str, Any]]:
    """Return what filter and items ask for; items without a selection ask for nothing (S14)."""
    selected = [(name, items) for name, items in (rule.items or {}).items() if items]
    return [*(rule.event_filter or {}).items(), *selected]
