"""Who may ask what: keys, scopes, orgs, rates, the Host header."""

import asyncio

import pytest
from yarl import URL

from stream_app.authoring.api_keys import KeyRing
from stream_app.web.authentication import Keys, Principal
from stream_app.web.problems import Problem
from stream_app.web.server import WebServer
from tests.unit.web_client import serving
from tests.unit.web_fakes import DEMO, ROOT, FakeApiKeys, World, api_key, bearer, change, core, facts

GUARDED = ["/v1/accounting", "/api/v1/accounting", "/v1/contacts/42/score", "/v1/stream", "/api/v1/stream", "/metrics"]


def known() -> FakeApiKeys:
    return FakeApiKeys(api_key(DEMO, "1", "read", sites=frozenset({"7"})))


def test_keys_are_known_by_their_header() -> None:
    keys = Keys(ROOT, known())
    assert keys.holder(f"Bearer {DEMO}") == Principal("demo", "1", "read", frozenset({"7"}))
    assert keys.holder(f"bearer {ROOT}") == Principal("root", None, "admin")


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic cm9vdA==", f"Bearer {DEMO}x", DEMO, f"Bearer {DEMO[:-1]}", "Bearer \udcff"],
)
def test_anything_else_is_nobodys(header: str | None) -> None:
    assert Keys(ROOT, known()).holder(header) is None


def test_without_keys_nobody_gets_in() -> None:
    assert Keys(None, FakeApiKeys()).holder("Bearer ") is None
    assert Keys("", FakeApiKeys()).holder("Bearer ") is None
    assert Keys("", FakeApiKeys()).holder("Bearer x") is None


def test_before_the_keys_are_known_only_the_root_key_opens() -> None:
    unknown = FakeApiKeys()
    unknown.known = None
    keys = Keys(ROOT, unknown)
    assert keys.holder(f"Bearer {ROOT}") == Principal("root", None, "admin")
    assert keys.holder(None) is None
    with pytest.raises(Problem) as refused:
        keys.holder(f"Bearer {DEMO}")
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "1"})


async def test_an_api_key_before_the_keys_are_known_is_a_503() -> None:
    world = World()
    world.api_keys.known = None
    async with serving(world) as client:
        answer = await client.get("/v1/accounting", headers=bearer())
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert (await client.get("/v1/accounting", headers=bearer(ROOT))).status == 200
        world.api_keys.known = KeyRing([api_key(DEMO, "1", "read")])
        assert (await client.get("/v1/accounting", headers=bearer())).status == 200


async def test_each_key_has_its_rate_and_root_has_none() -> None:
    world = World(variables={"LEADSTREAM_RATE_LIMIT_PER_SECOND": "1"})
    other = "ls_other_secret"
    world.api_keys.known = KeyRing([api_key(DEMO, "1", "read"), api_key(other, "1", "read")])
    async with serving(world) as client:

        async def ask(key: str) -> int:
            answer = await client.get("/v1/accounting", headers=bearer(key))
            assert (answer.status == 429) == ("Retry-After" in answer.headers)
            return answer.status

        assert 429 in [await ask(DEMO) for _ in range(20)]
        assert await ask(other) == 200
        assert {await ask(ROOT) for _ in range(20)} == {200}


async def test_failed_attempts_have_a_rate_that_locks_no_valid_key_out() -> None:
    world = World(variables={"LEADSTREAM_RATE_LIMIT_PER_SECOND": "1"})
    async with serving(world) as client:
        tried = [(await client.get("/v1/accounting", headers=bearer(f"ls_demo_{n}"))).status for n in range(20)]
        assert set(tried) == {401, 429} and tried[:2] == [401, 401]
        assert (await client.get("/v1/accounting", headers=bearer())).status == 200


async def test_a_stream_ends_when_its_key_is_revoked_and_shows_nothing_more() -> None:
    world = World()
    async with asyncio.timeout(30), serving(world) as client:
        answer = await client.get("/v1/stream", headers=bearer())
        kept = await client.get("/v1/stream?orgId=1", headers=bearer(ROOT))
        await answer.content.readuntil(b"event: status")
        await kept.content.readuntil(b"event: status")
        assert world.api_keys.known is not None
        world.api_keys.known.fold(b"demo", None)
        world.log.send(change("42", 1))
        assert b"score-changed" not in await answer.read()
        await kept.content.readuntil(b"event: score-changed")
        kept.close()


