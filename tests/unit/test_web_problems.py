"""Every error is problem+json with a request id, and gives nothing away."""

import asyncio
import io
import json
import logging
from typing import Any

import pytest
from aiohttp import ClientSession, web

from stream_app.delivery.status import PartitionStatus
from stream_app.web import content_encoding, problems
from stream_app.web.server import WebServer
from tests.connected.waiting import until
from tests.unit.web_client import serving
from tests.unit.web_fakes import World, bearer, core


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("GET", "/nowhere", {}, 404, "not_found"),
        ("GET", "/page/../server.py", {}, 404, "not_found"),
        ("GET", "/page/none.js", {}, 404, "not_found"),
        ("POST", "/live", {}, 405, "method_not_allowed"),
        ("DELETE", "/v1/accounting", bearer(), 405, "method_not_allowed"),
        ("GET", "/v1/accounting", {}, 401, "unauthorised"),
        ("GET", "/v1/contacts/none/score", bearer(), 404, "contact_not_found"),
        ("GET", "/v1/contacts/42/score?profileId=fit", bearer(), 404, "profile_not_found"),
        ("GET", "/v1/contacts/a%00b/score", bearer(), 400, "invalid_id"),
        ("GET", f"/v1/contacts/{'x' * 129}/score", bearer(), 400, "invalid_id"),
        ("GET", "/v1/contacts/42/score?limit=0", bearer(), 400, "invalid_parameter"),
        ("GET", "/v1/contacts/42/score?limit=101", bearer(), 400, "invalid_parameter"),
        ("GET", "/v1/contacts/42/score?limit=1e1", bearer(), 400, "invalid_parameter"),
        ("GET", "/v1/contacts/42/score?limit=%D9%A1", bearer(), 400, "invalid_parameter"),
        ("GET", "/v1/stream?last=501", bearer(), 400, "invalid_parameter"),
        ("GET", "/v1/stream", bearer(**{"Last-Event-ID": "1.2"}), 400, "invalid_event_id"),
        ("GET", "/live", {f"X-Filler-{n}": "x" * 900 for n in range(10)}, 431, "headers_too_large"),
    ],
)
async def test_error_is_a_problem(method: str, path: str, headers: dict[str, str], status: int, code: str) -> None:
    world = World()
    world.partitions.put("42", core(awards=1, total=5))
    async with serving(world) as client:
        answer = await client.request(method, path, headers=headers)
        assert (answer.status, answer.content_type) == (status, "application/problem+json")
        body = await answer.json()
        assert (body["status"], body["code"], body["instance"]) == (status, code, answer.url.path)
        assert body["requestId"] == answer.headers["X-Request-Id"]
        assert {"type", "title", "detail", "errors"} <= body.keys()
        assert ("Allow" in answer.headers) == (status == 405)


async def test_problem_names_the_parameter() -> None:
    async with serving(World()) as client:
        body = await (await client.get("/v1/contacts/42/score?limit=x", headers=bearer())).json()
        [error] = body["errors"]
        assert error["pointer"] == "?limit"
        assert error["code"] == "invalid_parameter"


async def test_an_expectation_is_met_or_a_problem() -> None:
    async with serving(World()) as client:
        asked: dict[str, Any] = {"json": {"contactIds": ["42"]}, "headers": bearer()}
        met = await client.post("/v1/scores/lookup", expect100=True, **asked)
        assert (met.status, (await met.json())["data"]["unknown"]) == (200, [42])
        asked["headers"] |= {"Expect": "a miracle"}
        answer = await client.post("/v1/scores/lookup", **asked)
        assert (answer.status, answer.content_type) == (417, "application/problem+json")
        body = await answer.json()
        assert (body["code"], body["requestId"]) == ("expectation_failed", answer.headers["X-Request-Id"])


async def test_large_body_is_refused_unread() -> None:
    async with serving(World()) as client:
        answer = await client.request(
            "GET", "/v1/accounting", data=io.BytesIO(bytes(1024 * 1024 + 1)), headers=bearer()
        )
        assert (answer.status, (await answer.json())["code"]) == (413, "body_too_large")


async def test_unexpected_exception_shows_an_id_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_: web.Request) -> web.Response:
        raise RuntimeError("the secret is 1234")

    world = World()
    world.app.router.add_get("/broken/{id}", broken)
    async with serving(world) as client:
        with caplog.at_level(logging.ERROR, "stream_app.web.problems"):
            answer = await client.get("/broken/jane@example.com", headers=bearer())
        text = await answer.text()
        assert answer.status == 500
        assert "1234" not in text
        assert "Traceback" not in text
        assert json.loads(text)["requestId"] in caplog.text
        assert "GET /broken/{id}\n" in caplog.text
        assert "jane" not in caplog.text


