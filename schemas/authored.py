"""What people author: rules and profiles, as pydantic models that forbid unknown fields.

Laws: strict with authors (schemas.strict).
``RuleBody`` is what an author writes; ``Rule`` is what ``config`` keeps, with what leadstream adds.
Times are RFC 3339 as contract section 1 takes them, and are kept in output form.
Source: contract section 2 "Bodies of authored objects", semantics S10-S21, S25-S29, S40, D2, D3.
"""

from typing import Annotated, Any, Final, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from schemas.events import PAGE_VISIT
from schemas.pages import Page, check_page
from schemas.strict import (
    INT32_MAX,
    Authored,
    Category,
    Description,
    EventType,
    Instant,
    Points,
    ProfileId,
    PropertyName,
    RuleName,
    SiteId,
)  # fmt: skip

DEFAULT_PROFILE: Final = "default"


class RuleBody(Authored):
    """A scoring rule as an author writes it.

    ``event_filter`` as S11, ``max_per_contact`` as S12, ``once_per`` as S13 (a property name, dotted as in filters),
    ``items`` as S14 (an empty list is no limit), ``publish_up`` and ``publish_down`` as S17, ``page`` as S25-S29.
    """

    name: RuleName
    event_type: EventType
    points: Points
    site_id: SiteId | None = None
    event_filter: dict[str, Any] | None = None
    max_per_contact: Annotated[int, Field(strict=True, ge=1, le=INT32_MAX)] | None = None
    repeatable: bool = True
    active: bool = True
    profile_id: ProfileId = DEFAULT_PROFILE
    description: Description | None = None
    category: Category | None = None
    publish_up: Instant | None = None
    publish_down: Instant | None = None
    once_per: PropertyName | None = None
    items: dict[str, list[Any]] | None = None
    page: Page | None = None

    @field_validator("publish_down")
    @classmethod
    def window_opens_before_it_closes(cls, down: str | None, given: ValidationInfo) -> str | None:
        """Refuse a window that closes before it opens (S17)."""
        up = given.data.get("publish_up")
        if up is not None and down is not None and down < up:
            raise ValueError("publishDown lies before publishUp")
        return down

    @field_validator("page")
    @classmethod
    def page_of_visits(cls, page: Page | None, given: ValidationInfo) -> Page | None:
        """Refuse a page that has no meaning beside the type and ``oncePer`` (S25, S28)."""
        check_page(page, given.data.get("event_type", PAGE_VISIT), given.data.get("once_per"))
        return page

    @property
    def cap(self) -> int | None:
        """The number of matches that pay per contact; None is no limit (D3: not repeatable is a cap of 1)."""
        return self.max_per_contact if self.repeatable else 1


class Rule(RuleBody):
    """A rule as ``config`` keeps it; ids are integers per org, never reused; times are output text."""

    id: Annotated[int, Field(strict=True, ge=1, le=INT32_MAX)]
    org_id: str
    created_at: str
    updated_at: str


class Threshold(Authored):
    """A threshold with hysteresis: after an up crossing, down needs a score below ``value - hysteresis`` (S40)."""

    value: Points
    hysteresis: Annotated[int, Field(strict=True, ge=0, le=INT32_MAX)] = 0


class ProfileBody(Authored):
    """A score profile as an author writes it; its rules are objects of their own."""

    name: RuleName = "Lead score"
    description: Description | None = None
    category: Category | None = None
    thresholds: Annotated[list[Points | Threshold], Field(max_length=100)] = []  # noqa: RUF012 - pydantic copies it

    @model_validator(mode="after")
    def thresholds_differ(self) -> Self:
        """Refuse two thresholds of one value."""
        values = [t.value if isinstance(t, Threshold) else t for t in self.thresholds]
        if len(set(values)) < len(values):
            raise ValueError("thresholds must differ in value")
        return self


class Profile(ProfileBody):
    """A profile as ``config`` keeps it."""

    id: ProfileId
    org_id: str
    created_at: str
    updated_at: str
