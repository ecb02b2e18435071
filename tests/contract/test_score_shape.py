"""PushMail's clients read leadstream's scores: the shape of ``GET /contacts/{id}/score``, byte for byte."""

from typing import Any

import msgspec
import pytest

from schemas.ids import contact_key
from schemas.times import DAY_MS, format_time
from stream_app.delivery.status import PartitionStatus
from stream_app.processing.placement import partition_of
from tests.scoring_kit import T0, Fold, event, profile_record, rulebook, with_records
from tests.unit.web_client import serving
from tests.unit.web_fakes import PARTITIONS, SCORES, World, bearer, change, core, facts

PUSHMAIL = (
    b'{"data":{"contactId":42,"email":"jane@example.com","leadScore":45,"logs":[{"id":10,"ruleId":1,"points":5,'
    b'"reason":"Rule: Email opened","createdAt":"2026-03-01T14:30:00.000Z","ruleName":"Email opened"}]'
)
BEYOND = (
    b',"profileId":"default","version":10,"awards":{"count":10,"points":45},"earlier":{"count":9,"points":40},'
    b'"complete":false}}'
)


@pytest.mark.parametrize("prefix", ["/v1", "/api/v1"])
async def test_score_is_pushmails_and_then_ours(prefix: str) -> None:
    world = World()
    partition = world.partitions.put("42", core(awards=10, total=45), facts("jane@example.com"))
    outputs = [(contact_key("1", "42"), msgspec.json.encode(change("42", 10, before=40)), [])]
    world.recent.observe(partition, 5, {SCORES: outputs}, {})
    async with serving(world) as client:
        answer = await client.get(f"{prefix}/contacts/42/score?limit=1", headers=bearer())
        assert (answer.status, answer.content_type) == (200, "application/json")
        assert await answer.read() == PUSHMAIL + BEYOND


@pytest.mark.parametrize(
    ("contact_id", "path", "written"),
    [
        ("42", "42", 42), ("042", "042", "042"), ("a/b c", "a%2Fb%20c", "a/b c"), ("é:1", "%C3%A9:1", "é:1"),
        (str(2**53), str(2**53), str(2**53)), (str(2**53 - 1), str(2**53 - 1), 2**53 - 1),
    ],
)  # fmt: skip
async def test_canonical_integers_are_numbers_and_other_ids_text(
    contact_id: str, path: str, written: int | str
) -> None:
    world = World()
    partition = world.partitions.put(contact_id, core(awards=1, total=5))
    world.partitions.status[partition] = PartitionStatus(partition, "running")
    async with serving(world) as client:
        body = await (await client.get(f"/v1/contacts/{path}/score", headers=bearer())).json()
        assert body["data"]["contactId"] == written
        assert body["data"]["email"] is None


async def asked(world: World, clock: int) -> dict[str, Any]:
    """The answer about contact 42 at a clock of its partition."""
    partition = partition_of(contact_key("1", "42"), PARTITIONS)
    world.partitions.status[partition] = PartitionStatus(partition, "running", clock=clock)
    async with serving(world) as client:
        answer = await client.get("/v1/contacts/42/score", headers=bearer())
        assert answer.status == 200
        return (await answer.json())["data"]


@pytest.mark.parametrize(("days", "score"), [(0, 25), (13, 13), (14, 13), (28, 6), (1400, 0)])
async def test_D11_a_decaying_score_is_shown_at_the_clock_and_as_of_says_so(days: int, score: int) -> None:
    world, clock = World(), T0 + days * DAY_MS
    book = rulebook({"id": 1, "eventType": "email_open", "points": 25})
    fold = Fold(with_records(book, profile_record(0, decay={"halfLifeDays": 14})))
    fold.put(event())
    assert fold.contact is not None
    world.partitions.put("42", fold.contact.core)
    world.book = fold.book
    told = await asked(world, clock)
    assert (told["leadScore"], told["asOf"]) == (score, format_time(clock))
    assert (told["version"], told["awards"]) == (1, {"count": 1, "points": 25})
    assert list(told)[-2:] == ["complete", "asOf"]


async def test_D11_a_score_that_does_not_decay_has_no_as_of() -> None:
    world = World()
    world.partitions.put("42", core(awards=1, total=25))
    told = await asked(world, T0 + 14 * DAY_MS)
    assert told["leadScore"] == 25 and "asOf" not in told
