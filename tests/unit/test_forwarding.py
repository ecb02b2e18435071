"""Requests for another worker's partitions: one hop at most, and a 503 that says what may be done again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from stream_app.reading.owners import Owners
from stream_app.web.authentication import PRINCIPAL, Principal
from stream_app.web.forwarding import Forwarding
from stream_app.web.peers import Peers, address
from stream_app.web.problems import answer_problems
from stream_app.web.route import ROUTE_TABLE, Method, Owner, Route, RouteTable
from tests.unit.web_client import Client, serving
from tests.unit.web_fakes import PARTITIONS, SOURCE, FakeGroup, FakeRulebooks, World, bearer, core, facts

ALL = list(range(PARTITIONS))
SCORE = "/v1/contacts/42/score"
RULE = "/v1/scoring/rules"
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"


def url(client: Client) -> str:
    return str(client.make_url("")).rstrip("/")


@asynccontextmanager
async def two() -> AsyncIterator[tuple[World, Client, World, Client]]:
    """Two workers; the first knows the second as the owner of everything."""
    asked, owner = World(), World()
    async with serving(asked) as client, serving(owner) as owner_client:
        asked.group.away = {url(owner_client): ALL}
        yield asked, client, owner, owner_client


async def problem(answer: ClientResponse) -> tuple[int, str, str | None]:
    return answer.status, (await answer.json())["code"], answer.headers.get("Retry-After")


@pytest.mark.parametrize("contact_id", ["42", "é", "a b", "a/b", "a%2Fb", "a+b", "?x=1#y"])
async def test_any_worker_answers_what_the_owner_answers(contact_id: str) -> None:
    async with two() as (_, client, owner, owner_client):
        owner.partitions.put(contact_id, core(awards=3, total=15), facts("jane@example.com"))
        path = URL("/v1/contacts") / contact_id / "score" % {"limit": "7"}
        path = URL(str(path).replace("/a/b/", "/a%2Fb/"), encoded=True)
        there = await owner_client.get(path, headers=bearer())
        here = await client.get(path, headers=bearer())
        assert (here.status, await here.read()) == (there.status, await there.read()) == (200, await there.read())
        assert here.content_type == "application/json"
        metrics = await (await client.get("/metrics", headers=bearer())).text()
        assert 'leadstream_forwarded_requests_total{result="answered"} 1.0' in metrics


async def test_a_problem_of_the_owner_is_passed_on_with_its_request_id() -> None:
    async with two() as (_, client, owner, _c):
        missing = await client.get(SCORE, headers=bearer())
        body = await missing.json()
        assert (missing.status, body["code"]) == (404, "contact_not_found")
        assert missing.headers["X-Request-Id"] == body["requestId"]
        del owner.partitions.stores[owner.partitions.put("42", core(awards=1, total=1))]
        assert await problem(await client.get(SCORE, headers=bearer())) == (503, "partition_restoring", "1")


async def test_a_request_hops_at_most_once() -> None:
    async with two() as (asked, client, owner, _c):
        owner.group.away = {url(client): ALL}
        assert await problem(await client.get(SCORE, headers=bearer())) == (503, "partition_elsewhere", "2")
        assert (asked.peers.results["answered"], owner.peers.results["answered"]) == (1, 0)


async def test_nothing_is_sent_on_that_the_guard_refuses() -> None:
    async with two() as (asked, client, _, _c):
        assert (await client.get(SCORE)).status == 401
        assert (await client.get(SCORE + "?orgId=2", headers=bearer())).status == 403
        assert (await client.get("/v1/contacts/%00/score", headers=bearer())).status == 400
        assert asked.peers.results["answered"] == 0


async def test_a_key_that_the_owner_refuses_is_a_503() -> None:
    stranger = await _raw(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}")
    async with serving(world := World()) as client, stranger:
        world.group.away = {_at(stranger): ALL}
        assert await problem(await client.get(SCORE, headers=bearer())) == (503, "key_not_known_everywhere", "1")


async def test_while_the_owner_is_not_known_nobody_is_asked() -> None:
    async with two() as (asked, client, _, _c):
        asked.group.joining = True
        assert await problem(await client.get(SCORE, headers=bearer())) == (503, "owner_unknown", "1")
        assert asked.peers.results["answered"] == 0


def test_the_client_does_not_say_whom_to_ask() -> None:
    for target in ("http://evil.example/v1/contacts/1/score?a=b", "//evil.example/v1", "/v1/@evil.example:80/x"):
        asked = address("http://10.0.0.2:6066", URL(target))
        assert (asked.host, asked.port, asked.user) == ("10.0.0.2", 6066, None)
    assert str(address("http://u:p@w:1", URL("/v1/a%2Fb?x=%20+", encoded=True))) == "http://w:1/v1/a%2Fb?x=%20+"


# ------------------------------------------------------------------ writes, on an application with routes of its own
@dataclass
class Worker:
    """Problems, forwarding and a few routes; ``seen`` are the requests that reached a handler here."""

    group: FakeGroup = field(default_factory=FakeGroup)
    rulebooks: FakeRulebooks = field(default_factory=FakeRulebooks)
    peers: Peers = field(default_factory=lambda: Peers(answer_seconds=1, connect_seconds=1))
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    answer: Callable[[], web.Response] = web.Response

    @property
    def app(self) -> web.Application:
        owners = Owners(self.group, [SOURCE], PARTITIONS, "http://127.0.0.1:6066")
        forwarding = Forwarding(owners, self.peers, self.rulebooks, rulebook_seconds=0.3)
        app = web.Application(middlewares=[answer_problems, _known, forwarding.pass_on], client_max_size=1024 * 1024)
        methods: tuple[Method, ...] = ("GET", "POST", "PUT", "DELETE")
        owned: tuple[tuple[str, Owner], ...] = (
            ("/contacts/{id}/score", "contact"), ("/scoring/rules", "config"), ("/commands/x", "contact"),
        )  # fmt: skip
        app[ROUTE_TABLE] = RouteTable(
            Route(method=m, path=p, handler=self._take, scope="write", summary="", owner=o, idempotent=m == "POST")
            for m in methods
            for p, o in owned
        )
        app[ROUTE_TABLE].register(app)
        app.on_cleanup.append(self.peers.close)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        self.seen.append((request.method, request.path_qs, dict(request.headers), await request.read()))
        return self.answer()


@web.middleware
async def _known(request: web.Request, handler: Callable[[web.Request], Awaitable[Any]]) -> Any:
    request[PRINCIPAL] = Principal("k", "1", "admin")
    return await handler(request)


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[Worker, Client, Worker]]:
    asked, owner = Worker(), Worker()
    async with TestClient(TestServer(asked.app)) as client, TestClient(TestServer(owner.app)) as other:
        asked.group.away = {url(other): ALL}
        yield asked, client, owner


async def _raw(answer: bytes | None, requests: list[bytes] | None = None) -> asyncio.Server:
    """A server that reads a request's head, answers with these bytes and closes; None: it reads and never answers."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if requests is not None:
            requests.append(head)
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()

    return await asyncio.start_server(talk, "127.0.0.1", 0)


