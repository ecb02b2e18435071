"""What REST takes and answers of API keys.

Laws: as `schemas.rest`.  Source: contract section 3.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.api_keys import MAX_KEY_NAME, MAX_SITES, Scope
from schemas.authored import SiteId
from schemas.ids import ORG_PATTERN
from schemas.rest import RestBody

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


class Holder(RestBody):
    """Whose key a request carries; the root key has no id, and no org of its own."""

    key_id: str | None
    org_id: int | str | None
    scope: Literal["read", "write", "admin", "root"]
    sites: list[int | str] | None
