"""What people author: rules and profiles, as pydantic models that forbid unknown fields.

Laws: strict with authors: no coercion (``5.0``, ``"5"`` and ``true`` are not points, S16), unknown fields are errors.
``RuleBody`` is what an author writes; ``Rule`` is what ``config`` keeps, with what leadstream adds.
Times are RFC 3339 as contract section 1 takes them, and are kept in output form.
Source: contract section 2 "Bodies of authored objects", semantics S10-S21, S40, D2, D3.
"""

from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)  # fmt: skip
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from schemas.times import format_time, parse_time

INT32_MAX: Final = 2**31 - 1
DEFAULT_PROFILE: Final = "default"
NOT_A_TIME: Final = "not_a_time"


def _in_output_form(text: str) -> str:
    try:
        return format_time(parse_time(text))
    except ValueError as error:
        raise PydanticCustomError(NOT_A_TIME, "{reason}", {"reason": str(error)}) from error


Points = Annotated[int, Field(strict=True, ge=-(2**31), le=INT32_MAX)]
RuleName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Description = Annotated[str, StringConstraints(max_length=2000)]
EventType = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
ProfileId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")]
SiteId = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,128}$")]
PropertyName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Instant = Annotated[str, AfterValidator(_in_output_form), Field(json_schema_extra={"format": "date-time"})]


class Authored(BaseModel):
    """Base of authored bodies: camelCase on the wire, strict, closed."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="forbid", strict=True,
        frozen=True, allow_inf_nan=False,
    )  # fmt: skip


class RuleBody(Authored):
    """A scoring rule as an author writes it.

    ``event_filter`` as S11, ``max_per_contact`` as S12, ``once_per`` as S13 (a property name, dotted as in filters),
    ``items`` as S14 (an empty list is no limit), ``publish_up`` and ``publish_down`` as S17.
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
    category: Annotated[str, StringConstraints(max_length=200)] | None = None
    publish_up: Instant | None = None
    publish_down: Instant | None = None
    once_per: PropertyName | None = None
    items: dict[str, list[Any]] | None = None

    @field_validator("publish_down")
    @classmethod
    def window_opens_before_it_closes(cls, down: str | None, given: ValidationInfo) -> str | None:
        """Refuse a window that closes before it opens (S17)."""
        up = given.data.get("publish_up")
        if up is not None and down is not None and down < up:
            raise ValueError("publishDown lies before publishUp")
        return down

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
    category: Annotated[str, StringConstraints(max_length=200)] | None = None
    thresholds: Annotated[list[Points | Threshold], Field(max_length=100)] = []

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
