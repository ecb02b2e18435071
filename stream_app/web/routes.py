"""Every route of the worker, and the application that holds them.

Laws: nothing is global: two applications can live in one process; resources are under ``/v1`` and again under
``/api/v1``, probes and the page at the root.  Routes named in ``authentication.OPEN`` need no key.
"""

from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry

from stream_app.delivery.status import PartitionsView
from stream_app.reading.contacts import ContactQueries
from stream_app.reading.live import Live
from stream_app.settings import Settings
from stream_app.web import probes, scores, stream
from stream_app.web.authentication import MAX_BODY_BYTES, Guard, Keys
from stream_app.web.page_files import PageFiles
from stream_app.web.problems import answer_problems

PREFIXES: Final = ("/v1", "/api/v1")


def create_web(
    *,
    settings: Settings,
    keys: Keys,
    partitions: PartitionsView,
    contacts: ContactQueries,
    live: Live,
    readiness: probes.Readiness,
    registry: CollectorRegistry,
) -> web.Application:
    """Return the application; it starts nothing until a server runs it."""
    guard = Guard(keys, settings.web_bind, settings.advertised_url)
    app = web.Application(middlewares=[answer_problems, guard.check], client_max_size=MAX_BODY_BYTES)
    app[scores.CONTACTS] = contacts
    app[stream.LIVE] = live
    app[probes.PARTITIONS] = partitions
    app[probes.READY] = probes.Ready(readiness)
    app[probes.REGISTRY] = registry
    app.add_routes(_routes(PageFiles()))
    app.on_response_prepare.append(_harden)
    app.on_shutdown.append(_end_streams)
    return app


def _routes(page: PageFiles) -> list[web.RouteDef]:
    return [
        web.get("/", page.get, name="page"),
        web.get("/page/{name}", page.get, name="page-file"),
        web.get("/live", probes.get_live, name="live"),
        web.get("/ready", probes.get_ready, name="ready"),
        web.get("/metrics", probes.get_metrics),
        *(
            web.get(prefix + path, handler, allow_head=False)
            for prefix in PREFIXES
            for path, handler in (
                ("/contacts/{id}/score", scores.get_score),
                ("/stream", stream.get_stream),
                ("/accounting", probes.get_accounting),
            )
        ),
    ]


async def _harden(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.popall("Server", None)


async def _end_streams(app: web.Application) -> None:
    await app[stream.LIVE].close()
