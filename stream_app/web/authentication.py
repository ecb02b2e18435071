"""Who asks: bearer keys, and the guards in front of every route.

Laws: a request reaches a handler only with what its `Route` needs, a scope or the root key; keys are held as SHA-256
and compared in constant time, all of them, so that neither a match nor its place shows in the time taken; the org
comes from the key, only the root key names one.  A worker bound to loopback answers only requests addressed to loopback
(DNS rebinding).
"""

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler
from yarl import URL

from schemas.ids import valid_org
from stream_app.web.problems import Problem, bad_parameter
from stream_app.web.route import Needs, Scope, route_of

PROBES: Final = frozenset({"/live", "/ready"})
RANKS: Final[Mapping[Needs, int]] = {"open": 0, "read": 1, "write": 2, "admin": 3, "root": 4}
MAX_BODY_BYTES: Final = 1024 * 1024
MAX_HEADER_BYTES: Final = 8 * 1024


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


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as kept: its SHA-256 and what it opens."""

    digest: bytes
    principal: Principal

    @classmethod
    def of(cls, key: str, principal: Principal) -> "ApiKey":
        """Make the kept form of a key's text."""
        return cls(hashlib.sha256(key.encode()).digest(), principal)


def new_key(key_id: str) -> str:
    """Return a fresh key text ``ls_<id>_<secret>`` with 256 random bits."""
    return f"ls_{key_id}_{secrets.token_hex(32)}"


class Keys:
    """The keys in force: the root key, if set, and API keys of orgs."""

    def __init__(self, root_key: str | None, api_keys: Iterable[ApiKey] = ()) -> None:
        root = [ApiKey.of(root_key, Principal("root", None, "admin"))] if root_key else []
        self._keys = [*root, *api_keys]

    def holder(self, authorization: str | None) -> Principal | None:
        """Return whose key an Authorization header carries."""
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            return None
        presented = hashlib.sha256(key.strip().encode("utf-8", "surrogateescape")).digest()
        found: Principal | None = None
        for known in self._keys:
            if hmac.compare_digest(known.digest, presented):
                found = known.principal
        return found


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


class Guard:
    """The middleware that checks limits, the Host header and the key, in this order, before any handler runs."""

    def __init__(self, keys: Keys, bind: str, advertised_url: str) -> None:
        self._keys = keys
        self._loopback = is_loopback(bind)
        self._advertised = URL(advertised_url).host

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request through or raise its problem."""
        self._limits(request)
        if self._loopback and request.path not in PROBES and not self._addressed_here(request.host):
            raise Problem(421, "wrong_host", "This worker answers only requests addressed to this machine itself.")
        route = route_of(request)
        if route is not None and route.scope != "open":
            request[PRINCIPAL] = self._holder(request, route.scope)
        return await handler(request)

    def _holder(self, request: web.Request, needs: Needs) -> Principal:
        holder = self._keys.holder(request.headers.get("Authorization"))
        if holder is None:
            headers = {"WWW-Authenticate": 'Bearer realm="leadstream"'}
            raise Problem(401, "unauthorised", "Send a valid key as Authorization: Bearer.", headers=headers)
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
