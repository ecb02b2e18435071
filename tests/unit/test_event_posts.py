"""``POST /events``: every event is judged before any is sent."""

import io
import json
from typing import Any, cast

import pytest
from aiohttp import ClientResponse

from stream_app.authoring.api_keys import KeyRing
from stream_app.delivery.sender import Unsent
from stream_app.reading.event_posts import Bad, Post
from tests.scoring_kit import ENGAGEMENT
from tests.unit.web_client import Client, serving
from tests.unit.web_fakes import World, api_key, bearer

WRITER, SITED = "ls_writer_secret", "ls_sited_secret"


def world() -> World:
    made = World()
    sited = api_key(SITED, "1", "write", sites=frozenset({"1", "2"}))
    made.api_keys.known = KeyRing([api_key(WRITER, "1", "write"), sited])
    return made


def event(**fields: Any) -> dict[str, Any]:
    body = {"contactId": 42, "type": "email_open", **fields}
    return {name: value for name, value in body.items() if value is not ...}


async def post(client: Client, body: Any, key: str = WRITER, **headers: str) -> ClientResponse:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await client.post(
        "/v1/events", data=io.BytesIO(text), headers=bearer(key, **{"Content-Type": "application/json", **headers})
    )


@pytest.mark.parametrize("form", [lambda e: e, lambda e: [e], lambda e: {"events": [e]}])
async def test_an_event_an_array_and_an_object_are_taken(form: Any) -> None:
    here = world()
    async with serving(here) as client:
        answer = await post(client, form(event(siteId=1, properties={"n": 2**70, "f": 1.0})))
        assert answer.status == 202
        [event_id] = (await answer.json())["data"]["eventIds"]
    [(topic, _, key, value)] = here.sender.sent
    assert (topic, key) == (ENGAGEMENT, b"1:42")
    assert value is not None
    assert json.loads(value) == {
        "orgId": "1", "contactId": "42", "eventId": event_id, "type": "email_open", "siteId": "1",
        "properties": {"n": 2**70, "f": 1.0},
    }  # fmt: skip


async def test_s4_event_ids_come_from_the_idempotency_key() -> None:
    here = world()
    async with serving(here) as client:
        events = [event(), event(eventId="own"), event()]
        first = await (await post(client, events, **{"Idempotency-Key": "k"})).json()
        assert first["data"] == {"accepted": 3, "eventIds": ["k/0", "own", "k/2"]}
        assert await (await post(client, events, **{"Idempotency-Key": "k"})).json() == first
        other = await post(client, events[:1], **{"Idempotency-Key": "k"})
        assert (other.status, (await other.json())["code"]) == (422, "idempotency_key_reused")
        long = await (await post(client, event(), **{"Idempotency-Key": "k" * 255})).json()
        assert len(long["data"]["eventIds"][0]) <= 128
        none = await post(client, event(), **{"Idempotency-Key": ""})
        assert (none.status, (await none.json())["code"]) == (400, "invalid_idempotency_key")


@pytest.mark.parametrize(
    ("bad", "pointer", "code"),
    [
        (event(type="manual"), "/type", "invalid_event"), (event(type="A b"), "/type", "invalid_event"),
        (event(type=...), "/type", "invalid_event"), (event(type=5), "/type", "invalid_event"),
        (event(contactId=...), "/contactId", "invalid_event"), (event(contactId=True), "/contactId", "invalid_event"),
        (event(contactId=1.5), "/contactId", "invalid_event"), (event(contactId=""), "/contactId", "invalid_event"),
        (event(contactId="a\x00b"), "/contactId", "invalid_event"),
        (event(eventId="x" * 129), "/eventId", "invalid_event"), (event(orgId="a b"), "/orgId", "invalid_event"),
        (event(siteId=[1]), "/siteId", "invalid_event"),
        (event(occurredAt="2026-03-01 14:30:00Z"), "/occurredAt", "invalid_event"),
        (event(occurredAt=5), "/occurredAt", "invalid_event"),
        (event(occurredAt="2999-01-01T00:00:00Z"), "/occurredAt", "invalid_event"),
        (event(properties=[]), "/properties", "invalid_event"),
        (event(properties={"a": "x" * 262_144}), "/properties", "too_large"),
        ("text", "", "invalid_event"), (None, "", "invalid_event"),
    ],
)  # fmt: skip
async def test_a_bad_event_is_named_and_nothing_is_sent(bad: Any, pointer: str, code: str) -> None:
    here = world()
    async with serving(here) as client:
        answer = await post(client, [event(), bad])
        problem = await answer.json()
    assert answer.status == 400, problem
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/1" + pointer, code)]
    assert here.sender.sent == []