def _at(server: asyncio.Server) -> str:
    host, port = server.sockets[0].getsockname()
    return f"http://{host}:{port}"


async def test_a_write_arrives_as_it_was_sent() -> None:
    async with pair() as (_, client, owner):
        owner.answer = lambda: web.Response(
            status=201, body=b'{"data":1}', content_type="application/json",
            headers={"ETag": '"7"', "Location": "/v1/x", "Set-Cookie": "a=b", "Server": "x"},
        )  # fmt: skip
        passed = {
            "Authorization": "Bearer k", "Content-Type": "application/json", "Idempotency-Key": "i", "If-Match": '"6"',
        }  # fmt: skip
        sent = {**passed, "Cookie": "c=d", "X-Other": "1"}
        answer = await client.post(SCORE + "?a=%20b", data=b'{"points": 1}', headers=sent)
        assert (answer.status, await answer.read()) == (201, b'{"data":1}')
        assert (answer.headers["ETag"], answer.headers["Location"]) == ('"7"', "/v1/x")
        assert "Set-Cookie" not in answer.headers
        [(method, path, headers, body)] = owner.seen
        assert (method, path, body) == ("POST", SCORE + "?a=%20b", b'{"points": 1}')
        assert (
            headers | {n: sent[n] for n in ("Authorization", "Content-Type", "Idempotency-Key", "If-Match")} == headers
        )
        assert headers["Leadstream-Forwarded"] == "1"
        assert not {"Cookie", "X-Other"} & headers.keys()


