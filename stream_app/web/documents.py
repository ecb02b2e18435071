"""``GET /openapi.json`` and ``/docs``: the interface for programs and for people.

Laws: both are made once, when first asked for; both are open: they hold nothing of an org, and no script.
"""

import json
from collections.abc import Iterable
from functools import cached_property
from typing import Final

from aiohttp import web

from stream_app.web.docs_page import docs_page
from stream_app.web.openapi import JSON, openapi
from stream_app.web.page_files import HEADERS
from stream_app.web.route import Route


class Documents:
    """The documents of one table of routes, made when first asked for."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = tuple(routes)

    @cached_property
    def openapi(self) -> bytes:
        """The OpenAPI document."""
        return json.dumps(openapi(self._routes), ensure_ascii=False).encode()

    @cached_property
    def page(self) -> bytes:
        """The same for people."""
        return docs_page(openapi(self._routes)).encode()


DOCUMENTS: Final = web.AppKey("documents", Documents)


async def get_openapi(request: web.Request) -> web.Response:
    """Answer the OpenAPI document."""
    return web.Response(body=request.app[DOCUMENTS].openapi, content_type=JSON)


async def get_docs(request: web.Request) -> web.Response:
    """Answer the page of routes."""
    body = request.app[DOCUMENTS].page
    return web.Response(body=body, content_type="text/html", charset="utf-8", headers=HEADERS)


ROUTES: Final = (
    Route(
        method="GET", path="/openapi.json", handler=get_openapi, scope="open", at_root=True, bare=True,
        summary="This interface as OpenAPI 3.1",
    ),
    Route(
        method="GET", path="/docs", handler=get_docs, scope="open", at_root=True, produces="text/html",
        summary="This interface for people",
    ),
)  # fmt: skip
