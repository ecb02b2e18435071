"""Requests that are bad in ways that people and attackers think of: each has its exact answer, and changes nothing.

All requests of one method and resource go to one fake worker, with the real handlers and the real engine behind, by
turns under both prefixes. A route without a bad request fails, so a new one gets its own on purpose.
"""

import asyncio
import copy
import io
import re
from collections.abc import AsyncIterator
from itertools import cycle
from typing import Any, Final
from urllib.parse import quote

import pytest
from aiohttp import ClientResponse
from yarl import URL

from stream_app.web.route import PREFIXES, ROUTE_TABLE, Route
from tests.contract.bad_requests import BAD_REQUESTS, NOWHERE, Bad
from tests.contract.guarded_world import KEYS, guarded_world
from tests.unit.web_client import Client, serving
from tests.unit.web_fakes import World

PROBLEM: Final = "application/problem+json"
JUDGED_BY_THE_ENGINE: Final = "invalid_command"  # so it is sent, and becomes a dead letter
ROUTES: Final = World().app[ROUTE_TABLE].routes


def matches(route: Route, path: str) -> bool:
    """Tell whether a path, as the table writes it, is one of a route."""
    own = route.path if route.at_root else route.path.removeprefix("/")
    pattern = "[^/]+".join(map(re.escape, re.split(r"\{\w+\}", own)))
    return re.fullmatch(pattern, path.partition("?")[0]) is not None


def groups() -> list[Any]:
    """Return the requests of each method and resource."""
    found: dict[str, list[Bad]] = {}
    for bad in BAD_REQUESTS:
        resource = next((route.path for route in ROUTES if matches(route, bad.path)), "nowhere")
        found.setdefault(f"{bad.method} {resource}", []).append(bad)
    return [pytest.param(requests, id=name) for name, requests in found.items()]


async def pieces(body: io.BytesIO) -> AsyncIterator[bytes]:
    """Yield a body of unknown length."""
    while piece := body.read(65_536):
        yield piece


async def send(client: Client, bad: Bad, prefix: str) -> ClientResponse:
    path = bad.path if bad.path.startswith("/") else f"{prefix}/{bad.path}"
    sent = io.BytesIO(bad.body or b"")
    body = None if bad.body is None else pieces(sent) if bad.chunked else sent
    return await client.session.request(
        bad.method, URL(f"http://127.0.0.1:{client.port}{path}", encoded=True), data=body,
        headers={"Authorization": f"Bearer {KEYS[bad.key]}", **bad.headers}, skip_auto_headers=["Content-Type"],
    )  # fmt: skip


async def told(answer: ClientResponse) -> tuple[int, Any, Any]:
    """Return status, code and pointers of a problem; what else it is, if it is none."""
    if answer.content_type != PROBLEM:
        return answer.status, answer.content_type, await answer.read()
    problem = await answer.json()
    assert (problem["status"], problem["requestId"]) == (answer.status, answer.headers["X-Request-Id"])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert problem["detail"] and all(error["code"] and error["message"] for error in problem["errors"])
    return answer.status, problem["code"], tuple(error["pointer"] for error in problem["errors"])


