"""The operator page: package data under ``page/``, read once, served from memory.

Laws: no script or style but the package's own (content security policy); nothing of an org is in these files, so they
are open; the page asks for a key and reads the API like any client.
"""

from importlib.resources import files
from typing import Final

from aiohttp import web

from stream_app.web.route import Route

INDEX: Final = "index.html"
TYPES: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


class PageFiles:
    """Serves ``/`` and ``/page/<file>``."""

    def __init__(self) -> None:
        folder = files("stream_app.web") / "page"
        self._files = {
            file.name: (file.read_bytes(), TYPES[suffix])
            for file in folder.iterdir()
            if (suffix := "." + file.name.rpartition(".")[2]) in TYPES
        }

    def routes(self) -> tuple[Route, ...]:
        """Return where the page is."""
        return (
            Route(method="GET", path="/", handler=self.get, scope="open", at_root=True, summary="The operator page"),
            Route(
                method="GET", path="/page/{name}", handler=self.get, scope="open", at_root=True, statuses=(200, 404),
                summary="A file of the operator page",
            ),
        )  # fmt: skip

    async def get(self, request: web.Request) -> web.Response:
        """Answer a file of the page."""
        found = self._files.get(request.match_info.get("name", INDEX))
        if found is None:
            raise web.HTTPNotFound
        body, content_type = found
        return web.Response(body=body, content_type=content_type, charset="utf-8", headers=HEADERS)
