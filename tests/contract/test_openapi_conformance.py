"""What the OpenAPI document says and what the worker answers are the same: schemathesis over every operation.

Requests are made from the document, good and bad ones; each answer must have a documented status, media type and shape,
and none may be a server error. The live stream, which never ends, is left out.
"""

import asyncio
import json
import threading
from collections.abc import Iterator

import pytest
import schemathesis
from aiohttp import web
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from stream_app.web.content_encoding import DECODING
from stream_app.web.openapi import openapi
from stream_app.web.routes import ROUTES
from tests.contract.guarded_world import KEYS, guarded_world
from tests.unit.web_fakes import ROOT

ENDLESS = "/stream"
LIMIT_SECONDS = 20
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip
DOCUMENT = openapi([route for route in ROUTES if route.path != ENDLESS])
SCHEMA = schemathesis.openapi.from_dict(json.loads(json.dumps(DOCUMENT)))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A worker on a loop of its own, for a client that blocks."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(_serve(), loop).result(LIMIT_SECONDS)
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(LIMIT_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _serve() -> web.AppRunner:
    runner = web.AppRunner((await guarded_world()).app, access_log=None, **DECODING)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner


@SCHEMA.parametrize()
@settings(
    max_examples=10, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
def test_answers_are_as_documented(case: schemathesis.Case, address: str) -> None:
    key = ROOT if case.path.startswith("/v1/keys") else KEYS["admin"]
    answer = case.call(base_url=address, headers={"Authorization": f"Bearer {key}"})
    case.validate_response(answer, checks=CHECKS)
