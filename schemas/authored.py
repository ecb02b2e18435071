"""What people author: rules and profiles, as pydantic models that forbid unknown fields.

Laws: strict with authors (schemas.strict).
``RuleBody`` is what an author writes; ``Rule`` is what ``config`` keeps, with what leadstream adds.
Times are RFC 3339 as contract section 1 takes them, and are kept in output form.
Source: contract section 2 "Bodies of authored objects", semantics S10-S21, S25-S29, S31, S36, S37, D2, D3.
"""

from typing import Annotated, Any, Final, Literal, Self, cast

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from schemas.clock_rules import Inactivity
from schemas.conditions import Condition
from schemas.events import PAGE_VISIT
from schemas.pages import Page, check_page
from schemas.profiles import ProfileBody
from schemas.strict import (
    INT32_MAX,
    Authored,
    Category,
    Description,
    EventType,
    GroupName,
    Instant,
    Points,
    ProfileId,
    PropertyName,
    RuleName,
    SiteId,
    check_time,
)  # fmt: skip

DEFAULT_PROFILE: Final = "default"


class RuleBody(Authored):
    """A scoring rule as an author writes it.

    ``event_filter`` as S11, ``max_per_contact`` as S12, ``once_per`` as S13 (a property name, dotted as in filters),
    ``items`` as S14 (an empty list is no limit), ``publish_up`` and ``publish_down`` as S17, ``group`` as S34,
    ``page`` as S25-S29.
    One with ``attribute`` is a fit rule (S36).
    """

    name: RuleName
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
    group: GroupName | None = None
    attribute: Condition | None = None
    inactivity: Inactivity | None = None
    event_type: EventType | None = None
    page: Page | None = None

    @model_validator(mode="before")
    @classmethod
    def an_absent_type_is_judged(cls, value: object) -> object:
        """Make an absent type null, so that it is judged in its place."""
        if not isinstance(value, dict):
            return value
        fields = cast("dict[str, object]", value)
        return fields if {"eventType", "event_type"} & fields.keys() else {**fields, "eventType": None}

    @field_validator("event_type")
    @classmethod
    def what_makes_it_fire(cls, event_type: str | None, given: ValidationInfo) -> str | None:
        """Ask for a type unless something else makes the rule pay."""
        others = [name for name in ("attribute", "inactivity") if given.data.get(name) is not None]
        judged = {"attribute", "inactivity"} <= given.data.keys()
        if event_type is None and judged and not others:
            raise PydanticCustomError("missing", "Field required")
        if event_type is not None and others:
            raise ValueError("a rule with attribute or inactivity waits for no event")
        return event_type

    @model_validator(mode="after")
    def a_fit_rule_asks_for_no_event(self) -> Self:
        """Refuse with ``attribute`` what only events have: it would have no meaning."""
        asks = {
            "siteId": self.site_id, "eventFilter": self.event_filter, "items": self.items, "page": self.page,
            "oncePer": self.once_per, "publishUp": self.publish_up, "publishDown": self.publish_down,
            "maxPerContact": self.cap,
        }  # fmt: skip
        foreign = [name for name, value in asks.items() if value is not None]
        if self.attribute is not None and foreign:
            raise ValueError(f"a rule with attribute pays while that holds; it has no {', '.join(foreign)}")
        return self

    @model_validator(mode="after")
    def a_silence_asks_for_no_event(self) -> Self:
        """Refuse with ``inactivity`` what only events have, and a second reason to pay."""
        asks = {
            "siteId": self.site_id, "eventFilter": self.event_filter, "items": self.items, "oncePer": self.once_per,
            "attribute": self.attribute,
        }  # fmt: skip
        foreign = [name for name, value in asks.items() if value is not None]
        if self.inactivity is not None and foreign:
            raise ValueError(f"a rule with inactivity pays when nothing happens; it has no {', '.join(foreign)}")
        return self

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

    @field_validator("updated_at")
    @classmethod
    def a_silence_is_live_since_a_time(cls, updated_at: str, given: ValidationInfo) -> str:
        """Refuse a silence whose record does not say since when it is live (D10)."""
        return updated_at if given.data.get("inactivity") is None else check_time(updated_at)


class Profile(ProfileBody):
    """A live profile as ``config`` keeps it: the default one, which has no draft (S30)."""

    id: ProfileId
    org_id: str
    created_at: str
    updated_at: str

    @field_validator("updated_at")
    @classmethod
    def it_decays_since_a_time(cls, updated_at: str, given: ValidationInfo) -> str:
        """Refuse a decay whose record does not say since when (decision 0015)."""
        return updated_at if given.data.get("decay") is None else check_time(updated_at)

    @model_validator(mode="after")
    def default_has_rules(self) -> Self:
        """Refuse a formula for ``default``: PushMail's rules are its rules."""
        if self.id == DEFAULT_PROFILE and self.formula is not None:
            raise ValueError("the default profile has rules, so no formula")
        return self


class PublishedProfile(ProfileBody):
    """What one publish froze: a body and its rules (S31)."""

    rules: Annotated[list[Rule], Field(max_length=500)] = []  # noqa: RUF012 - pydantic copies it

    @model_validator(mode="after")
    def rules_are_its_own(self) -> Self:
        """Refuse rules beside a formula (S35), and one id twice."""
        if self.formula is not None and self.rules:
            raise ValueError("a profile with a formula has no rules")
        if len({rule.id for rule in self.rules}) < len(self.rules):
            raise ValueError("rules must differ in id")
        return self


class ProfileRecord(Authored):
    """Any other profile as ``config`` keeps it: what is being written, and what scores (S31).

    ``version`` counts its publishes; ``published`` is None before the first and after an unpublish.  Rules with its
    ``profile_id`` are its draft; a publish is the one record that freezes body and rules.
    """

    id: ProfileId
    org_id: str
    created_at: str
    updated_at: str
    status: Literal["draft", "published"]
    version: Annotated[int, Field(strict=True, ge=0)]
    draft: ProfileBody | None
    published: PublishedProfile | None

    @model_validator(mode="after")
    def belongs_together(self) -> Self:
        """Refuse ``default``, a publish without number or (where the clock acts) time, and rules of another profile."""
        rules = [] if self.published is None else self.published.rules
        by_clock = self.published is not None and self.published.decay is not None
        if by_clock or any(rule.inactivity is not None for rule in rules):
            check_time(self.updated_at)
        if self.id == DEFAULT_PROFILE or (self.published is not None and self.version == 0):
            raise ValueError("default has no draft, and the first publish is version 1")
        if any((rule.org_id, rule.profile_id) != (self.org_id, self.id) for rule in rules):
            raise ValueError("a published rule is of its profile")
        return self