@pytest.mark.parametrize("requests", groups())
async def test_each_bad_request_has_its_exact_answer_and_changes_nothing(requests: list[Bad]) -> None:
    made = await guarded_world()
    before = copy.deepcopy(made.config.records), copy.deepcopy(made.partitions.stores[0].records)
    wrong: dict[str, Any] = {}
    async with serving(made) as client:
        for number, (bad, prefix) in enumerate(zip(requests, cycle(PREFIXES), strict=False)):
            async with await send(client, bad, prefix) as answer:
                got = await told(answer)
            if got != (bad.status, bad.code, bad.pointers):
                wrong[f"{number} {bad}"] = got
    assert wrong == {}
    assert (made.config.records, made.partitions.stores[0].records) == before
    assert len(made.sender.sent) == sum(bad.code == JUDGED_BY_THE_ENGINE for bad in requests)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v1/contacts/\xff HTTP/1.1\r\n", b"GET /v1/contacts/4 2 HTTP/1.1\r\n", b"GET v1/contacts HTTP/1.1\r\n",
        b"GET /v1/contacts HTTP/9.9\r\n", b"BREW /v1/contacts HTTP/1.1\r\n", b"nonsense\r\n",
        b"POST /v1/contacts/42/score HTTP/1.1\r\nContent-Length: -5\r\n",
        b"POST /v1/contacts/42/score HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"POST /v1/contacts/42/score HTTP/1.1\r\nTransfer-Encoding: gzip\r\n",
        b"GET /v1/contacts/42 HTTP/1.1\r\nIdempotency-Key: a\x00b\r\n",
        b"GET /v1/contacts/42 HTTP/1.1\r\nX-Large: " + b"x" * 20_000 + b"\r\n",
    ],
)  # fmt: skip
async def test_what_is_hardly_http_is_a_400(head: bytes) -> None:
    made = await guarded_world()
    authorized = f"Host: 127.0.0.1\r\nAuthorization: Bearer {KEYS['admin']}\r\nConnection: close\r\n\r\n"
    async with serving(made) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        try:
            writer.write(head + authorized.encode())
            assert (await reader.readline()).split()[1:2] == [b"400"]
        finally:
            writer.close()
            await writer.wait_closed()
    assert made.sender.sent == []


@pytest.mark.parametrize("content", ["<script>alert(1)</script>", "=HYPERLINK(1)", "__proto__", "\u202e", "{{7*7}}"])
async def test_what_only_looks_dangerous_is_kept_as_text(content: str) -> None:
    made = await guarded_world()
    path = f"http://127.0.0.1:{{port}}/v1/contacts/{quote(content, safe='')}"
    headers = {"Authorization": f"Bearer {KEYS['admin']}"}
    async with serving(made) as client:
        at = URL(path.format(port=client.port), encoded=True)
        for method, below, body, status in (
            ("PUT", "attributes", {"email": content, "attributes": {content: [content]}}, 200),
            ("POST", "tags", {"tag": content}, 201), ("POST", "score", {"points": 1, "reason": content}, 200),
        ):  # fmt: skip
            answer = await client.session.request(method, at / below, json=body, headers=headers)
            assert answer.status == status, await answer.text()
        answer = await client.session.get(at, headers=headers)
        shown = (await answer.json())["data"]
        logs = (await (await client.session.get(at / "score", headers=headers)).json())["data"]["logs"]
    assert (answer.content_type, answer.headers["X-Content-Type-Options"]) == ("application/json", "nosniff")
    told = [shown[name] for name in ("contactId", "email", "attributes", "tags")]
    assert told == [content, content, {content: [content]}, [content]]
    assert [row["reason"] for row in logs] == [content]


async def test_of_two_keys_of_one_name_the_last_counts() -> None:
    made = await guarded_world()
    headers = {"Authorization": f"Bearer {KEYS['admin']}", "Content-Type": "application/json"}
    async with serving(made) as client:
        body = b'{"points": "x", "points": 5, "reason": 5, "reason": "fair"}'
        answer = await client.post("/v1/contacts/42/score", data=body, headers=headers)
        assert (answer.status, (await answer.json())["data"]["pointsAdded"]) == (200, 5)


def test_every_route_has_bad_requests() -> None:
    missing = [
        f"{route.method} {route.path}"
        for route in ROUTES
        if not any(bad.method == route.method and matches(route, bad.path) for bad in BAD_REQUESTS)
    ]
    assert missing == []
    assert len({(bad.method, bad.path, bad.body, str(bad.headers), bad.key) for bad in BAD_REQUESTS}) >= 100
    assert NOWHERE and all(400 <= bad.status < 500 for bad in BAD_REQUESTS)
