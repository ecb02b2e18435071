"""What REST takes and answers of score profiles: one model per body.

Laws: as `schemas.rest`.  A body that was answered is taken back: what leadstream adds to it is not read.
Source: contract sections 2 and 3, decision 0016.
"""

from typing import Annotated, Final, Literal

from pydantic import Field

from schemas.profiles import ProfileBody
from schemas.rest import RestBody
from schemas.rest_rules import RuleAnswer, RuleCreate
from schemas.strict import INT32_MAX, ProfileId

MAX_RULES: Final = 500


class ProfileRule(RuleCreate):
    """A rule within a profile: with the ``id`` of one of its rules it replaces that, without it is a new one."""

    id: Annotated[int, Field(strict=True, ge=1, le=INT32_MAX)] | None = None


class ProfileReplace(ProfileBody):
    """``PUT /scoring/profiles/{id}``: replaces the body, and with ``rules`` all its rules, in one step."""

    rules: Annotated[list[ProfileRule], Field(max_length=MAX_RULES)] | None = None


class ProfileCreate(ProfileReplace):
    """``POST /scoring/profiles``: without ``id`` it gets one that is made of its name."""

    id: ProfileId | None = None


class RollbackBody(RestBody):
    """``POST /scoring/profiles/{id}/rollback``: which publish to publish again."""

    version: Annotated[int, Field(strict=True, ge=1)]


class WholeProfile(ProfileBody):
    """A body with its rules."""

    rules: list[RuleAnswer]


class ListedProfile(ProfileBody):
    """A profile as it is written, with what is known of it.

    ``version`` counts its publishes, of ``default`` its puts; ``draft`` is null where a publish would change nothing,
    ``published`` where nothing of it scores.  The times of ``default`` are null before its first put.
    """

    id: ProfileId
    org_id: int | str
    status: Literal["draft", "published"]
    version: int
    draft: ProfileBody | None
    published: ProfileBody | None
    created_at: str | None
    updated_at: str | None


class ProfileAnswer(ListedProfile):
    """The same, with the rules of what is written and of what scores."""

    draft: WholeProfile | None  # pyright: ignore[reportIncompatibleVariableOverride] narrower
    published: WholeProfile | None  # pyright: ignore[reportIncompatibleVariableOverride] narrower


class ProfileVersion(RestBody):
    """One publish of a profile: when, since which rulebook version, and what it froze."""

    version: int
    at: str
    rulebook_version: int
    body: WholeProfile
