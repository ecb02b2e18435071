"""What is odd about the page of a rule: patterns that match nothing or all, conditions without effect (S25-S28).

Laws: nothing here is an error; each warning is (field of the page, "" for all of it, code, sentence).
"""

from collections.abc import Iterator

from schemas.authored import RuleBody
from schemas.pages import WILDCARD, Page

Warned = tuple[str, str, str]


def page_warnings(rule: RuleBody, page: Page) -> Iterator[Warned]:
    """Yield what is odd about a page of a rule."""
    if page == Page():
        yield "", "always_true", "an empty page holds for every visit"
    yield from _url_warnings(page.url)
    if page.hits == 1 and not page.every_nth:
        yield "hits", "always_true", "every visit is at least the first"
    if page.every_nth and rule.cap == 1:
        yield "everyNth", "no_effect", "a rule that pays once pays at its first multiple only"
    if page.time_spent_seconds is not None and (rule.cap or 0) > 1:
        yield "timeSpentSeconds", "cap_unused", "a rule with timeSpentSeconds pays once, whatever its cap (S28)"
    if page.returns_after_seconds == 0 and page.returns_within_seconds is None:
        yield "returnsAfterSeconds", "always_true", "every visit but the first is at least 0 seconds later"


def _url_warnings(url: str | None) -> Iterator[Warned]:
    if url is None:
        return
    if not url.strip(WILDCARD):
        yield "url", "always_true", "a pattern of * alone matches every address"
    elif "://" not in url and not url.startswith(WILDCARD):
        yield "url", "no_scheme", "addresses are compared whole: this one has no https:// and no * before it"
    if any(character.isspace() for character in url):
        yield "url", "never_true", "an address has no space: only one that has it too would match"
