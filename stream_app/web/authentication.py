"""Who asks: bearer keys, and the guards in front of every route.

Laws: a request reaches a handler only with what its `Route` needs, a scope or the root key; the root key is held as
SHA-256 and compared in constant time, as API keys are; the org comes from the key, only the root key names one.  Before
the API keys are known a request with one is a 503, never a guess.  Each API key has its rate, and so have the failed
attempts of one address, which never lock out a valid key behind it; the root key has none.  A worker bound to loopback
answers only requests addressed to loopback (DNS rebinding).  An address that is not percent-encoded UTF-8 reaches no
handler, nor does a Content-Type that cannot be read.
"""

import hmac
import ipaddress
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import unquote_to_bytes

from aiohttp import web
from aiohttp.typedefs import Handler
from yarl import URL

from schemas.ids import valid_org
from stream_app.authoring.api_keys import KeyRing, digest_of
from stream_app.settings import Settings
from stream_app.web.problems import Problem, bad_parameter
from stream_app.web.rate_limit import RateLimit, peer_name
from stream_app.web.route import Needs, Scope, route_of

PROBES: Final = frozenset({"/live", "/ready"})
RANKS: Final[Mapping[Needs, int]] = {"open": 0, "read": 1, "write": 2, "admin": 3, "root": 4}
MAX_BODY_BYTES: Final = 1024 * 1024
MAX_HEADER_BYTES: Final = 8 * 1024
_NO_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Principal:
    """The holder of a key; ``org_id`` None is the root key's; ``sites`` None are all sites of the org."""

    key_id: str
    org_id: str | None
    scope: Scope
    sites: frozenset[str] | None = None

    def may(self, needs: Needs) -> bool:
        """Tell whether this key suffices for a route."""
        return self.org_id is None or RANKS[self.scope] >= RANKS[needs]


PRINCIPAL: Final = web.RequestKey("principal", Principal)
ROOT: Final = Principal("root", None, "admin")


class KeysInForce(Protocol):
    """Who knows the API keys of orgs."""

    def ring(self) -> KeyRing | None:
        """Return the keys in force; None while they are not known."""
        ...


class Keys:
    """The keys in force: the root key, if set, and API keys of orgs."""

    def __init__(self, root_key: str | None, api_keys: KeysInForce) -> None:
        self._root = digest_of(root_key) if root_key else None
        self._api_keys = api_keys

    def holder(self, authorization: str | None) -> Principal | None:
        """Return whose key an Authorization header carries; Problem 503 while that cannot be told."""
        scheme, _, key = (authorization or "").partition(" ")
        text = key.strip()
        if scheme.lower() != "bearer" or not text:
            return None
        if self._root is not None and hmac.compare_digest(self._root, digest_of(text)):
            return ROOT
        ring = self._api_keys.ring()
        if ring is None:
            headers = {"Retry-After": "1"}
            raise Problem(503, "keys_not_known", "This worker does not know the API keys now.", headers=headers)
        found = ring.holder(text, time.time_ns() // 1_000_000)
        return None if found is None else Principal(found.id, found.org_id, found.scope, found.sites)


IN_FORCE: Final = web.AppKey("in_force", Keys)


def still_open(request: web.Request) -> bool:
    """Tell whether the key with which a long answer began is in force: revoked, expired or unknown ends it."""
    try:
        return request.app[IN_FORCE].holder(request.headers.get("Authorization")) == request[PRINCIPAL]
    except Problem:
        return False


def org_of(request: web.Request) -> str:
    """Return the org that a request may read; the root key says which by ``?orgId=``."""
    principal, asked = request[PRINCIPAL], request.query.get("orgId")
    if principal.org_id is not None:
        if asked not in (None, principal.org_id):
            raise Problem(403, "foreign_org", "This key belongs to another org.")
        return principal.org_id
    if asked is None or not valid_org(asked):
        raise bad_parameter("orgId", "the root key reads one org at a time, named by ?orgId=")
    return asked


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _limit(wait: float) -> None:
    if wait > 0:
        headers = {"Retry-After": str(math.ceil(wait))}
        raise Problem(429, "too_many_requests", "Too many requests: ask again later.", headers=headers)


def _check_address(raw: str) -> None:
    """Refuse an address that names nothing for sure: the id in it would be guessed."""
    try:
        unquote_to_bytes(raw).decode()
        readable = _NO_ESCAPE.search(raw) is None
    except UnicodeError:
        readable = False
    if not readable:
        raise Problem(400, "invalid_address", "The address is not percent-encoded UTF-8.")


def _check_content_type(request: web.Request) -> None:
    """Refuse a Content-Type that cannot be read, before a handler asks for it."""
    try:
        _ = request.content_type
    except ValueError:  # aiohttp leaves it to the standard library: int() of a number of 4,301 digits, a charset idna
        raise Problem(400, "invalid_content_type", "The Content-Type is none.") from None


class Guard:
    """The middleware that checks limits, the Host header and the key, in this order, before any handler runs."""

    def __init__(self, keys: Keys, settings: Settings) -> None:
        self._keys = keys
        self._loopback = is_loopback(settings.web_bind)
        self._advertised = URL(settings.advertised_url).host
        self._rate = RateLimit(settings.rate_limit_per_second)
        self._failures = RateLimit(settings.rate_limit_per_second)

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request through or raise its problem."""
        self._limits(request)
        if self._loopback and request.path not in PROBES and not self._addressed_here(request.host):
            raise Problem(421, "wrong_host", "This worker answers only requests addressed to this machine itself.")
        route = route_of(request)
        if route is not None and route.scope != "open":
            request[PRINCIPAL] = self._holder(request, route.scope)
            _check_address(request.raw_path)
            _check_content_type(request)
        return await handler(request)

    def _holder(self, request: web.Request, needs: Needs) -> Principal:
        holder = self._keys.holder(request.headers.get("Authorization"))
        if holder is None:
            _limit(self._failures.wait(peer_name(request.remote)))
            headers = {"WWW-Authenticate": 'Bearer realm="leadstream"'}
            raise Problem(401, "unauthorised", "Send a valid key as Authorization: Bearer.", headers=headers)
        if holder is not ROOT:
            _limit(self._rate.wait(holder.key_id))
        if not holder.may(needs):
            what = "the root key" if needs == "root" else f"a key of scope {needs}"
            raise Problem(403, "insufficient_scope", f"This takes {what}.")
        return holder

    def _limits(self, request: web.Request) -> None:
        if sum(len(name) + len(value) + 4 for name, value in request.raw_headers) > MAX_HEADER_BYTES:
            raise Problem(431, "headers_too_large", "Headers may have at most 8 KiB.")
        if (request.content_length or 0) > MAX_BODY_BYTES:
            raise Problem(413, "body_too_large", "A body may have at most 1 MiB.")

    def _addressed_here(self, host: str) -> bool:
        try:
            name = URL(f"http://{host}").host
        except ValueError:
            return False
        return name is not None and (is_loopback(name) or name == self._advertised)
