"""What all authored bodies share: a base that forbids unknown fields, and the forms of their fields.

Laws: strict with authors: no coercion (``5.0``, ``"5"`` and ``true`` are not points, S16), unknown fields are errors.
Source: contract sections 1 and 2, semantics S16, S21.
"""

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from schemas.times import format_time, parse_time

INT32_MAX: Final = 2**31 - 1
NOT_A_TIME: Final = "not_a_time"


def _in_output_form(text: str) -> str:
    try:
        return format_time(parse_time(text))
    except ValueError as error:
        raise PydanticCustomError(NOT_A_TIME, "{reason}", {"reason": str(error)}) from error


def check_time(text: str) -> str:
    """Return a text that is a time as it is; refuse any other."""
    _in_output_form(text)
    return text


Points = Annotated[int, Field(strict=True, ge=-(2**31), le=INT32_MAX)]
RuleName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Description = Annotated[str, StringConstraints(max_length=2000)]
Category = Annotated[str, StringConstraints(max_length=200)]
EventType = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
ProfileId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")]
SiteId = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,128}$")]
PropertyName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
GroupName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Instant = Annotated[str, AfterValidator(_in_output_form), Field(json_schema_extra={"format": "date-time"})]


class Authored(BaseModel):
    """Base of authored bodies: camelCase on the wire, strict, closed."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="forbid", strict=True,
        frozen=True, allow_inf_nan=False,
    )  # fmt: skip
