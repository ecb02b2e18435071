"""API keys as the topic ``api-keys`` keeps them: what a key opens and the SHA-256 of its text, never the text.

Laws: the record key is the key's id, a null value revokes it; times are RFC 3339 text in UTC.
Reads and writes nothing.  Source: quality "Security".
"""

from typing import Final, Literal

import msgspec

Scope = Literal["read", "write", "admin"]

MAX_SITES: Final = 100
MAX_KEY_NAME: Final = 200


class KeyRequest(msgspec.Struct, frozen=True):
    """The request with an Idempotency-Key that made a key: that, and the SHA-256 of its body in hexadecimal digits."""

    key: str
    sha256: str


class ApiKeyRecord(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """One key; ``hash`` is 64 hexadecimal digits, ``sites`` null is every site, ``expires_at`` null is never."""

    hash: str
    org_id: str
    scope: Scope
    created_at: str
    sites: list[str] | None = None
    expires_at: str | None = None
    name: str | None = None
    request: KeyRequest | None = None