@pytest.mark.parametrize("path", GUARDED)
async def test_only_probes_and_page_are_open(path: str) -> None:
    async with serving(World()) as client:
        for headers in ({}, bearer("wrong")):
            answer = await client.get(path, headers=headers)
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert (await answer.json())["code"] == "unauthorised"
        for free in ("/live", "/ready", "/", "/page/page.js"):
            assert (await client.get(free)).status == 200


async def test_a_key_in_the_address_opens_nothing() -> None:
    async with serving(World()) as client:
        assert (await client.get(f"/v1/accounting?key={DEMO}&access_token={DEMO}")).status == 401


async def test_org_comes_from_the_key_and_root_names_one() -> None:
    world = World()
    world.partitions.put("42", core(awards=1, total=5), facts("a@example.com"), org_id="1")
    world.partitions.put("42", core(awards=1, total=7), facts("b@example.com"), org_id="2")
    async with serving(world) as client:

        async def ask(key: str, query: str = "") -> tuple[int, object]:
            answer = await client.get(f"/v1/contacts/42/score{query}", headers=bearer(key))
            body = await answer.json()
            return answer.status, body.get("code") or body["data"]["email"]

        assert await ask(DEMO) == (200, "a@example.com")
        assert await ask(DEMO, "?orgId=1") == (200, "a@example.com")
        assert await ask(DEMO, "?orgId=2") == (403, "foreign_org")
        assert await ask(ROOT, "?orgId=2") == (200, "b@example.com")
        assert await ask(ROOT, "?orgId=9") == (404, "contact_not_found")
        assert await ask(ROOT) == (400, "invalid_parameter")
        assert await ask(ROOT, "?orgId=a:b") == (400, "invalid_parameter")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:6066", 200), ("127.0.0.1", 200), ("[::1]:6066", 200), ("LOCALHOST", 200), ("worker.internal", 200),
        ("evil.example", 421), ("evil.example:6066", 421), ("127.0.0.1.evil.example", 421), ("10.0.0.1", 421),
        ("[", 421),
    ],
)  # fmt: skip
async def test_worker_on_loopback_answers_loopback_names_only(host: str, status: int) -> None:
    world = World(variables={"LEADSTREAM_ADVERTISED_URL": "http://worker.internal:6066"})
    async with serving(world) as client:
        for path in ("/", "/v1/accounting", "/metrics", "/page/page.css"):
            assert (await client.get(path, headers=bearer(Host=host))).status == status
        assert (await client.get("/live", headers={"Host": host})).status == 200


async def test_worker_on_a_network_answers_any_name() -> None:
    async with serving(World(variables={"LEADSTREAM_WEB_BIND": "0.0.0.0"})) as client:  # noqa: S104 the setting
        assert (await client.get("/", headers={"Host": "scores.example"})).status == 200


@pytest.mark.parametrize(
    ("line", "header"),
    [
        (b"GET /v1/accounting HTTP/1.1", b"Authorization: Bearer ls_demo_hidden"),
        (b"GET /v1/accounting HTTP/1.1", b"Authorization: Bearer ls_demo_hidden\x01"),
        (b"GET /v1/accounting HTTP/1.1", b"Authorization Bearer ls_demo_hidden"),
        (b"GET /v1/accounting HTTP/9.9", b"Authorization: Bearer ls_demo_hidden"),
        (b"GET /v1/accounting HTTP/1.1", b"Authorization: Bearer ls_demo_hidden" + b"x" * 9000),
        (b"ls_demo_hidden", b""),
    ],
)
async def test_a_refused_key_is_in_no_log_line(line: bytes, header: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        server = WebServer(World().app, "127.0.0.1", 0)
        async with asyncio.timeout(30), server:
            at = URL(server.url)
            reader, writer = await asyncio.open_connection(at.host, at.port)
            writer.write(b"\r\n".join([line, b"Host: localhost", header, b"", b""]))
            status = (await reader.readline()).split()[1]
            writer.close()
    assert status in (b"400", b"401", b"431", b"505")
    assert "hidden" not in caplog.text