class Looked(str):
    """A field's name that counts how often a dict is asked for it or made with it."""

    times = 0

    def __hash__(self) -> int:
        Looked.times += 1
        return super().__hash__()

    __eq__ = str.__eq__


async def test_a_bad_event_of_many_fields_costs_what_its_length_does() -> None:
    """One of 8,000 unknown fields held up a worker for 14 s: for each of them all others were copied."""
    unknown = {Looked(f"f{number}"): 1 for number in range(1_000)}
    given, Looked.times = unknown | event(occurredAt="2026-03-01 14:30:00Z"), 0
    [told] = cast("list[Bad]", await world().sender.desk.events.take(Post("1", None, [given])))
    assert (told.reason, told.field) == ("invalid_event", "occurredAt")
    assert Looked.times <= 10 * len(unknown)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{", 400), (b'{"contactId":1e400}', 400), (b"[NaN]", 400), (b"5", 400), (b"[]", 400),
        (b'{"events":[]}', 400), (b'{"events":{}}', 400), (b"[" * 40 + b"]" * 40, 400), (b"\xff", 400),
        (json.dumps([event()] * 1001).encode(), 400), (b" " * (1024 * 1024 + 1), 413),
        (b'{"contactId":42,"type":"email_open","properties":{"n":1e400}}', 400),
    ],
)  # fmt: skip
async def test_what_is_no_list_of_events_is_refused(body: bytes, status: int) -> None:
    here = world()
    async with serving(here) as client:
        assert (await post(client, body)).status == status
        assert (await post(client, event(), **{"Content-Type": "text/plain"})).status == 415
    assert here.sender.sent == []


async def test_orgs_and_sites_of_others_are_forbidden() -> None:
    here = world()
    async with serving(here) as client:
        foreign = await post(client, [event(), event(orgId="2")])
        assert (foreign.status, (await foreign.json())["errors"][0]["pointer"]) == (403, "/1/orgId")
        for site in (3, ..., None):
            other = await post(client, {"events": [event(siteId=1), event(siteId=site)]}, SITED)
            assert (other.status, (await other.json())["code"]) == (403, "foreign_site")
        assert here.sender.sent == []
        assert (await post(client, [event(orgId=1), event(orgId="1", siteId="2")], WRITER)).status == 202
        assert (await post(client, [event(siteId=1), event(siteId="2")], SITED)).status == 202


@pytest.mark.parametrize(
    ("unsent", "headers", "code", "retry"),
    [
        (Unsent(True), {}, "broker_unavailable", "2"), (Unsent(False), {}, "outcome_unknown", None),
        (Unsent(False), {"Idempotency-Key": "k"}, "outcome_unknown", "2"),
    ],
)  # fmt: skip
async def test_kafka_that_does_not_answer_is_a_503(
    unsent: Unsent, headers: dict[str, str], code: str, retry: str | None
) -> None:
    here = world()
    here.sender.unsent = unsent
    async with serving(here) as client:
        answer = await post(client, event(), **headers)
        assert (answer.status, (await answer.json())["code"]) == (503, code)
        assert answer.headers.get("Retry-After") == retry
