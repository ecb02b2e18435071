"""Page rules, compiled: for which of them an event is a visit (S25, S10-S17, D6).

Laws: an event is looked up by its address, so that a thousand patterns are not a scan; a rule's window, site, filter
and items decide what is a visit, its cap and ``oncePer`` only whether a visit pays.
"""

from collections.abc import Sequence
from typing import Final

from schemas.authored import Rule
from schemas.events import EMAIL_CLICK, PAGE_VISIT, EngagementEvent
from schemas.pages import PAGE_TYPES, Page
from stream_app.scoring.patterns import PatternIndex
from stream_app.scoring.rules import CompiledRule, Lives, by_id, wanted_of

URL: Final = "url"
EVER: Final = 2**63


class PageRule(CompiledRule):
    """One live page rule; ``within``, ``after``, ``spent`` in milliseconds; ``hits`` and ``spent`` 0 when not asked."""

    __slots__ = ("after", "every", "hits", "returns", "spent", "within")

    def __init__(self, rule: Rule, page: Page, lives: Lives) -> None:
        super().__init__(rule, wanted_of(rule), lives)
        within, after = page.returns_within_seconds, page.returns_after_seconds
        self.hits = page.hits or 0
        self.every = page.every_nth
        self.returns = within is not None or after is not None
        self.within = EVER if within is None else within * 1000
        self.after = (after or 0) * 1000
        self.spent = (page.time_spent_seconds or 0) * 1000


class PagesOfType:
    """The page rules of one org that see events of one type; ``once`` the memories of those with ``oncePer``."""

    __slots__ = ("_anywhere", "_somewhere", "once")

    def __init__(self, rules: Sequence[tuple[PageRule, str | None]]) -> None:
        self._anywhere = [rule for rule, url in rules if url is None]
        self._somewhere = PatternIndex((url, rule) for rule, url in rules if url is not None)
        self.once = tuple(rule.memory for rule, _ in rules if rule.once is not None)

    def visited(self, event: EngagementEvent) -> list[PageRule]:
        """Return the rules for which an event is a visit, in id order."""
        url, at, found = event.properties.get(URL), event.occurred_at, self._anywhere
        if type(url) is str:
            found = [*found, *self._somewhere.find(url)]
        return sorted((rule for rule in found if rule.up <= at <= rule.down and _meets(rule, event)), key=by_id)


def types_seen(rule: Rule, page: Page) -> tuple[str, ...]:
    """Return which events a rule sees: a visit of a foreign page is known by the click that led there (D6)."""
    if rule.event_type == PAGE_VISIT:
        return (PAGE_VISIT,) if page.url is None else PAGE_TYPES
    return (EMAIL_CLICK,)  # there is no other type in PAGE_TYPES


def _meets(rule: PageRule, event: EngagementEvent) -> bool:
    site_holds = rule.site_id is None or rule.site_id == event.site_id
    return site_holds and (rule.holds is None or rule.holds(event.properties))
