"""API keys as values: made, told by their text, folded from the records of ``api-keys``.

Laws: a key's text exists once, in the answer that made it; kept is its SHA-256, which no repr shows; a text is looked
up by the id in it and compared in constant time, an unknown id with a digest of nothing; what no record names takes
no memory; an expired key is nobody's, asked at each request.
Reads and writes nothing.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from schemas.api_keys import ApiKeyRecord, KeyRequest, Scope
from schemas.config_headers import RequestMark
from schemas.ids import rest_id, valid_org
from schemas.times import format_time, parse_time

NOBODY: Final = bytes(32)
REMEMBERED_MS: Final = 24 * 60 * 60 * 1000
_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_DECODER: Final = msgspec.json.Decoder(ApiKeyRecord)
_ENCODER: Final = msgspec.json.Encoder()

valid_key_id = _ID.fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key in force or expired; times in milliseconds, ``sites`` None is every site of its org."""

    id: str
    digest: bytes = field(repr=False)
    org_id: str
    scope: Scope
    created_at: int = 0
    sites: frozenset[str] | None = None
    expires_at: int | None = None
    name: str | None = None
    request: RequestMark | None = None

    def encode(self) -> bytes:
        """Return the record's value."""
        record = ApiKeyRecord(
            hash=self.digest.hex(),
            org_id=self.org_id,
            scope=self.scope,
            created_at=format_time(self.created_at),
            sites=None if self.sites is None else sorted(self.sites),
            expires_at=None if self.expires_at is None else format_time(self.expires_at),
            name=self.name,
            request=None if self.request is None else KeyRequest(*self.request),
        )
        return _ENCODER.encode(record)


def digest_of(text: str) -> bytes:
    """Return the SHA-256 of a key's text, whatever characters a client sent."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def new_key(key_id: str) -> str:
    """Return a fresh key text ``ls_<id>_<secret>`` with 256 random bits."""
    return f"ls_{key_id}_{secrets.token_hex(32)}"


def make_key(
    *,
    org_id: str,
    scope: Scope,
    now: int,
    sites: frozenset[str] | None = None,
    expires_at: int | None = None,
    name: str | None = None,
    request: RequestMark | None = None,
) -> tuple[ApiKey, str]:
    """Return a new key with a random id, and its text."""
    key_id = secrets.token_hex(8)
    text = new_key(key_id)
    key = ApiKey(
        id=key_id, digest=digest_of(text), org_id=org_id, scope=scope, created_at=now, sites=sites,
        expires_at=expires_at, name=name, request=request,
    )  # fmt: skip
    return key, text


def decode_key(key_id: str, value: bytes) -> ApiKey:
    """Return a record's key; ValueError when it is none."""
    try:
        record = _DECODER.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not a key: {type(error).__name__}") from None
    digest = bytes.fromhex(record.hash)
    if len(digest) != len(NOBODY) or not valid_org(record.org_id):
        raise ValueError("not a SHA-256, or not an org id")
    return ApiKey(
        id=key_id,
        digest=digest,
        org_id=record.org_id,
        scope=record.scope,
        created_at=parse_time(record.created_at),
        sites=None if record.sites is None else frozenset(record.sites),
        expires_at=None if record.expires_at is None else parse_time(record.expires_at),
        name=record.name,
        request=None if record.request is None else RequestMark(record.request.key, record.request.sha256),
    )


def expiry(text: str, now: int) -> int:
    """Return when a new key shall expire; ValueError when that is no time, or has passed."""
    at = parse_time(text)
    if at <= now:
        raise ValueError("lies in the past")
    return at


def shown(key: ApiKey) -> dict[str, Any]:
    """Return a key as REST and the command line show it: neither text nor hash."""
    return {
        "id": key.id,
        "orgId": rest_id(key.org_id),
        "scope": key.scope,
        "sites": None if key.sites is None else [rest_id(site) for site in sorted(key.sites)],
        "expiresAt": None if key.expires_at is None else format_time(key.expires_at),
        "createdAt": format_time(key.created_at),
        "name": key.name,
    }


class KeyRing:
    """The keys that have not been revoked, by id, in the order of their records."""

    def __init__(self, keys: Iterable[ApiKey] = ()) -> None:
        self._keys = {key.id: key for key in keys}

    def __len__(self) -> int:
        return len(self._keys)

    def get(self, key_id: str) -> ApiKey | None:
        """Return a key, expired or not; None when it was revoked or never made."""
        return self._keys.get(key_id)

    def of_org(self, org_id: str) -> list[ApiKey]:
        """Return an org's keys, the oldest first."""
        found = [key for key in self._keys.values() if key.org_id == org_id]
        return sorted(found, key=lambda key: (key.created_at, key.id))

    def made_by(self, org_id: str, request: str, now: int) -> ApiKey | None:
        """Return the first key that a request made at most 24 hours before ``now``, by its Idempotency-Key."""
        for key in self._keys.values():
            if key.request is not None and (key.org_id, key.request.key) == (org_id, request):
                if key.created_at > now - REMEMBERED_MS:
                    return key
        return None

    def holder(self, text: str, now: int) -> ApiKey | None:
        """Return the key of a text, None when it is none, is revoked or has expired at ``now``."""
        key = self._keys.get(_id_in(text))
        same = hmac.compare_digest(NOBODY if key is None else key.digest, digest_of(text))
        if key is None or not same or (key.expires_at is not None and key.expires_at <= now):
            return None
        return key

    def fold(self, record_key: bytes, value: bytes | None) -> str | None:
        """Take one record; return why it changes nothing, or None.

        A record that cannot be read takes its key out of force: better a key too few.
        """
        key_id = record_key.decode("utf-8", "replace")
        self._keys.pop(key_id, None)
        if value is None:
            return None
        if not valid_key_id(key_id):
            return "not a key id"
        try:
            self._keys[key_id] = decode_key(key_id, value)
        except ValueError as error:
            return str(error)
        return None


def _id_in(text: str) -> str:
    """Return the id in ``ls_<id>_<secret>``; an empty text, which is no id, when there is none."""
    words = text.split("_", 2)
    return words[1] if len(words) == 3 and words[0] == "ls" else ""
