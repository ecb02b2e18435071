"""What is odd about the page of a rule: patterns that match nothing or all, conditions without effect (S25-S28).

Laws: nothing here is an error.
"""

from collections.abc import Iterator

from schemas.authored import RuleBody
from schemas.pages import WILDCARD, Page
from schemas.times import parse_time
from stream_app.authoring.problems import Problem, warning


def page_warnings(rule: RuleBody, page: Page) -> Iterator[Problem]:
    """Yield what is odd about a page of a rule."""
    if page == Page():
        yield warning("always_true", "an empty page holds for every visit", "page")
    if page.url is not None:
        yield from _url_warnings(page.url)
    if page.hits == 1 and not page.every_nth:
        yield warning("always_true", "every visit is at least the first", "page", "hits")
    if page.every_nth and rule.cap == 1:
        yield warning("no_effect", "a rule that pays once pays at its first multiple only", "page", "everyNth")
    if page.time_spent_seconds is not None and (rule.cap or 0) > 1:
        message = "a rule with timeSpentSeconds pays once, whatever its cap (S28)"
        yield warning("cap_unused", message, "page", "timeSpentSeconds")
    if page.returns_after_seconds == 0 and page.returns_within_seconds is None:
        message = "every visit but the first is at least 0 seconds later"
        yield warning("always_true", message, "page", "returnsAfterSeconds")
    if _longer_than_window(rule, page.returns_after_seconds):
        message = "visits count inside the publish window only, which is shorter than this"
        yield warning("never_true", message, "page", "returnsAfterSeconds")


def _url_warnings(url: str) -> Iterator[Problem]:
    if not url.strip(WILDCARD):
        yield warning("always_true", "a pattern of * alone matches every address", "page", "url")
    elif "://" not in url and not url.startswith(WILDCARD):
        message = "addresses are compared whole: this one has no https:// and no * before it"
        yield warning("no_scheme", message, "page", "url")
    if any(character.isspace() for character in url):
        message = "an address has no space: only one that has it too would match"
        yield warning("never_true", message, "page", "url")


def _longer_than_window(rule: RuleBody, seconds: int | None) -> bool:
    if seconds is None or rule.publish_up is None or rule.publish_down is None:
        return False
    return seconds * 1000 > parse_time(rule.publish_down) - parse_time(rule.publish_up)
