"""Who may ask what: keys, orgs, the Host header."""

import pytest

from stream_app.web.authentication import ApiKey, Keys, Principal, new_key
from tests.unit.web_client import serving
from tests.unit.web_fakes import DEMO, ROOT, World, bearer, core, facts

GUARDED = ["/v1/accounting", "/api/v1/accounting", "/v1/contacts/42/score", "/v1/stream", "/api/v1/stream", "/metrics"]


def test_keys_are_known_by_their_header() -> None:
    keys = Keys(ROOT, [ApiKey.of(DEMO, Principal("demo", "1", "read"))])
    assert keys.holder(f"Bearer {DEMO}") == Principal("demo", "1", "read")
    assert keys.holder(f"bearer {ROOT}") == Principal("root", None, "admin")


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic cm9vdA==", f"Bearer {DEMO}x", DEMO, f"Bearer {DEMO[:-1]}", "Bearer \udcff"],
)
def test_anything_else_is_nobodys(header: str | None) -> None:
    assert Keys(ROOT, [ApiKey.of(DEMO, Principal("demo", "1", "read"))]).holder(header) is None


def test_without_keys_nobody_gets_in() -> None:
    assert Keys(None).holder("Bearer ") is None
    assert Keys("").holder("Bearer ") is None


def test_new_key_has_256_random_bits() -> None:
    key = new_key("demo")
    assert key.startswith("ls_demo_")
    assert len(bytes.fromhex(key.removeprefix("ls_demo_"))) == 32
    assert key != new_key("demo")


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
