"""Commands over REST without Kafka: one answer each, whatever is repeated, slow, refused or lost (decision 0008)."""

import asyncio
from typing import Any, Literal

import pytest

from schemas.ids import contact_key
from schemas.outputs import CommandCause, ScoreChanged
from schemas.state import CORE, SEPARATOR
from stream_app.delivery.sender import SourceRecord, Unsent
from stream_app.processing.placement import partition_of
from stream_app.reading.command_ledger import Found
from stream_app.reading.command_results import CommandResults
from stream_app.reading.contacts import NotHere
from stream_app.reading.orders import (
    Applied,
    Forgotten,
    Order,
    Refused,
    Reused,
    Unread,
    command_id_of,
)  # fmt: skip
from stream_app.reading.own_writes import NotSent, Waiting, Written
from stream_app.reading.recent_awards import RecentAwards
from stream_app.scoring.rulebook import EMPTY_RULEBOOK, Rulebook
from tests.scoring_kit import COMMANDS, DEAD, SCORES, published_record, rulebook, with_records
from tests.unit.desk_fakes import EngineSender, contact_desk, outgoing
from tests.unit.web_fakes import FakePartitions, change

SOON = 0.05


class Desk:
    """A desk over the real handler; `restart` forgets what the worker had in memory."""

    def __init__(self, book: Rulebook = EMPTY_RULEBOOK) -> None:
        self.sender = EngineSender(FakePartitions(), RecentAwards(SCORES), book, limit_seconds=SOON)

    def restart(self) -> None:
        self.sender.desk = contact_desk(self.sender.partitions, self.sender, self.sender.recent, limit_seconds=SOON)

    def elsewhere(self, record: SourceRecord, offset: int) -> None:
        """Apply a record as another owner would while the partition is away."""
        self.sender.apply(record, offset, told=False)

    def erasing(self) -> tuple[SourceRecord, int]:
        record = outgoing(self.sender.partitions.partition_count).erase("1", "42")
        place = record.topic, record.partition
        offset = self.sender.offsets[place] = self.sender.offsets.get(place, 0) + 1
        return record, offset - 1

    async def adjust(self, points: int, command_id: str, contact: str = "42", **more: Any) -> Any:
        payload = {"points": points, "reason": None, "profileId": "default", **more}
        return await self.sender.desk.orders.give(Order("1", contact, "adjust", payload, "key", command_id))

    async def tag(self, kind: Literal["tag", "untag"], tag: str, command_id: str) -> Any:
        return await self.sender.desk.orders.give(Order("1", "42", kind, {"tag": tag}, "key", command_id))

    def fate(self, command_id: str, contact: str = "42") -> Any:
        return self.sender.desk.orders.fate("1", contact, command_id)


def score(answer: Any) -> int:
    assert isinstance(answer, Applied) and answer.change is not None, answer
    return answer.change.score


