"""``/v1/keys``: for the root key only; a text once, a hash never."""

from typing import Any

import pytest

from schemas.rest_keys import Holder
from tests.unit.web_client import Client, serving
from tests.unit.web_fakes import DEMO, ROOT, World, api_key, bearer

FAR = "2999-01-01T00:00:00Z"


async def make(client: Client, **body: Any) -> tuple[int, Any]:
    answer = await client.post("/v1/keys", json={"orgId": "1", "scope": "read", **body}, headers=bearer(ROOT))
    return answer.status, await answer.json()


async def test_a_new_key_is_told_once_and_opens() -> None:
    async with serving(World()) as client:
        status, body = await make(client, orgId=1, sites=[7, "eu"], expiresAt=FAR, name="CRM")
        assert status == 201
        new = body["data"]
        assert new.pop("key").startswith(f"ls_{new['id']}_")
        assert new == {
            "id": new["id"], "orgId": 1, "scope": "read", "sites": [7, "eu"],
            "expiresAt": "2999-01-01T00:00:00.000Z", "createdAt": new["createdAt"], "name": "CRM",
        }  # fmt: skip
        listed = await (await client.get("/v1/keys?orgId=1", headers=bearer(ROOT))).json()
        assert new in listed["data"] and listed["meta"]["total"] == 2
        assert all(row.keys() == new.keys() for row in listed["data"])


async def test_a_revoked_key_opens_no_more() -> None:
    async with serving(World()) as client:
        _, body = await make(client)
        key, address = body["data"]["key"], f"/v1/keys/{body['data']['id']}"
        assert (await client.get("/v1/accounting", headers=bearer(key))).status == 200
        assert (await client.delete(address, headers=bearer(ROOT))).status == 204
        assert (await client.get("/v1/accounting", headers=bearer(key))).status == 401
        assert (await client.delete(address, headers=bearer(ROOT))).status == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"orgId": "a:b"}, "/orgId"),
        ({"orgId": True}, "/orgId"),
        ({"orgId": ""}, "/orgId"),
        ({"scope": "root"}, "/scope"),
        ({"scope": None}, "/scope"),
        ({"sites": []}, "/sites"),
        ({"sites": "7"}, "/sites"),
        ({"sites": ["\n"]}, "/sites/0"),
        ({"sites": ["s"] * 101}, "/sites"),
        ({"expiresAt": "soon"}, "/expiresAt"),
        ({"expiresAt": 5}, "/expiresAt"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "/expiresAt"),
        ({"name": ""}, "/name"),
        ({"name": "n" * 201}, "/name"),
        ({"hash": "x"}, "/hash"),
    ],
)
async def test_a_wrong_field_is_named(body: dict[str, Any], pointer: str) -> None:
    async with serving(World()) as client:
        status, problem = await make(client, **body)
        assert status == 400
        assert problem["errors"][0]["pointer"].startswith(pointer)


async def test_only_the_root_key_may() -> None:
    world = World()
    admin = "ls_admin_secret"
    assert world.api_keys.known is not None
    world.api_keys.known.fold(b"admin", api_key(admin, "1", "admin").encode())
    async with serving(world) as client:
        for key in (DEMO, admin):
            for method, path in (("GET", "/v1/keys"), ("POST", "/v1/keys"), ("DELETE", "/v1/keys/demo")):
                answer = await client.request(method, path, headers=bearer(key), json={})
                assert (answer.status, (await answer.json())["code"]) == (403, "insufficient_scope")
        assert world.api_keys.known.get("demo") is not None


async def test_what_is_not_yet_in_force_here_is_a_202() -> None:
    world = World()
    world.key_desk.in_force = False
    async with serving(world) as client:
        status, body = await make(client)
        assert status == 202 and body["data"]["key"]
        revoked = await client.delete(f"/v1/keys/{body['data']['id']}", headers=bearer(ROOT))
        assert revoked.status == 202


async def test_no_broker_is_a_503_that_says_when_to_come_back() -> None:
    world = World()
    world.key_desk.broken = True
    async with serving(world) as client:
        for method, path in (("GET", "/v1/keys?orgId=1"), ("POST", "/v1/keys"), ("DELETE", "/v1/keys/demo")):
            answer = await client.request(method, path, headers=bearer(ROOT), json={"orgId": "1", "scope": "read"})
            assert (answer.status, "Retry-After" in answer.headers) == (503, True)


async def test_a_repeat_with_its_idempotency_key_is_told_which_key_was_made() -> None:
    async with serving(World()) as client:

        async def ask(key: str = "once", **body: Any) -> Any:
            asked = {"orgId": "1", "scope": "read", **body}
            answer = await client.post("/v1/keys", json=asked, headers=bearer(ROOT, **{"Idempotency-Key": key}))
            return answer, await answer.json()

        _, first = await ask(name="CRM")
        new = first["data"]
        answer, repeat = await ask(name="CRM")
        assert (answer.status, repeat["code"], repeat["keyId"]) == (409, "key_made", new["id"])
        assert answer.headers["Location"] == f"/v1/keys/{new['id']}" and new["key"] not in await answer.text()
        answer, other = await ask(name="Shop")
        assert (answer.status, other["code"]) == (422, "idempotency_key_reused")
        assert [(await ask(*one))[0].status for one in (("twice",), ("",), ("x" * 256,))] == [201, 400, 400]
        assert (await ask(orgId="2", name="CRM"))[0].status == 201  # a key of its org
        assert (await client.delete(f"/v1/keys/{new['id']}", headers=bearer(ROOT))).status == 204
        assert (await ask(name="CRM"))[0].status == 201


async def test_no_broker_and_an_idempotency_key_is_a_503_that_may_be_sent_again() -> None:
    world = World()
    world.key_desk.broken = True
    async with serving(world) as client:
        headers = bearer(ROOT, **{"Idempotency-Key": "once"})
        answer = await client.post("/v1/keys", json={"orgId": "1", "scope": "read"}, headers=headers)
        assert (answer.status, "send it again as it was" in (await answer.json())["detail"]) == (503, True)


async def test_an_id_that_is_none_is_unknown() -> None:
    async with serving(World()) as client:
        for name in ("a_b", "%0A", "x" * 65):
            assert (await client.delete(f"/v1/keys/{name}", headers=bearer(ROOT))).status == 404


async def test_a_key_may_ask_what_it_is() -> None:
    async with serving(World()) as client:

        async def said(key: str, query: str = "") -> Any:
            return (await (await client.get(f"/v1/whoami{query}", headers=bearer(key))).json())["data"]

        _, body = await make(client, orgId=1, scope="write", sites=["eu", 7])
        new = body["data"]
        told = {"keyId": new["id"], "orgId": 1, "scope": "write", "sites": [7, "eu"]}
        assert await said(new["key"]) == Holder.model_validate(told).model_dump(by_alias=True) == told
        assert await said(DEMO) == {"keyId": "demo", "orgId": 1, "scope": "read", "sites": None}
        root = {"keyId": None, "orgId": None, "scope": "root", "sites": None}
        assert await said(ROOT) == await said(ROOT, "?orgId=1") == root
        assert (await client.get("/api/v1/whoami")).status == 401
