"""Contacts over HTTP on a fake worker with the real handler behind: shapes, statuses, pointers."""

import asyncio
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import ClientResponse

from schemas.ids import contact_key
from stream_app.authoring.api_keys import KeyRing
from stream_app.delivery.sender import Unsent
from stream_app.delivery.status import PartitionStatus
from stream_app.processing.placement import partition_of
from tests.unit.web_client import Client, serving
from tests.unit.web_fakes import ROOT, World, api_key, bearer

WRITER, OTHER = "ls_writer_secret", "ls_other_secret"
PATH = "/v1/contacts/42"


def world() -> World:
    made = World()
    made.api_keys.known = KeyRing([api_key(WRITER, "1", "write"), api_key(OTHER, "2", "write")])
    return made


async def ask(
    client: Client, method: str, path: str, body: Any = None, *, key: str = WRITER, **headers: str
) -> ClientResponse:
    return await client.request(method, path, json=body, headers=bearer(key, **headers))


async def told(answer: ClientResponse) -> tuple[int, Any]:
    body = await answer.json()
    return answer.status, body["data"] if "data" in body else (body["code"], [e["pointer"] for e in body["errors"]])


async def test_pushmails_three_fields_come_first() -> None:
    async with serving(world()) as client:
        answer = await ask(client, "POST", f"{PATH}/score", {"points": 45})
        assert answer.status == 200
        assert (await answer.read()).startswith(b'{"data":{"contactId":42,"pointsAdded":45,"newScore":45,')
        second = await ask(client, "POST", f"/api{PATH}/score", {"points": 25, "reason": "fair"})
        assert (await second.read()).startswith(b'{"data":{"contactId":42,"pointsAdded":25,"newScore":70,')
        logs = (await (await ask(client, "GET", f"{PATH}/score")).json())["data"]["logs"]
        assert [(row["points"], row["ruleId"], row["ruleName"], row["reason"]) for row in logs] == [
            (25, None, None, "fair"), (45, None, None, "Manual adjustment"),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "body", "pointer"),
    [
        ("POST", f"{PATH}/score", {"points": True}, "/points"), ("POST", f"{PATH}/score", {"points": 5.0}, "/points"),
        ("POST", f"{PATH}/score", {"points": "5"}, "/points"), ("POST", f"{PATH}/score", {"points": 2**63}, "/points"),
        ("POST", f"{PATH}/score", {"points": -(2**63) - 1}, "/points"), ("POST", f"{PATH}/score", {}, "/points"),
        ("POST", f"{PATH}/score", {"points": 1, "reason": "x" * 501}, "/reason"),
        ("POST", f"{PATH}/score", {"points": 1, "profileId": "A"}, "/profileId"),
        ("POST", f"{PATH}/score", {"points": 1, "profileId": "none"}, "/profileId"),
        ("POST", f"{PATH}/score", {"points": 1, "extra": 1}, "/extra"), ("POST", f"{PATH}/score", [], ""),
        ("POST", f"{PATH}/tags", {"tag": ""}, "/tag"), ("POST", f"{PATH}/tags", {"tag": "x" * 129}, "/tag"),
        ("POST", f"{PATH}/tags", {"tag": 5}, "/tag"),
        ("PUT", f"{PATH}/attributes", {"email": "a@b.c"}, "/attributes"),
        ("PUT", f"{PATH}/attributes", {"attributes": []}, "/attributes"),
        ("PUT", f"{PATH}/attributes", {"attributes": {}, "email": 5}, "/email"),
        ("POST", "/v1/scores/lookup", {"contactIds": []}, "/contactIds"),
        ("POST", "/v1/scores/lookup", {"contactIds": ["a", "b\x00"]}, "/contactIds/1"),
        ("POST", "/v1/scores/lookup", {"contactIds": [1] * 501}, "/contactIds"),
        ("GET", "/v1/contacts?sort=-score", None, "?sort"), ("GET", "/v1/contacts?limit=101", None, "?limit"),
        ("GET", "/v1/contacts?minScore=1.5", None, "?minScore"), ("GET", "/v1/contacts?cursor=%21", None, "?cursor"),
        ("GET", f"/v1/contacts?maxScore={2**63}", None, "?maxScore"),
        ("GET", "/v1/contacts?above=50", None, "?above"), ("GET", "/v1/contacts?below=50", None, "?below"),
        ("GET", "/v1/contacts?limit=5&label=hot", None, "?label"), ("GET", "/v1/contacts?segment=1", None, "?segment"),
        ("GET", "/v1/contacts?profileId=A", None, "?profileId"), ("GET", "/v1/commands/x", None, "?contactId"),
        ("POST", "/v1/contacts/a%00b/score", {"points": 1}, "/id"), ("GET", f"/v1/contacts/{'x' * 129}", None, "/id"),
        ("DELETE", f"{PATH}/tags/{'x' * 129}", None, "/tag"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_named(method: str, path: str, body: Any, pointer: str) -> None:
    here = world()
    async with serving(here) as client:
        status, (_, pointers) = await told(await ask(client, method, path, body))
        assert (status, pointers[0]) == (400, pointer)
    assert all(b'"none"' in (record.value or b"") for record in here.sender.sent)  # only the stream knows profiles


async def test_a_contact_is_written_read_tagged_and_erased() -> None:
    here = world()
    async with serving(here) as client:
        assert await told(await ask(client, "GET", PATH)) == (404, ("contact_not_found", []))
        body = {"email": "j@example.com", "attributes": {"n": 2**70, "deep": {"a": [None, 1.5]}}}
        assert await told(await ask(client, "PUT", f"{PATH}/attributes", body)) == (200, {"contactId": 42, **body})
        tagged = await told(await ask(client, "POST", f"{PATH}/tags", {"tag": "a/b ü"}))
        assert tagged == (201, {"contactId": 42, "tag": "a/b ü"})
        _, whole = await told(await ask(client, "GET", PATH))
        assert {name: whole[name] for name in ("email", "attributes", "tags", "leadScore")} == {
            **body, "tags": ["a/b ü"], "leadScore": 0,
        }  # fmt: skip
        assert whole["scores"] == [
            {"profileId": "default", "score": 0, "version": 0, "awards": {"count": 0, "points": 0}}
        ]
        for _ in range(2):  # a tag that is not there is taken already
            assert (await ask(client, "DELETE", f"{PATH}/tags/{quote('a/b ü', safe='')}")).status == 204
        assert (await told(await ask(client, "GET", PATH)))[1]["tags"] == []
        assert (await ask(client, "DELETE", PATH)).status == 204
        for method, path in (("DELETE", PATH), ("GET", PATH), ("DELETE", f"{PATH}/tags/x"), ("GET", f"{PATH}/score")):
            assert await told(await ask(client, method, path)) == (404, ("contact_not_found", []))


async def test_another_orgs_contact_is_not_there() -> None:
    async with serving(world()) as client:
        added = (await told(await ask(client, "POST", f"{PATH}/score", {"points": 5}, key=WRITER)))[1]
        for path in (PATH, f"{PATH}/score"):
            assert (await ask(client, "GET", path, key=OTHER)).status == 404
        fate = await told(await ask(client, "GET", f"/v1/commands/{added['commandId']}?contactId=42", key=OTHER))
        assert fate[1]["status"] == "unknown"
        assert (await told(await ask(client, "GET", "/v1/contacts", key=OTHER)))[1] == []
        looked = await told(await ask(client, "POST", "/v1/scores/lookup", {"contactIds": [42]}, key=OTHER))
        assert looked[1] == {"scores": [], "unknown": [42]}


async def test_what_takes_longer_than_the_limit_is_a_202_that_says_where_to_ask() -> None:
    here = world()
    async with serving(here) as client:
        here.sender.held = []
        answer = await ask(client, "POST", "/v1/contacts/a%2Fb/score?orgId=1", {"points": 5}, key=ROOT)
        location = answer.headers["Location"]
        assert (answer.status, (await answer.json())["data"]["status"]) == (202, "pending")
        assert location.endswith("?contactId=a%2Fb&orgId=1")
        assert (await told(await ask(client, "GET", location, key=ROOT)))[1]["status"] == "pending"
        for method, path, body in (
            ("PUT", f"{PATH}/attributes", {"attributes": {}}), ("POST", f"{PATH}/tags", {"tag": "x"}),
        ):  # fmt: skip
            assert (await ask(client, method, path, body)).status == 202
        here.sender.release()
        assert (await told(await ask(client, "GET", location, key=ROOT)))[1]["status"] == "applied"
        here.sender.held = []
        erased = await ask(client, "DELETE", PATH)
        assert (erased.status, erased.headers["Location"]) == (202, PATH)


@pytest.mark.parametrize(
    ("unsent", "key", "code", "retry"),
    [
        (Unsent(True), None, "broker_unavailable", "2"), (Unsent(False), None, "outcome_unknown", None),
        (Unsent(False), "k", "outcome_unknown", "2"),
    ],
)  # fmt: skip
async def test_kafka_that_does_not_answer_is_a_503(
    unsent: Unsent, key: str | None, code: str, retry: str | None
) -> None:
    here = world()
    headers = {"Idempotency-Key": key} if key else {}
    async with serving(here) as client:
        here.sender.unsent = unsent
        answer = await ask(client, "POST", f"{PATH}/score", {"points": 5}, **headers)
        assert (await told(answer))[:1] + (await told(answer))[1][:1] == (503, code)
        assert answer.headers.get("Retry-After") == retry
        attributes = await ask(client, "PUT", f"{PATH}/attributes", {"attributes": {}})
        assert (attributes.status, attributes.headers["Retry-After"]) == (503, "2")


async def test_a_partition_that_restores_is_a_503() -> None:
    here = world()
    for partition in list(here.partitions.stores):
        del here.partitions.stores[partition]
        here.partitions.status[partition] = PartitionStatus(partition, "restoring")
    async with serving(here) as client:
        for method, path, body in (
            ("POST", f"{PATH}/score", {"points": 1}), ("GET", PATH, None), ("DELETE", PATH, None),
            ("PUT", f"{PATH}/attributes", {"attributes": {}}), ("DELETE", f"{PATH}/tags/x", None),
            ("GET", "/v1/commands/x?contactId=1", None), ("GET", "/v1/contacts", None),
            ("POST", "/v1/scores/lookup", {"contactIds": [1]}),
        ):  # fmt: skip
            answer = await ask(client, method, path, body)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1"), path
            assert (await told(answer))[1][0] == "partition_restoring"


async def test_a_repeated_key_over_http() -> None:
    async with serving(world()) as client:
        for path, body, other in (
            (f"{PATH}/score", {"points": 5, "reason": None}, {"points": 5, "reason": "x"}),
            (f"{PATH}/tags", {"tag": "x"}, {"tag": "y"}),
        ):
            headers = {"Idempotency-Key": path}
            first = await ask(client, "POST", path, body, **headers)
            again = await ask(client, "POST", path, body, **headers)
            assert (again.status, await again.read()) == (first.status, await first.read())
            reused = await ask(client, "POST", path, other, **headers)
            assert await told(reused) == (422, ("idempotency_key_reused", []))


async def test_writes_at_once_each_get_their_own_score() -> None:
    async with serving(world()) as client:
        answers = await asyncio.gather(*(ask(client, "POST", f"{PATH}/score", {"points": 1}) for _ in range(20)))
        assert sorted([(await told(answer))[1]["newScore"] for answer in answers]) == list(range(1, 21))


async def test_the_list_is_by_last_change_pages_and_says_whether_it_is_all() -> None:
    here = world()
    async with serving(here) as client:
        for number in range(7):
            await ask(client, "POST", f"/v1/contacts/c{number}/score", {"points": number})
        await ask(client, "POST", "/v1/contacts/c0/score", {"points": 10})
        seen: list[str] = []
        path: str | None = (first := "/v1/contacts?limit=3&minScore=2&maxScore=10")
        while path is not None:
            page = await (await ask(client, "GET", path)).json()
            assert page["meta"]["complete"] is False  # these partitions had batches before this worker
            seen += [row["contactId"] for row in page["data"]]
            path = f"{first}&cursor={page['meta']['nextCursor']}" if page["meta"]["nextCursor"] else None
        assert sorted(seen) == ["c0", "c2", "c3", "c4", "c5", "c6"]


async def test_the_list_says_since_when_no_contact_is_missing() -> None:
    here = world()
    async with serving(here) as client:
        await ask(client, "GET", "/v1/contacts")  # of what was before this worker nothing is known
        for contact in ("7", "42"):  # in two partitions
            await ask(client, "POST", f"/v1/contacts/{contact}/score", {"points": 5})
        before = await (await ask(client, "GET", "/v1/contacts")).json()
        assert [row["contactId"] for row in before["data"]] == [42, 7]
        assert all(row["changedAt"] >= before["meta"]["exactSince"] for row in before["data"])
        moved = partition_of(contact_key("1", "42"), here.partitions.partition_count)
        status = here.partitions.status[moved]
        here.partitions.status[moved] = replace(status, seq=status.seq + 2)  # was another worker's for two batches
        after = await (await ask(client, "GET", "/v1/contacts")).json()
        assert [row["contactId"] for row in after["data"]] == [7]
        assert after["meta"]["exactSince"] > before["data"][0]["changedAt"]
        assert after["meta"]["complete"] is False


async def test_a_list_of_all_that_ever_changed_is_complete() -> None:
    here = world()
    for partition, status in here.partitions.status.items():
        here.partitions.status[partition] = replace(status, seq=0)
    async with serving(here) as client:
        await ask(client, "POST", "/v1/contacts/7/score", {"points": 5})
        page = await (await ask(client, "GET", "/v1/contacts")).json()
        assert page["meta"] == {"nextCursor": None, "complete": True, "exactSince": None}


async def test_lookup_answers_in_the_order_asked() -> None:
    async with serving(world()) as client:
        for contact, points in (("7", 3), ("b", 4)):
            await ask(client, "POST", f"/v1/contacts/{contact}/score", {"points": points})
        _, found = await told(await ask(client, "POST", "/v1/scores/lookup", {"contactIds": ["b", 8, 7, "7"]}))
        assert [(row["contactId"], row["leadScore"]) for row in found["scores"]] == [("b", 4), (7, 3)]
        assert found["unknown"] == [8]