async def test_the_answer_is_what_the_command_itself_did() -> None:
    desk = Desk()
    desk.sender.held = []
    first, second = asyncio.ensure_future(desk.adjust(10, "a")), asyncio.ensure_future(desk.adjust(-3, "b"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    desk.sender.release()
    assert (score(await first), score(await second)) == (10, 7)
    assert (await first).change.cause.by == "key"


async def test_s53_a_repeat_gets_the_first_answer_and_is_not_sent_again() -> None:
    desk = Desk()
    assert score(await desk.adjust(10, "a")) == 10
    assert score(await desk.adjust(5, "b")) == 15
    assert score(await desk.adjust(10, "a")) == 10
    assert len(desk.sender.sent) == 2
    assert isinstance(await desk.adjust(11, "a"), Reused)
    assert isinstance(await desk.tag("tag", "x", "a"), Reused)


async def test_the_answer_is_the_score_of_the_profile_that_was_named_whatever_else_moves_with_it() -> None:
    called = {"id": 2, "eventType": "manual", "points": 3, "name": "Called"}
    desk = Desk(
        with_records(
            EMPTY_RULEBOOK, published_record(0, "engagement", called),
            published_record(0, "overall", formula={"average": ["default", "engagement"]}),
        )
    )  # fmt: skip
    assert score(await desk.adjust(10, "a")) == 10
    other = await desk.adjust(20, "b", profileId="engagement")
    assert (other.change.profile_id, score(other)) == ("engagement", 26)
    desk.restart()
    assert score(await desk.adjust(10, "a")) == 10
    assert await desk.adjust(20, "b", profileId="engagement") == other


async def test_a_repeat_in_flight_waits_for_the_first() -> None:
    desk = Desk()
    desk.sender.held = []
    first, again = asyncio.ensure_future(desk.adjust(10, "a")), asyncio.ensure_future(desk.adjust(10, "a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    desk.sender.release()
    assert await first == await again
    assert len(desk.sender.sent) == 1


async def test_after_a_restart_a_repeat_is_answered_from_the_ledger() -> None:
    desk = Desk()
    await desk.adjust(10, "a", reason="fair")
    await desk.adjust(5, "b")
    await desk.tag("tag", "x", "c")
    desk.restart()
    assert score(await desk.adjust(10, "a", reason="fair")) == 10
    assert isinstance(await desk.adjust(10, "a"), Reused)
    assert isinstance(await desk.adjust(9, "a", reason="fair"), Reused)
    assert isinstance(await desk.tag("tag", "x", "a"), Reused)
    assert await desk.tag("tag", "x", "c") == Applied(None)
    assert len(desk.sender.sent) == 3


async def test_after_a_restart_a_repeat_that_names_another_profile_is_another_order() -> None:
    called = {"id": 2, "eventType": "manual", "points": 3, "name": "Called"}
    desk = Desk(with_records(rulebook(), published_record(0, "engagement", called), published_record(1, "third")))
    await desk.adjust(10, "a")
    await desk.adjust(20, "b", profileId="engagement")
    desk.restart()
    for other in ("engagement", "third"):  # the one moved with it, the other did not
        assert isinstance(await desk.adjust(10, "a", profileId=other), Reused)
    assert isinstance(await desk.adjust(20, "b"), Reused)
    assert len(desk.sender.sent) == 2


async def test_an_id_in_flight_under_a_former_owner_is_not_answered_for_another_order() -> None:
    desk = Desk(with_records(rulebook(), published_record(0, "engagement")))
    for command_id, points, more in (("a", 70, {}), ("b", 5, {"profileId": "engagement"}), ("c", 5, {"reason": "x"})):
        desk.sender.held = []
        assert isinstance(await desk.adjust(5, command_id), Waiting)
        held = desk.sender.held
        desk.restart()  # another owner, before the command is read
        again, same = (
            asyncio.ensure_future(desk.adjust(points, command_id, **more)),
            asyncio.ensure_future(desk.adjust(points, command_id, **more)),
        )
        await asyncio.sleep(0)
        assert len(held) == 2
        desk.sender.release()
        assert (await again, await same) == (Reused(), Reused())
        assert isinstance(await desk.tag("tag", "x", command_id), Reused)


async def test_an_id_in_flight_under_a_former_owner_is_answered_to_its_own_repeat() -> None:
    desk = Desk()
    desk.sender.held = []
    assert isinstance(await desk.adjust(5, "a"), Waiting)
    desk.restart()
    again = asyncio.ensure_future(desk.adjust(5, "a"))
    await asyncio.sleep(0)
    desk.sender.release()
    assert score(await again) == 5
    assert score(await desk.adjust(1, "b")) == 6


async def test_nothing_is_known_of_commands_from_before_another_owner() -> None:
    desk = Desk()
    await desk.adjust(50, "a")
    desk.elsewhere(*desk.erasing())
    assert desk.fate("a") == ("unknown", "")
    assert score(await desk.adjust(50, "a")) == 50  # after an erase an id acts again (decision 0008)
    desk.sender.held = []
    assert await desk.adjust(1, "b") == Waiting("b")
    desk.elsewhere(*desk.erasing())
    desk.sender.release()  # a batch of ours is committed before anybody asks
    assert score(await desk.adjust(50, "a")) == 51


async def test_a_command_that_another_owner_rejected_is_given_anew() -> None:
    desk = Desk()
    await desk.adjust(2**63 - 1, "a")
    desk.sender.held = []
    assert await desk.adjust(5, "b") == Waiting("b")
    (held,), desk.sender.held = desk.sender.held, None
    desk.elsewhere(*held)
    assert desk.fate("b") == ("unknown", "")
    refused = await desk.adjust(5, "b")
    assert isinstance(refused, Refused) and "int64" in refused.why
    assert len(desk.sender.sent) == 3


async def test_who_waits_for_a_command_that_acted_under_another_owner_is_told_what_it_did() -> None:
    desk = Desk()
    desk.sender.held = []
    giving = [asyncio.ensure_future(desk.adjust(5, "a")) for _ in range(2)]
    await asyncio.sleep(0)
    (held,), desk.sender.held = desk.sender.held, None
    desk.elsewhere(*held)
    other = await desk.adjust(1, "b")  # here again: the waiting ones learn of it
    assert [score(await one) for one in giving] == [5, 5]
    assert (score(other), len(desk.sender.sent)) == (6, 2)


@pytest.mark.parametrize(("found", "answer"), [(True, Forgotten()), (False, Unread())])
@pytest.mark.parametrize("rest", [(), (change(profile_id="fit", cause=CommandCause("a", "adjust", None)),)])
async def test_a_repeat_whose_first_answer_is_not_at_hand_is_never_guessed(
    rest: tuple[ScoreChanged, ...], found: bool, answer: object
) -> None:
    class Nothing:
        async def of_command(self, partition: int, key: bytes, command_id: str) -> Found:
            return Found(rest, complete=found)

    desk = Desk()
    await desk.adjust(10, "a")
    desk.sender.desk = contact_desk(desk.sender.partitions, desk.sender, desk.sender.recent, ledger=Nothing())
    assert await desk.adjust(10, "a") == answer


async def test_a_command_that_another_client_sent_first_is_not_paid_twice() -> None:
    desk = Desk()
    desk.sender.others_first = True
    assert score(await desk.adjust(10, "a")) == 10
    assert await desk.tag("tag", "x", "b") == Applied(None)


async def test_what_is_not_applied_in_time_is_waiting_and_asked_for_later() -> None:
    desk = Desk()
    desk.sender.held = []
    assert await desk.adjust(10, "a") == Waiting("a")
    assert desk.fate("a") == ("pending", "")
    assert await desk.adjust(10, "a") == Waiting("a")
    desk.sender.release()
    assert desk.fate("a") == ("applied", "")
    assert score(await desk.adjust(10, "a")) == 10


async def test_a_tag_that_was_slow_is_known_once_it_is_applied() -> None:
    desk = Desk()
    desk.sender.held = []
    assert await desk.tag("tag", "x", "a") == Waiting("a")
    desk.sender.release()
    assert desk.fate("a") == ("applied", "")
    assert await desk.tag("tag", "x", "a") == Applied(None)


async def test_d19_a_rejected_command_says_why_and_may_be_given_anew() -> None:
    desk = Desk()
    await desk.adjust(2**63 - 1, "a")
    refused = await desk.adjust(1, "b")
    assert isinstance(refused, Refused) and "int64" in refused.why
    assert desk.fate("b") == ("rejected", refused.why)
    assert await desk.adjust(1, "b") == refused
    assert isinstance(await desk.adjust(1, "c", profileId="none"), Refused)
    assert isinstance(await desk.adjust(2**63, "d"), Refused)
    assert desk.fate("d") == ("unknown", "")


@pytest.mark.parametrize("certain", [True, False])
async def test_what_kafka_did_not_take_may_be_sent_again(certain: bool) -> None:
    desk = Desk()
    desk.sender.unsent = Unsent(certain)
    assert await desk.adjust(10, "a") == NotSent(certain)
    assert desk.fate("a") == ("unknown", "")
    desk.sender.unsent = None
    assert score(await desk.adjust(10, "a")) == 10


async def test_a_contact_of_another_worker_is_not_here() -> None:
    desk = Desk()
    desk.sender.partitions.stores.clear()
    assert isinstance(await desk.adjust(1, "a"), NotHere)
    assert isinstance(desk.fate("a"), NotHere)
    assert isinstance(await desk.sender.desk.writes.erase("1", "42"), NotHere)
    assert isinstance(await desk.sender.desk.writes.attributes("1", "42", None, {}), NotHere)


async def test_a_partition_that_leaves_while_a_command_is_under_way_is_waited_for() -> None:
    desk = Desk()
    desk.sender.held = []
    giving = asyncio.ensure_future(desk.adjust(10, "a"))
    await asyncio.sleep(0)
    stores, desk.sender.partitions.stores = desk.sender.partitions.stores, {}
    assert await giving == Waiting("a")
    desk.sender.partitions.stores = stores


async def test_s52_an_erased_contact_leaves_no_result_behind() -> None:
    desk = Desk()
    await desk.adjust(10, "a")
    key = contact_key("1", "42")
    assert await desk.sender.desk.writes.erase("1", "42") == Written()
    partition = partition_of(key, 4)
    assert desk.sender.partitions.stores[partition].get(key + SEPARATOR + CORE) is None
    assert desk.fate("a") == ("unknown", "")
    assert score(await desk.adjust(3, "a")) == 3


async def test_results_are_bounded_and_the_oldest_contacts_go_first() -> None:
    results = CommandResults(COMMANDS, SCORES, DEAD, remembered=3)
    for number in range(5):
        results.expect(0, b"1:%d" % number, "a", b"")
    assert [results.find(b"1:%d" % number, "a") is not None for number in range(5)] == [False, False, True, True, True]
    results.unsent(b"1:4", "a")
    results.expect(0, b"1:5", "a", b"")
    assert results.find(b"1:2", "a") is not None


async def test_who_waits_at_a_partition_that_was_away_waits_no_longer() -> None:
    results = CommandResults(COMMANDS, SCORES, DEAD)
    results.stands_at(0, 4)
    results.stands_at(1, 9)
    there, here = results.expect(0, b"1:0", "a", b""), results.expect(1, b"1:1", "a", b"")
    results.observe(0, 5, {})
    results.observe(1, 10, {})
    assert results.find(b"1:0", "a") is there
    results.observe(0, 7, {})
    assert (there.state, there.ended.is_set(), results.find(b"1:0", "a")) == ("lost", True, None)
    assert (here.state, here.ended.is_set(), results.find(b"1:1", "a")) == ("pending", False, here)


def test_command_ids_come_from_org_and_key() -> None:
    assert command_id_of("1", "k") == command_id_of("1", "k") != command_id_of("2", "k")
    assert command_id_of("1", None) != command_id_of("1", None)
