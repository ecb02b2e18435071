"""What a route is: one value from which registration, guard, forwarding and documents are made.

Laws: a web module ends with its ``ROUTES``; nothing about a route is said anywhere else; a handler is reached only by
a request that its ``scope`` lets through.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from aiohttp import web
from pydantic import BaseModel

from stream_app.web.problems import meet_expectation

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Method = Literal["GET", "POST", "PUT", "DELETE"]
Owner = Literal["any", "contact", "config"]
Scope = Literal["read", "write", "admin"]
Needs = Literal["open", "read", "write", "admin", "root"]

PREFIXES: Final = ("/v1", "/api/v1")
SEGMENT: Final = "[^/]+"  # aiohttp's own has no braces, which an id may have


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter; ``schema`` is its JSON Schema."""

    name: str
    schema: Mapping[str, Any]
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one address.

    ``path`` is written without prefix for resources (``/contacts/{id}/score``), in full for those at the root.
    ``scope`` is what a key needs; ``owner`` who must answer: any worker, the one that holds the partition of contact
    ``{id}``, or the one that holds partition 0.  ``body`` and ``answer`` are the models of the JSON body and of what
    stands in ``data`` of the first status; ``many``: a list of it, with ``meta``.  ``statuses`` are the successes
    first, then the errors beside those that every route can give.  ``idempotent``: takes an Idempotency-Key.
    ``media`` are the media types of a body that is one file of text, ``produces`` that of a success; ``bare``: JSON
    without the ``data`` envelope.
    """

    method: Method
    path: str
    handler: Handler
    scope: Needs
    summary: str
    owner: Owner = "any"
    query: tuple[Parameter, ...] = ()
    body: type[BaseModel] | None = None
    media: tuple[str, ...] = ()
    answer: type[BaseModel] | None = None
    many: bool = False
    statuses: tuple[int, ...] = (200,)
    idempotent: bool = False
    at_root: bool = False
    produces: str = "application/json"
    bare: bool = False

    def addresses(self) -> tuple[str, ...]:
        """Return the addresses at which it is served."""
        return (self.path,) if self.at_root else tuple(prefix + self.path for prefix in PREFIXES)


class RouteTable:
    """The routes of one application, found again by request."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._by_address = {(route.method, address): route for route in self.routes for address in route.addresses()}

    def register(self, app: web.Application) -> None:
        """Add every route to an application."""
        for (method, address), route in self._by_address.items():
            place = address.replace("}", f":{SEGMENT}}}")
            app.router.add_route(method, place, route.handler, expect_handler=meet_expectation)

    def of(self, request: web.Request) -> Route | None:
        """Return the route that a request reached; None where there is none."""
        resource = request.match_info.route.resource
        return None if resource is None else self._by_address.get((request.method, resource.canonical))


ROUTE_TABLE: Final = web.AppKey("route_table", RouteTable)


def route_of(request: web.Request) -> Route | None:
    """Return the route that a request reached; None where there is none."""
    return request.app[ROUTE_TABLE].of(request)