async def test_authored_objects_go_to_the_owner_of_partition_0() -> None:
    async with pair() as (asked, client, owner):
        asked.group.away = {next(iter(asked.group.away)): [1, 2, 3]}
        await client.put(RULE)
        assert (len(asked.seen), len(owner.seen)) == (1, 0)
        asked.group.away = {next(iter(asked.group.away)): [0]}
        await client.put(RULE)
        assert (len(asked.seen), len(owner.seen)) == (1, 1)


async def test_a_contact_may_be_named_in_the_query() -> None:
    async with pair() as (asked, client, owner):
        await client.get("/v1/commands/x?contactId=42")
        await client.get("/v1/commands/x")
        assert (len(asked.seen), len(owner.seen)) == (1, 1)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_an_owner_that_nobody_reaches_has_done_nothing(method: str, unused_tcp_port: int) -> None:
    async with pair() as (asked, client, _):
        asked.group.away = {f"http://127.0.0.1:{unused_tcp_port}": ALL}
        answer = await client.request(method, SCORE, data=b"{}" if method != "GET" else None)
        assert await problem(answer) == (503, "owner_unreachable", "2")
        assert asked.peers.results == {"answered": 0, "not_sent": 1, "no_answer": 0}


@pytest.mark.parametrize(
    "answer", [b"", None, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"], ids=["cut", "slow", "half"]
)
@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("GET", {}, (503, "owner_unreachable", "2")),
        ("POST", {}, (503, "outcome_unknown", None)),
        ("POST", {"Idempotency-Key": "i-1"}, (503, "outcome_unknown", "2")),
        ("PUT", {}, (503, "outcome_unknown", "2")),
        ("DELETE", {}, (503, "outcome_unknown", "2")),
    ],
)
async def test_a_write_without_an_answer_says_so(
    answer: bytes | None, method: str, headers: dict[str, str], expected: tuple[int, str, str | None]
) -> None:
    async with pair() as (asked, client, _), await _raw(answer) as owner:
        asked.group.away = {_at(owner): ALL}
        assert await problem(await client.request(method, SCORE, headers=headers)) == expected


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_a_write_is_sent_once(method: str) -> None:
    requests: list[bytes] = []
    async with pair() as (asked, client, _), await _raw(b"", requests) as owner:
        asked.group.away = {_at(owner): ALL}
        assert (await client.request(method, SCORE)).status == 503
        assert len(requests) == 1


async def test_no_redirect_is_followed() -> None:
    requests: list[bytes] = []
    async with await _raw(b"", requests) as elsewhere:
        there = _at(elsewhere).encode()
        head = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + there + b"/\r\n\r\n"
        async with pair() as (asked, client, _), await _raw(head) as owner:
            asked.group.away = {_at(owner): ALL}
            assert (await client.get(SCORE, allow_redirects=False)).status == 302
    assert requests == []


async def test_a_change_of_rules_is_in_force_here_before_it_is_answered() -> None:
    async with pair() as (asked, client, owner):
        owner.answer = lambda: web.Response(status=201, body=b"{}", headers={"Leadstream-Rulebook-Version": "7"})
        answered = asyncio.ensure_future(client.post(RULE))
        async with asyncio.timeout(5):
            while not owner.seen:
                await asyncio.sleep(0)
        await asked.rulebooks.read(6)
        assert not answered.done()
        await asked.rulebooks.read(7)
        answer = await answered
        assert (answer.status, answer.headers["Leadstream-Rulebook-Version"]) == (201, "7")


async def test_a_change_of_rules_that_is_not_in_force_here_is_accepted_only() -> None:
    async with pair() as (_, client, owner):
        owner.answer = lambda: web.Response(status=200, body=b"{}", headers={"Leadstream-Rulebook-Version": "7"})
        answer = await client.put(RULE)
        assert (answer.status, answer.headers["Location"]) == (202, RULE)
