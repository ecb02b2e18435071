"""What a rule asks of visits, as people write it (S25-S29).

Laws: strict with authors (schemas.strict); what could never hold is refused where it is given.
"""

from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from schemas.events import EMAIL_CLICK, PAGE_VISIT
from schemas.strict import INT32_MAX, Authored

PAGE_TYPES: Final = (PAGE_VISIT, EMAIL_CLICK)
WILDCARD: Final = "*"
MAX_WILDCARDS: Final = 8
TOO_MANY_WILDCARDS: Final = "too_many_wildcards"


def _few_wildcards(pattern: str) -> str:
    if pattern.count(WILDCARD) > MAX_WILDCARDS:
        raise PydanticCustomError(TOO_MANY_WILDCARDS, "a pattern has at most {most} *", {"most": MAX_WILDCARDS})
    return pattern


UrlPattern = Annotated[str, StringConstraints(min_length=1, max_length=512), AfterValidator(_few_wildcards)]
Seconds = Annotated[int, Field(strict=True, ge=0, le=INT32_MAX)]
Positive = Annotated[int, Field(strict=True, ge=1, le=INT32_MAX)]


class Page(Authored):
    """What a rule asks of visits: all that is given must hold (S29).

    ``url`` is a pattern, absent for any page; ``every_nth`` pays at each multiple of ``hits``.
    """

    url: UrlPattern | None = None
    hits: Positive | None = None
    every_nth: bool = False
    returns_within_seconds: Seconds | None = None
    returns_after_seconds: Seconds | None = None
    time_spent_seconds: Positive | None = None

    @field_validator("every_nth")
    @classmethod
    def every_nth_of_some_hits(cls, every_nth: bool, given: ValidationInfo) -> bool:
        """Refuse ``everyNth`` without a number of hits (S26)."""
        if every_nth and "hits" in given.data and given.data["hits"] is None:
            raise ValueError("everyNth needs hits")
        return every_nth

    @field_validator("returns_after_seconds")
    @classmethod
    def returns_can_be(cls, after: int | None, given: ValidationInfo) -> int | None:
        """Refuse a return that would have to be later than it may be (S27)."""
        within = given.data.get("returns_within_seconds")
        if after is not None and within is not None and within < after:
            raise ValueError("returnsAfterSeconds is more than returnsWithinSeconds")
        return after


def check_page(page: Page | None, event_type: str | None, once_per: str | None) -> None:
    """Refuse pages of events that are no visits, and ``oncePer`` where the event that pays is another one (S28)."""
    if page is None:
        return
    if event_type not in PAGE_TYPES:
        raise ValueError(f"only rules of type {' and '.join(PAGE_TYPES)} have a page")
    if page.time_spent_seconds is not None and once_per is not None:
        raise ValueError("a rule with timeSpentSeconds pays once: oncePer has no meaning beside it")
