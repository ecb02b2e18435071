"""What REST takes and answers of rules, field by field as PushMail does.

Laws: as `schemas.rest`.  Source: contract section 3.
"""

from typing import Any

from pydantic import ConfigDict

from schemas.authored import Rule, RuleBody, SiteId
from schemas.rest import Int64, RestBody


class RuleFireCount(RestBody):
    """How often a rule has fired over all contacts, and how many contacts have it in their counts."""

    rule_id: int
    rule_name: str
    site_id: int | str | None
    fires: int
    contacts: int


def _nothing_required(schema: dict[str, Any]) -> None:
    """Make a schema one of a partial body: what is absent stays as it is, so nothing has a default either."""
    schema.pop("required", None)
    for field in schema["properties"].values():
        field.pop("default", None)


class RuleCreate(RuleBody):
    """``POST /scoring/rules``."""

    site_id: Int64 | SiteId | None = None  # pyright: ignore[reportIncompatibleVariableOverride] REST takes both


class RuleUpdate(RuleCreate):
    """``PUT /scoring/rules/{id}``: changes what it names; null clears."""

    model_config = ConfigDict(json_schema_extra=_nothing_required)


class RuleAnswer(Rule):
    """A rule."""

    org_id: int | str  # pyright: ignore[reportIncompatibleVariableOverride] as REST writes ids
    site_id: int | str | None = None  # pyright: ignore[reportIncompatibleVariableOverride] as REST writes ids
