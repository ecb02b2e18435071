"""Page rules: which of them an event pays, and what is remembered of visits (S25-S29, D5, D6, D25, decision 0013).

Laws: a visit counts for a rule that is live and in its window, also when it pays nothing; a click id that has counted
makes page rules blind for later events that carry it; a late event (before the newest of its contact) neither opens nor
closes a visit; a rule with ``timeSpentSeconds`` pays once, on the event that closes a visit.
"""

from bisect import bisect_right
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from schemas.authored import Rule
from schemas.events import EngagementEvent
from schemas.state import CLICK_HASHES, HASH_BYTES, SCHEMA_VERSION, VISIT_TIMES, Once, RuleVisits, Visits
from stream_app.scoring.contact import Contact
from stream_app.scoring.dedupe import holds, id_hash
from stream_app.scoring.filters import Properties
from stream_app.scoring.once import Memories, known, remember
from stream_app.scoring.page_rules import PageRule, PagesOfType, types_seen
from stream_app.scoring.rules import NO_LIVES, CompiledRule, Lives, by_id

CLICK_ID: Final = "clickId"
DWELL_SECONDS: Final = "dwellSeconds"
LONGEST_DWELL: Final = 30 * 60 * 1000

_NEVER_VISITED: Final = RuleVisits()


class Seen(NamedTuple):
    """What page rules make of one event: as `RulesOfType.firing`, and what they then remember."""

    firing: Sequence[CompiledRule]
    capped: int
    learnt: Memories
    visits: Visits

    def beside(self, firing: Sequence[CompiledRule], capped: int, learnt: Memories) -> "Seen":
        """Return this together with what other rules make of the event; all in id order."""
        together = sorted([*firing, *self.firing], key=by_id)
        return Seen(together, capped + self.capped, {**learnt, **self.learnt}, self.visits)


class Pages:
    """All page rules of one org; ``by_type`` those that look at an event for itself, not for the visit it closes."""

    __slots__ = ("_by_memory", "by_type")

    def __init__(self, rules: Iterable[Rule], lives: Lives = NO_LIVES) -> None:
        compiled = [(PageRule(rule, rule.page, lives), rule, rule.page) for rule in rules if rule.page is not None]
        by_type: dict[str, list[tuple[PageRule, str | None]]] = {}
        for page_rule, rule, page in compiled:
            for event_type in types_seen(rule, page):
                by_type.setdefault(event_type, []).append((page_rule, page.url))
        self.by_type = {event_type: PagesOfType(of_type) for event_type, of_type in by_type.items()}
        self._by_memory = {page_rule.memory: page_rule for page_rule, _, _ in compiled}

    def look(self, event: EngagementEvent, contact: Contact, live: Container[int], longest: int) -> Seen:
        """Return what an event pays and leaves.

        ``contact`` is the one before the event, with its visits; what is remembered under no ``live`` memory may go;
        ``longest`` is the most milliseconds that one visit counts.
        """
        of_type = self.by_type.get(event.type)
        click = None if of_type is None else _click(event.properties)
        if click is not None and holds(contact.visits.clicks, click):
            return Seen((), 0, {}, contact.visits)
        look = _Look(event, contact, longest)
        look.close(self._by_memory)
        visited = () if of_type is None else of_type.visited(event)
        for rule in visited:
            look.visit(rule)
        visits = look.visits(live, click if visited else None)
        return Seen(look.firing, look.capped, look.learnt, visits)


