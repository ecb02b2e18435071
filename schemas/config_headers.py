"""Headers of a `config` record that was made by a request with an Idempotency-Key.

Laws: both or none; a key has 1-255 printable characters; the hash is of the body's canonical JSON, so that spacing and
the order of fields do not count.  Source: contract section 3, decision 0006.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Final, NamedTuple

IDEMPOTENCY_KEY: Final = "leadstream-idempotency-key"
BODY_SHA256: Final = "leadstream-body-sha256"
MAX_KEY_CHARACTERS: Final = 255

Headers = tuple[tuple[str, bytes], ...]


class RequestMark(NamedTuple):
    """What tells a repeated request: its key, and the SHA-256 of its body in hexadecimal digits."""

    key: str
    sha256: str

    @classmethod
    def of(cls, key: str, body: object) -> "RequestMark":
        """Return the mark of a request; ValueError when the key is none."""
        if not 0 < len(key) <= MAX_KEY_CHARACTERS or not key.isprintable():
            raise ValueError(f"an idempotency key has 1-{MAX_KEY_CHARACTERS} printable characters")
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
        return cls(key, hashlib.sha256(canonical.encode()).hexdigest())

    def headers(self) -> Headers:
        """Return the headers that carry it."""
        return (IDEMPOTENCY_KEY, self.key.encode()), (BODY_SHA256, self.sha256.encode())


def mark_of(headers: Iterable[tuple[str, bytes]]) -> RequestMark | None:
    """Return the mark that headers carry; None when there is none, or it cannot be read."""
    found = dict(headers)
    key, sha256 = found.get(IDEMPOTENCY_KEY), found.get(BODY_SHA256)
    if key is None or sha256 is None:
        return None
    try:
        return RequestMark(key.decode(), sha256.decode())
    except UnicodeDecodeError:
        return None
