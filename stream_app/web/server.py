"""Runs the web application on the worker's loop.

Laws: it starts before Faust boots, so ``/live`` and ``/ready`` answer while the broker is down; stopping ends the
live streams first and waits at most 2 s for the rest.  What is not HTTP is a 400 problem and not logged: aiohttp would
quote it, keys included.
"""

import logging
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from mode import Service

from stream_app.web.authentication import MAX_HEADER_BYTES
from stream_app.web.content_encoding import DECODING
from stream_app.web.problems import failed

STOP_SECONDS: Final = 2.0

logger = logging.getLogger(__name__)


def quotes_no_request(record: logging.LogRecord) -> bool:
    """Tell whether a log record may be written: not one of a request that cannot be read, which it would quote."""
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError | web.RequestPayloadError)


class _Connection(web.RequestHandler):
    """A connection whose own errors are problems, too: what its parser refuses never reaches the application."""

    __slots__ = ()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer what no handler answered."""
        super().handle_error(request, status, exc, message)  # writes the log; raises when an answer has begun
        return failed(request, status)


class _Connections(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Runner(web.AppRunner):
    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Connections(made.request_handler, request_factory=made.request_factory, **made._kwargs)


class WebServer(Service):
    """Serves an application at ``bind:port``; port 0 takes a free one, see ``url``."""

    def __init__(self, application: web.Application, bind: str, port: int, **service: Any) -> None:
        super().__init__(**service)
        self._application = application
        self._bind = bind
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The address served, known once started; raises RuntimeError before."""
        if self._runner is None or not self._runner.addresses:
            raise RuntimeError("the web server has not started")
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def on_start(self) -> None:
        """Listen."""
        logger.addFilter(quotes_no_request)
        self._runner = _Runner(
            self._application,
            logger=logger,
            access_log=None,
            shutdown_timeout=STOP_SECONDS,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            **DECODING,
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, self._bind, self._port).start()

    async def on_stop(self) -> None:
        """Stop listening, end streams and requests."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
