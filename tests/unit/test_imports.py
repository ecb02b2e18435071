"""``POST /imports``: good rows overwrite, bad ones are reported, and a repeat with its key changes nothing."""

import io
import json
from typing import Any

import pytest
from aiohttp import ClientResponse, FormData

from stream_app.authoring.api_keys import KeyRing
from stream_app.authoring.problems import EXPLAINED
from stream_app.delivery.sender import SourceRecord, Unsent
from stream_app.processing.codec import Codec
from stream_app.processing.outgoing import Outgoing
from stream_app.processing.score_rows import BadRow, GivenScore
from stream_app.reading.imports import CHUNK_RECORDS, REPORTED, ScoreImport, commands_of
from stream_app.reading.repeats import Repeats
from tests.scoring_kit import COMMANDS, CONTACTS, ENGAGEMENT, T0
from tests.unit.web_client import Client, serving
from tests.unit.web_fakes import World, api_key, bearer

WRITER = "ls_writer_secret"
FILE = b"contactId,score,reason\n42,7,\n43,x,\n44,-3,moved\n"


def world() -> World:
    made = World()
    made.api_keys.known = KeyRing([api_key(WRITER, "1", "write")])
    return made


async def post(client: Client, file: bytes = FILE, query: str = "", **headers: str) -> ClientResponse:
    given = {"Content-Type": "text/csv", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return await client.post(f"/v1/imports{query}", data=io.BytesIO(file), headers=bearer(WRITER, **given))


async def code(answer: ClientResponse) -> tuple[int, str]:
    return answer.status, (await answer.json())["code"]


def sent(here: World) -> list[dict[str, Any]]:
    assert all(record.topic == COMMANDS for record in here.sender.sent)
    return [json.loads(record.value or b"") for record in here.sender.sent]


async def score(client: Client, contact: str) -> tuple[int, int]:
    """The score of a contact, and how many awards it has."""
    body = await (await client.get(f"/v1/contacts/{contact}/score", headers=bearer(WRITER))).json()
    return body["data"]["leadScore"], len(body["data"]["logs"])


async def test_good_rows_overwrite_and_bad_ones_are_reported() -> None:
    here = world()
    async with serving(here) as client:
        answer = await post(client)
        assert (answer.status, (await answer.json())["data"]) == (202, {
            "accepted": 2, "rejectedCount": 1,
            "rejected": [{
                "line": 3, "code": "invalid_score",
                "message": "A score is a whole number of 64 bits, written with digits only.",
            }],
        })  # fmt: skip
        first, other = sent(here)
        assert {first.pop(name) is not None for name in ("commandId", "at")} == {True}
        assert first == {
            "orgId": "1", "contactId": "42", "kind": "set", "score": 7, "profileId": "default", "fireTriggers": False,
            "by": "writer",
        }  # fmt: skip
        assert (other["contactId"], other["score"], other["reason"]) == ("44", -3, "moved")
        for contact, logged in (("42", (7, "import")), ("44", (-3, "moved"))):
            body = await (await client.get(f"/v1/contacts/{contact}/score", headers=bearer(WRITER))).json()
            assert (body["data"]["leadScore"], body["data"]["logs"][0]["reason"]) == logged


async def test_what_is_at_its_score_stays_and_the_last_row_of_a_contact_stands() -> None:
    here = world()
    async with serving(here) as client:
        for _ in range(2):
            assert (await post(client)).status == 202
        assert await score(client, "42") == (7, 1)
        await client.post("/v1/contacts/42/score", json={"points": 5}, headers=bearer(WRITER))
        assert await score(client, "42") == (12, 2)
        assert (await post(client)).status == 202  # on purpose, again
        assert await score(client, "42") == (7, 3)
        assert (await post(client, b"score,contactId\n1,9\n2,9\n3,9\n")).status == 202
        assert await score(client, "9") == (3, 3)


async def test_a_repeat_with_its_key_acts_once_for_each_row() -> None:
    here = world()
    async with serving(here) as client:
        first = await (await post(client, Idempotency_Key="k")).json()
        await client.post("/v1/contacts/42/score", json={"points": 5}, headers=bearer(WRITER))
        assert await (await post(client, Idempotency_Key="k")).json() == first
        assert await score(client, "42") == (12, 2)
        ids = [body["commandId"] for body in sent(here) if body["kind"] == "set"]
        assert ids[:2] == ids[2:] and len(set(ids)) == 2
        for file, query in ((FILE + b"\n", ""), (FILE, "?fireTriggers=true")):
            answer = await post(client, file, query, Idempotency_Key="k")
            assert await code(answer) == (422, "idempotency_key_reused")
        assert await code(await post(client, Idempotency_Key="")) == (400, "invalid_idempotency_key")


async def test_d8_crossings_are_announced_only_when_asked_for() -> None:
    here = world()
    async with serving(here) as client:
        assert (await post(client, query="?fireTriggers=true&profileId=default")).status == 202
        assert [body["fireTriggers"] for body in sent(here)] == [True, True]
        for query in ("?fireTriggers=1", "?fireTriggers=", "?profileId=A", "?profileId=", "?profileId=none"):
            answer = await post(client, query=query)
            body = await answer.json()
            assert (answer.status, body["code"]) == (400, "invalid_parameter"), query
            assert body["errors"][0]["pointer"] == query.split("=")[0]
        assert len(here.sender.sent) == 2


@pytest.mark.parametrize(
    ("file", "told", "pointers"),
    [
        (b"", "no_header", ["/1"]), (b"contactId,score\n1,1\n\xff", "not_utf8", ["/3"]),
        (b'contactId,score\n1,1\n"2', "invalid_csv", ["/3"]),
        (b"contactId,score,a/b,c~d\n1,1,2,3\n", "unknown_column", ["/1/a~1b", "/1/c~0d"]),
        (b"a," * 300 + b"score\n", "unknown_column", ["/1/a"] * EXPLAINED),
        (b"score\n1\n", "missing_column", ["/1/contactId"]),
        (b"contactId,contactId,score\n1,1,1\n", "repeated_column", ["/1/contactId"]),
    ],
)  # fmt: skip
async def test_nothing_is_sent_of_a_file_that_cannot_be_read(file: bytes, told: str, pointers: list[str]) -> None:
    here = world()
    async with serving(here) as client:
        answer = await post(client, file)
        body = await answer.json()
        assert (answer.status, body["code"], [error["pointer"] for error in body["errors"]]) == (400, told, pointers)
    assert here.sender.sent == []


async def test_body_is_csv_or_a_form_of_one_file() -> None:
    here = world()
    async with serving(here) as client:
        for media in ("application/json", "text/plain", "text/csv; charset=iso-8859-1", "multipart/mixed; boundary=x"):
            assert await code(await post(client, Content_Type=media)) == (415, "unsupported_media_type")
        assert await code(await post(client, b"x" * (1024 * 1024 + 1))) == (413, "body_too_large")
        form = FormData()
        form.add_field("any name", FILE, filename="scores.csv", content_type="application/vnd.ms-excel")
        answer = await client.post("/v1/imports", data=form, headers=bearer(WRITER))
        assert (answer.status, (await answer.json())["data"]["accepted"]) == (202, 2)
        form = FormData({"profileId": "default"})
        form.add_field("file", FILE, filename="scores.csv")
        assert await code(await client.post("/v1/imports", data=form, headers=bearer(WRITER))) == (400, "invalid_form")
    assert len(here.sender.sent) == 2


@pytest.mark.parametrize(
    ("media", "body", "status"),
    [
        ('multipart/form-data; boundary="a b"', b"--a b\r\nX: y\r\n\r\ncontactId,score\r\n\r\n--a b--", 202),
        ("multipart/form-data; boundary=b", b"before\r\n--b \r\nX: y\r\n\r\nscore,contactId\r\n--b--after", 202),
        ("multipart/form-data; boundary=b", b"--b\r\nX: y\r\n\r\n\r\n--b--", 400),
        ("multipart/form-data; boundary=b", b"--b\r\nX: y\r\n\r\ncontactId,score\r\n--b", 400),
        ("multipart/form-data; boundary=b", b"--b\r\nX: y\r\n\r\ncontactId,score", 400),
        ("multipart/form-data; boundary=b", b"--b\r\nX: y\r\n--b--", 400),
        ("multipart/form-data; boundary=b", b"--bX: y\r\n\r\ncontactId,score\r\n--b--", 400),
        ("multipart/form-data; boundary=b", b"--b--", 400), ("multipart/form-data; boundary=b", b"", 400),
        ("multipart/form-data; boundary=", b"----", 400), ("multipart/form-data", b"--b--", 400),
        ("multipart/form-data; boundary*=utf-8''b", b"--b--", 400),
    ],
)  # fmt: skip
async def test_forms(media: str, body: bytes, status: int) -> None:
    async with serving(world()) as client:
        assert (await post(client, body, Content_Type=media)).status == status


@pytest.mark.parametrize(
    ("unsent", "key", "told", "retry"),
    [
        (Unsent(True), None, "broker_unavailable", "2"), (Unsent(False), None, "outcome_unknown", None),
        (Unsent(False), "k", "outcome_unknown", "2"),
    ],
)  # fmt: skip
async def test_kafka_that_does_not_answer_is_a_503(
    unsent: Unsent, key: str | None, told: str, retry: str | None
) -> None:
    here = world()
    here.sender.unsent = unsent
    async with serving(here) as client:
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = await post(client, FILE, "", **headers)
        assert await code(answer) == (503, told)
        assert answer.headers.get("Retry-After") == retry


async def test_an_import_that_broke_off_says_that_its_outcome_is_unknown() -> None:
    here = world()
    put, chunks = here.sender.send, 0

    async def silent_after_one(records: list[SourceRecord], limit_seconds: float) -> list[int] | Unsent:
        nonlocal chunks
        chunks += 1
        return await put(records, limit_seconds) if chunks == 1 else Unsent(certain=True)

    here.sender.send = silent_after_one  # pyright: ignore[reportAttributeAccessIssue] - Kafka goes away
    rows = b"".join(b"c%d,1\n" % number for number in range(CHUNK_RECORDS + 1))
    async with serving(here) as client:
        assert await code(await post(client, b"contactId,score\n" + rows, Idempotency_Key="k")) == (
            503,
            "outcome_unknown",
        )
        assert len(here.sender.sent) == CHUNK_RECORDS
        here.sender.send = put
        answer = await post(client, b"contactId,score\n" + rows, Idempotency_Key="k")
        assert (await answer.json())["data"]["accepted"] == CHUNK_RECORDS + 1
        assert await score(client, "c0") == await score(client, f"c{CHUNK_RECORDS}") == (1, 1)


async def test_the_report_is_bounded_and_counts_all() -> None:
    async with serving(world()) as client:
        rows = b"x\n" * (REPORTED + CHUNK_RECORDS)
        body = (await (await post(client, b"contactId,score\n1,1\n" + rows)).json())["data"]
    assert (body["accepted"], body["rejectedCount"], len(body["rejected"])) == (1, REPORTED + CHUNK_RECORDS, REPORTED)
    assert (body["rejected"][0]["line"], body["rejected"][-1]["line"]) == (3, 2 + REPORTED)


def test_what_the_codec_would_refuse_is_never_sent() -> None:
    tiny = Outgoing(
        codec=Codec(1, 200, None), partitions=1, commands=COMMANDS, contacts=CONTACTS, engagement=ENGAGEMENT
    )
    build = commands_of(ScoreImport("1", "default", False, None, None), tiny, T0)
    refused = build(GivenScore(7, "42", 1, "x" * 200))
    assert isinstance(refused, BadRow)
    assert (refused.line, refused.code) == (7, "too_large")


def test_keys_are_remembered_up_to_a_bound() -> None:
    repeats = Repeats(remembered=2)
    assert [repeats.same("1", key, b"a") for key in ("k", "l", "k", "m")] == [True] * 4
    assert not repeats.same("1", "k", b"b")
    assert repeats.same("1", "l", b"b")  # forgotten: the oldest
    assert repeats.same("2", "k", b"b") and repeats.same("1", None, b"b")
