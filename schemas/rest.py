"""What REST takes and answers beside authored objects: one model per body.

Laws: what is received is strict and closed, as every authored body; what is answered names its fields as PushMail does
where PushMail has them.  Source: contract section 3.
"""

from typing import Annotated

from pydantic import Field, StringConstraints

from schemas.api_keys import MAX_KEY_NAME, MAX_SITES, Scope
from schemas.authored import Authored, SiteId
from schemas.ids import ORG_PATTERN


class RestBody(Authored):
    """Base of bodies that REST receives: camelCase on the wire, strict, closed."""


KeyOrg = Annotated[int, Field(ge=0, le=2**63 - 1)] | Annotated[str, StringConstraints(pattern=ORG_PATTERN)]
KeySite = Annotated[int, Field(ge=0, le=2**63 - 1)] | SiteId


class KeyBody(RestBody):
    """``POST /keys``: no ``sites`` is every site of the org, no ``expiresAt`` is for ever."""

    org_id: KeyOrg
    scope: Scope
    sites: Annotated[list[KeySite], Field(min_length=1, max_length=MAX_SITES)] | None = None
    expires_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = None
    name: Annotated[str, StringConstraints(min_length=1, max_length=MAX_KEY_NAME)] | None = None


class KeyAnswer(RestBody):
    """An API key without its text."""

    id: str
    org_id: int | str
    scope: Scope
    sites: list[int | str] | None
    expires_at: str | None
    created_at: str
    name: str | None


class NewKeyAnswer(KeyAnswer):
    """A new API key; ``key`` is its text, told once."""

    key: str