class _Look:
    """One event on its way through the page rules of one contact."""

    def __init__(self, event: EngagementEvent, contact: Contact, longest: int) -> None:
        self.firing: list[CompiledRule] = []
        self.capped = 0
        self.learnt: dict[int, Once] = {}
        self._event, self._at = event, event.occurred_at
        self._late = event.occurred_at < contact.core.last_at
        self._fires, self._once, self._before = contact.core.fires, contact.once, contact.visits
        self._longest = longest
        self._changed: dict[int, RuleVisits] = {}
        self._opened: dict[int, bool] = {}

    def close(self, rules: Mapping[int, PageRule]) -> None:
        """End the open visit; a rule that is no longer live, or outside its window by now, has no more of it."""
        if self._late:
            return
        dwell = min(self._at - self._before.opened_at, self._longest)
        for memory, met in self._before.open.items():
            rule = rules.get(memory)
            if rule is not None and rule.spent and rule.up <= self._at <= rule.down:
                self._dwelt(rule, dwell, met)

    def visit(self, rule: PageRule) -> None:
        """Count a visit; let it pay, or let its dwell do so."""
        memory = self._memory(rule)
        hits, times, met = memory.hits, memory.times, True
        if rule.hits:
            hits += 1
            met = hits % rule.hits == 0 if rule.every else hits >= rule.hits
        if rule.returns:
            earlier = bisect_right(times, self._at)
            met = met and earlier > 0 and rule.after <= self._at - times[earlier - 1] <= rule.within
            times = (*times[:earlier], self._at, *times[earlier:])[-VISIT_TIMES:]
        if rule.hits or rule.returns:
            self._changed[rule.memory] = RuleVisits(hits, times, memory.spent)
        if not rule.spent:
            if met:
                self._pay(rule)
        elif not self._late:
            dwell = _said_dwell(self._event.properties, self._longest)
            if dwell is None:
                self._opened[rule.memory] = met
            else:
                self._dwelt(rule, dwell, met)

    def visits(self, live: Container[int], click: bytes | None) -> Visits:
        """Return what is remembered afterwards: the same object when that is the same; ``click`` has counted."""
        before = self._before
        kept_open = self._late or not (before.open or self._opened)
        if not self._changed and click is None and kept_open:
            return before
        rules = {memory: visits for memory, visits in {**before.rules, **self._changed}.items() if memory in live}
        clicks = before.clicks if click is None else (before.clicks + click)[-CLICK_HASHES * HASH_BYTES :]
        if self._late:
            return Visits(SCHEMA_VERSION, rules, before.opened_at, before.open, clicks)
        return Visits(SCHEMA_VERSION, rules, self._at if self._opened else 0, self._opened, clicks)

    def _memory(self, rule: PageRule) -> RuleVisits:
        return self._changed.get(rule.memory) or self._before.rules.get(rule.memory, _NEVER_VISITED)

    def _dwelt(self, rule: PageRule, dwell: int, met: bool) -> None:
        """Add the dwell of a visit; pay when it is the first that reaches the sum and ``met`` all else (S28, S29)."""
        memory = self._memory(rule)
        spent = memory.spent + dwell
        self._changed[rule.memory] = RuleVisits(memory.hits, memory.times, spent)
        if met and spent >= rule.spent and not self._fires.get(rule.memory) and rule not in self.firing:
            self.firing.append(rule)

    def _pay(self, rule: PageRule) -> None:
        digest = None if rule.once is None else rule.once(self._event.properties)
        if rule.once is not None and (digest is None or known(self._once.get(rule.memory), digest)):
            return
        if rule.cap is not None and self._fires.get(rule.memory, 0) >= rule.cap:
            self.capped += 1
            return
        if digest is not None:
            self.learnt[rule.memory] = remember(self._once.get(rule.memory), digest)
        self.firing.append(rule)


def _click(properties: Properties) -> bytes | None:
    """Return the hash of a click id, text or a whole number; None when there is none."""
    click: Any = properties.get(CLICK_ID)
    if type(click) is int:
        click = str(click)
    return id_hash(click) if type(click) is str and click else None


def _said_dwell(properties: Properties, longest: int) -> int | None:
    """Return the dwell in milliseconds that a visit itself tells, a number from 0 on; None when it does not."""
    seconds: Any = properties.get(DWELL_SECONDS)
    if type(seconds) not in (int, float) or seconds < 0:
        return None
    return min(round(min(seconds, longest) * 1000), longest)


NO_PAGES: Final = Pages(())