async def test_a_body_that_is_not_what_its_encoding_says_is_told_and_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = WebServer(World().app, "127.0.0.1", 0)
    await server.start()
    try:
        headers = bearer(**{"Content-Type": "application/json", "Content-Encoding": "gzip"})
        async with ClientSession(headers=headers) as client:
            for _ in range(2):
                answer = await client.post(f"{server.url}/v1/scores/lookup", data=b'{"contactIds": ["42"]}')
                assert (answer.status, (await answer.json())["code"]) == (400, "unreadable_body")
    finally:
        await server.stop()
    assert [record.name for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize(
    "lines",
    [
        b"GET /v1/contacts/jane@example.com HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 9000, b"GET /?jane=" + b"x" * 9000,
        b"GET /v1/contacts/jane HTTP/1.1\r\nHost: a\r\nbad jane: 1", b"GET /jane\xff HTTP/1.1\r\nHost: a",
        b"jane\x01 / HTTP/1.1", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: jane", b"jane", b"GET / jane/9.9",
    ],
)  # fmt: skip
async def test_what_is_no_http_is_a_problem_that_does_not_quote_it(
    lines: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    server = WebServer(World().app, "127.0.0.1", 0)
    await server.start()
    try:
        reader, writer = await asyncio.open_connection(*server.url.removeprefix("http://").split(":"))
        writer.write(lines + b"\r\n\r\n")
        async with asyncio.timeout(20):
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")  # to the end: it closes the connection
        writer.close()
    finally:
        await server.stop()
    assert head.startswith(b"HTTP/1.1 400 ") or head.startswith(b"HTTP/1.0 400 ")
    assert b"Content-Type: application/problem+json" in head
    problem = json.loads(body)
    assert (problem["status"], problem["code"]) == (400, "unreadable_request")
    assert f"X-Request-Id: {problem['requestId']}".encode() in head
    assert b"jane" not in body and b"aiohttp" not in head.lower()
    assert [record.name for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize("after", [b"no length\r\n", b"5\r\n12", b"", None])
async def test_a_body_that_does_not_come_is_told_and_not_logged_and_ends_its_connection(
    after: bytes | None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def tell(request: web.Request, problem: problems.Problem) -> web.Response:
        told.append(problem.code)
        return response(request, problem)

    response = problems._response  # pyright: ignore[reportPrivateUsage] what is told to a client that has gone
    monkeypatch.setattr(problems, "_response", tell)
    monkeypatch.setattr(content_encoding, "BODY_SECONDS", 0.3)
    server = WebServer(World().app, "127.0.0.1", 0)
    await server.start()
    try:
        reader, writer = await asyncio.open_connection(*server.url.removeprefix("http://").split(":"))
        lines = {"Host": "127.0.0.1", "Content-Type": "application/json", "Transfer-Encoding": "chunked", **bearer()}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write(f"POST /v1/scores/lookup HTTP/1.1\r\n{head}\r\n5\r\n12345\r\n".encode())
        await writer.drain()
        await asyncio.sleep(0.1)  # the handler waits for more
        if after is None:
            writer.close()
        else:
            writer.write(after)
            async with asyncio.timeout(20):
                said = await reader.readuntil(b"unreadable_body")
            assert said.startswith(b"HTTP/1.1 400 ") and b"Connection: close" in said
            writer.close()
        await until(lambda: told == ["unreadable_body"])
    finally:
        await server.stop()
    assert [record.name for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize(
    ("phase", "code"),
    [("restoring", "partition_restoring"), ("stopped", "partition_stopped"), (None, "partition_elsewhere")],
)
async def test_score_that_cannot_be_read_here_is_503_with_retry_after(phase: str | None, code: str) -> None:
    world = World()
    for p in range(world.partitions.partition_count):
        del world.partitions.stores[p], world.partitions.status[p]
        if phase:
            world.partitions.status[p] = PartitionStatus(p, phase)  # type: ignore[arg-type]  # literal by parametrize
    async with serving(world) as client:
        answer = await client.get("/v1/contacts/42/score", headers=bearer())
        assert (answer.status, (await answer.json())["code"]) == (503, code)
        assert int(answer.headers["Retry-After"]) > 0
