"""JSON bodies: what is taken, and how what is wrong is named."""

import json
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import Field

from schemas.rest import RestBody
from stream_app.web.bodies import read_body
from stream_app.web.problems import answer_problems


class Given(RestBody):
    """A body with one of each."""

    points: int
    some_tags: list[str] = Field(default=[])
    sites: list[int | str] = Field(default=[])


async def take(request: web.Request) -> web.Response:
    given = await read_body(request, Given)
    return web.json_response({"points": given.points})


async def answer(body: bytes, content_type: str = "application/json") -> tuple[int, dict[str, Any]]:
    app = web.Application(middlewares=[answer_problems])
    app.router.add_post("/", take)
    async with TestClient(TestServer(app)) as client:
        response = await client.post("/", data=body, headers={"Content-Type": content_type})
        return response.status, await response.json()


async def test_a_body_becomes_its_model() -> None:
    assert await answer(b'{"points": 5, "someTags": ["a", "\\ud83d\\ude00"]}') == (200, {"points": 5})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"\xff", "invalid_json"),
        (b'{"points": 1, "\xed\xa0\x80": 1}', "invalid_json"),
        (b'{"points": 1, "\\ud800": 1}', "invalid_json"),
        (b'{"points": 1, "someTags": ["\\uDFFF"]}', "invalid_json"),
        ('{"points": 1}'.encode("utf-16"), "invalid_json"),
        (b'{"points": NaN}', "invalid_json"),
        (b'{"points": Infinity}', "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b'{"points": ' + b"[" * 40 + b"]" * 40 + b"}", "too_deep"),
        (b'{"points": 1, "x": ' + b"[" * 32 + b"]" * 32 + b"}", "too_deep"),
    ],
)
async def test_what_is_no_json_is_told(body: bytes, code: str) -> None:
    status, problem = await answer(body)
    assert (status, problem["code"]) == (400, code)


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        (b"[]", "", "invalid_value"),
        (b"null", "", "invalid_value"),
        (b"{}", "/points", "missing_field"),
        (b'{"points": "5"}', "/points", "invalid_value"),
        (b'{"points": 5.0}', "/points", "invalid_value"),
        (b'{"points": true}', "/points", "invalid_value"),
        (b'{"points": 1, "someTags": ["a", 1]}', "/someTags/1", "invalid_value"),
        (b'{"points": 1, "a/b~": 1}', "/a~1b~0", "unknown_field"),
        (b'{"points": 1, "sites": ["a", 1, true]}', "/sites/2", "invalid_value"),
        (b'{"points": 1, "sites": [{}]}', "/sites/0", "invalid_value"),
        (b'{"points": 1, "sites": [[1]]}', "/sites/0", "invalid_value"),
        (b'{"points": 1, "some_tags": ["a"]}', "/some_tags", "unknown_field"),
    ],
)
async def test_a_wrong_field_is_named_by_its_pointer(body: bytes, pointer: str, code: str) -> None:
    status, problem = await answer(body)
    assert (status, problem["code"]) == (400, "invalid_body")
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]


async def test_the_first_100_wrong_fields_are_named() -> None:
    """90,000 of them, 1 MiB, were answered with 8 MB."""
    status, problem = await answer(json.dumps({"points": 1} | {f"f{number}": 1 for number in range(300)}).encode())
    assert (status, [error["pointer"] for error in problem["errors"]]) == (400, [f"/f{one}" for one in range(100)])


async def test_another_media_type_is_refused() -> None:
    assert (await answer(b'{"points": 5}', "text/plain"))[0] == 415
