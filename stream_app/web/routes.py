"""Every route of the worker, and the application that holds them.

Laws: nothing is global: two applications can live in one process; resources are under ``/v1`` and again under
``/api/v1``, probes, documents and the page at the root.  A request passes problems, guard and the given middlewares,
in this order, before its handler.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from stream_app.settings import Settings
from stream_app.web import (
    accounting,
    commands,
    contact_lists,
    contacts,
    documents,
    events,
    fires,
    imports,
    probes,
    profiles,
    publishing,
    rules,
    scores,
    stream,
    whoami,
)  # fmt: skip
from stream_app.web import keys as api_keys
from stream_app.web.authentication import IN_FORCE, MAX_BODY_BYTES, Guard, Keys
from stream_app.web.listed_profiles import ListedProfiles
from stream_app.web.page_files import PageFiles
from stream_app.web.problems import answer_problems
from stream_app.web.route import ROUTE_TABLE, Route, RouteTable

ROUTES: Final[tuple[Route, ...]] = (
    *accounting.ROUTES,
    *api_keys.ROUTES,
    *commands.ROUTES,
    *contact_lists.ROUTES,
    *contacts.ROUTES,
    *documents.ROUTES,
    *events.ROUTES,
    *fires.ROUTES,
    *imports.ROUTES,
    *probes.ROUTES,
    *profiles.ROUTES,
    *publishing.ROUTES,
    *rules.ROUTES,
    *scores.ROUTES,
    *stream.ROUTES,
    *whoami.ROUTES,
)


def create_web(
    *,
    settings: Settings,
    keys: Keys,
    parts: Mapping[web.AppKey[Any], Any],
    middlewares: Sequence[Middleware] = (),
) -> web.Application:
    """Return the application; ``parts`` are what the handlers ask, by the key that their modules name."""
    guard = Guard(keys, settings)
    app = web.Application(middlewares=[answer_problems, guard.check, *middlewares], client_max_size=MAX_BODY_BYTES)
    for key, part in parts.items():
        app[key] = part
    app[IN_FORCE] = keys
    app[ROUTE_TABLE] = RouteTable((*PageFiles().routes(), *ROUTES))
    app[ROUTE_TABLE].register(app)
    app[profiles.LISTED] = ListedProfiles()
    app[documents.DOCUMENTS] = documents.Documents(ROUTES)
    app.on_response_prepare.append(_harden)
    app.on_shutdown.append(_end_streams)
    return app


async def _harden(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.popall("Server", None)


async def _end_streams(app: web.Application) -> None:
    await app[stream.LIVE].close()
