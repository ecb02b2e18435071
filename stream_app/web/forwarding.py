"""Any worker answers for any contact: the middleware that sends a request to the worker whose answer it needs.

Laws: after the guard, so nothing unauthorised is sent on, and the owner checks the key again; at most one hop; what
cannot be answered is a 503, with Retry-After wherever asking again does no harm.  A change of rules answered through
this worker is in force on it before the client hears of it.  Decision 0007.
Reads Owners; asks Peers.
"""

from typing import Final, Protocol, assert_never

from aiohttp import web
from aiohttp.typedefs import Handler

from schemas.hop import FORWARDED, RULEBOOK_VERSION
from schemas.ids import contact_key, valid_id
from stream_app.processing.placement import partition_of
from stream_app.reading.owners import At, Here, Owners, Unknown
from stream_app.web.authentication import org_of
from stream_app.web.content_encoding import body_of
from stream_app.web.peers import Answered, NoAnswer, NotSent, Peers
from stream_app.web.problems import REQUEST_ID, Problem
from stream_app.web.route import Route, route_of

OWNERS: Final = web.AppKey("owners", Owners)
PEERS: Final = web.AppKey("peers", Peers)

CONFIG_PARTITION: Final = 0
RULEBOOK_SECONDS: Final = 5.0
REPEATABLE: Final = frozenset({"PUT", "DELETE"})


class RulebookReader(Protocol):
    """Reads ``config`` on this worker."""

    async def has_read(self, version: int, seconds: float, /) -> bool:
        """Wait for a version for at most so long; tell whether it is in force here."""
        ...


class Forwarding:
    """Knows who must answer, and asks."""

    def __init__(
        self, owners: Owners, peers: Peers, rulebooks: RulebookReader, *, rulebook_seconds: float = RULEBOOK_SECONDS
    ) -> None:
        self._owners, self._peers, self._rulebooks = owners, peers, rulebooks
        self._rulebook_seconds = rulebook_seconds

    @web.middleware
    async def pass_on(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let this worker's handler answer, or the owner's."""
        route = route_of(request)
        partition = None if route is None else _partition(request, route, self._owners.partitions)
        if route is None or partition is None:
            return await handler(request)
        match self._owners.of(partition):
            case Here():
                return await handler(request)
            case Unknown() as nobody:
                raise unknown(nobody)
            case At(url):
                if FORWARDED in request.headers:
                    raise elsewhere(partition)
                return await self._forward(request, route, partition, url)
            case never:
                assert_never(never)

    async def _forward(self, request: web.Request, route: Route, partition: int, url: str) -> web.Response:
        answer = await self._peers.ask(url, request, await body_of(request))
        match answer:
            case NoAnswer(why) if request.method != "GET":
                raise _outcome_unknown(request, route, partition, why)
            case NotSent(why) | NoAnswer(why):
                raise unreachable(partition, why)
            case Answered():
                return await self._returned(request, partition, answer)
            case never:
                assert_never(never)

    async def _returned(self, request: web.Request, partition: int, answer: Answered) -> web.Response:
        if answer.status == 401:
            raise keys_differ(partition)
        request[REQUEST_ID] = answer.request_id or request[REQUEST_ID]
        status, headers = answer.status, dict(answer.headers)
        version = headers.get(RULEBOOK_VERSION, "")
        if version.isdecimal() and not await self._rulebooks.has_read(int(version), self._rulebook_seconds):
            status = 202
            headers.setdefault("Location", request.path)
        return web.Response(status=status, headers=headers, body=answer.body)


def unknown(nobody: Unknown) -> Problem:
    """Return the answer while a partition has no owner that this worker knows."""
    return _unavailable("owner_unknown", f"Partition {nobody.partition} has no owner now: {nobody.why}.")


def elsewhere(partition: int) -> Problem:
    """Return the answer to a request that has made its hop and is still not where it belongs."""
    return _unavailable("partition_elsewhere", f"Partition {partition} is moving between workers.", 2)


def unreachable(partition: int, why: str) -> Problem:
    """Return the answer when the owner was not asked, or only asked to read; nothing has changed."""
    return _unavailable("owner_unreachable", f"The owner of partition {partition} does not answer ({why}).", 2)


def keys_differ(partition: int) -> Problem:
    """Return the answer when the owner refuses a key that is good here: one of the two is behind."""
    detail = f"The owner of partition {partition} does not know this key yet, or no longer; root keys must be the same."
    return _unavailable("key_not_known_everywhere", detail)


def _outcome_unknown(request: web.Request, route: Route, partition: int, why: str) -> Problem:
    """Return the answer when a write may or may not have been done; no Retry-After where a repeat could do it twice."""
    safe = request.method in REPEATABLE or (route.idempotent and "Idempotency-Key" in request.headers)
    what = "Send it again as it was." if safe else "Look before you send it again; an Idempotency-Key avoids this."
    detail = f"The owner of partition {partition} may have done this and gave no answer ({why}). {what}"
    return Problem(503, "outcome_unknown", detail, headers={"Retry-After": "2"} if safe else {})


def _unavailable(code: str, detail: str, after: int = 1) -> Problem:
    return Problem(503, code, detail, headers={"Retry-After": str(after)})


def _partition(request: web.Request, route: Route, partitions: int) -> int | None:
    """Return the partition whose owner must answer; None where any worker may, or the request names no contact."""
    if route.owner == "any":
        return None
    if route.owner == "config":
        return CONFIG_PARTITION
    named = request.match_info["id"] if "/contacts/{id}" in route.path else request.query.get("contactId", "")
    return partition_of(contact_key(org_of(request), named), partitions) if valid_id(named) else None
