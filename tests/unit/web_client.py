"""The web application of a fake world behind a real socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from stream_app.web.content_encoding import DECODING
from tests.unit.web_fakes import World

Client = TestClient[Request, Application]


@asynccontextmanager
async def serving(world: World) -> AsyncIterator[Client]:
    """Serve a world on a free port of 127.0.0.1."""
    server = TestServer(world.app)
    await server.start_server(**DECODING)
    async with TestClient(server) as client:
        yield client
