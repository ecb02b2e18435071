"""The body of a score profile as people write it: limits, groups, thresholds, decay, a formula.

Laws: strict with authors (schemas.strict); its rules are objects of their own (schemas.authored).
Source: contract section 2 "Profile", semantics S34, S35, S38, S40, D3, D20, D25.
"""

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from schemas.clock_rules import Decay
from schemas.strict import INT32_MAX, Authored, Category, Description, GroupName, Points, ProfileId, RuleName


class Threshold(Authored):
    """A threshold with hysteresis: after an up crossing, down needs a score below ``value - hysteresis`` (S40)."""

    value: Points
    hysteresis: Annotated[int, Field(strict=True, ge=0, le=INT32_MAX)] = 0


class Group(Authored):
    """Limits of what the rules of one group may add to the shown score (S34); an absent one is none (D25)."""

    name: GroupName
    min: Points | None = None
    max: Points | None = None

    @model_validator(mode="after")
    def limits_leave_room(self) -> Self:
        """Refuse limits that exclude each other (D3)."""
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is above max")
        return self


class Formula(Authored):
    """A score made of other profiles' scores (S35): their average; ids may be named once each."""

    average: Annotated[list[ProfileId], Field(min_length=1, max_length=20)]

    @field_validator("average")
    @classmethod
    def operands_differ(cls, operands: list[str]) -> list[str]:
        """Refuse an operand that counts twice."""
        if len(set(operands)) < len(operands):
            raise ValueError("each profile is named once")
        return operands


class ProfileBody(Authored):
    """A score profile as an author writes it; its rules are objects of their own."""

    name: RuleName = "Lead score"
    description: Description | None = None
    category: Category | None = None
    thresholds: Annotated[list[Points | Threshold], Field(max_length=100)] = []  # noqa: RUF012 - pydantic copies it
    floor: Points | None = None
    ceiling: Points | None = None
    groups: Annotated[list[Group], Field(max_length=100)] = []  # noqa: RUF012 - pydantic copies it
    formula: Formula | None = None
    decay: Decay | None = None

    @model_validator(mode="after")
    def thresholds_differ(self) -> Self:
        """Refuse two thresholds of one value."""
        values = [t.value if isinstance(t, Threshold) else t for t in self.thresholds]
        if len(set(values)) < len(values):
            raise ValueError("thresholds must differ in value")
        return self

    @model_validator(mode="after")
    def limits_agree(self) -> Self:
        """Refuse limits that exclude each other (D3), groups of one name, and groups without rules (S35)."""
        if self.floor is not None and self.ceiling is not None and self.floor > self.ceiling:
            raise ValueError("floor is above ceiling")
        if len({group.name for group in self.groups}) < len(self.groups):
            raise ValueError("groups must differ in name")
        if self.formula is not None and self.groups:
            raise ValueError("a profile with a formula has no rules, so no groups")
        if self.formula is not None and self.decay is not None:
            raise ValueError("a profile with a formula has no awards, so no decay")
        return self
