"""Lists of contacts cost what their rows cost, and leave the loop to others while they are read."""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from schemas.ids import contact_key
from schemas.state import CORE, FACTS, SCHEMA_VERSION, SEPARATOR, Core, Facts, ProfileState
from stream_app.reading.recent_changes import RecentChanges
from stream_app.reading.summaries import (
    LOOKS,
    Bounds,
    ChangedPart,
    NamedContact,
    ShownScore,
    ShownScores,
    Summaries,
    order_of,
)  # fmt: skip
from tests.unit.web_fakes import SCORES, DictCommitted, FakePartitions, core

ALL = Bounds()


class Counted(DictCommitted):
    """A store that counts what is read of it, by section."""

    def __init__(self) -> None:
        super().__init__()
        self.read: Counter[bytes] = Counter()

    def get(self, key: bytes) -> bytes | None:
        self.read[key.rpartition(SEPARATOR)[2]] += 1
        return super().get(key)


class One:
    """A partition with contacts ``0`` to ``n - 1``, who changed in this order and have their number as score."""

    def __init__(self, contacts: int) -> None:
        self.partitions = FakePartitions(1)
        self.store = self.partitions.stores[0] = Counted()
        changes = RecentChanges(SCORES)
        self.summaries = Summaries(self.partitions, changes)
        facts = Facts(SCHEMA_VERSION, "j@example.com", attributes={"any": "thing"})
        for number in range(contacts):
            self.partitions.put(str(number), core(awards=1, total=number), facts)
            changes.observe(0, 5 + number, {SCORES: [(contact_key("1", str(number)), b"", [])]}, 1000 + number // 2)
        self.partitions.status[0] = replace(self.partitions.status[0], seq=5 + contacts - 1)

    async def changed(
        self, bounds: Bounds = ALL, after: tuple[int, str] | None = None, limit: int = 2
    ) -> ChangedPart | None:
        return await self.summaries.changed(0, "1", "default", bounds, after, limit)


def ids(part: ChangedPart | None) -> list[str]:
    assert part is not None
    return [row.row.contact_id for row in part.rows]


@pytest.mark.parametrize(
    ("view", "whole"),
    [(ShownScore, ProfileState), (ShownScores, Core), (NamedContact, Facts)],
)
def test_what_is_read_of_a_record_are_its_first_fields(view: type[msgspec.Struct], whole: type[msgspec.Struct]) -> None:
    assert view.__struct_fields__ == whole.__struct_fields__[: len(view.__struct_fields__)]


async def test_only_contacts_that_are_rows_are_read() -> None:
    one = One(100)
    assert ids(await one.changed()) == ["98", "99"]
    assert one.store.read == {CORE: 2, FACTS: 2}
    one.store.read.clear()
    found = await one.changed(Bounds(high=50))
    assert ids(found) == ["50", "48"]
    assert one.store.read == {CORE: 51, FACTS: 2}


async def test_pages_follow_each_other_by_change_and_id() -> None:
    one, after, seen = One(9), None, []
    while (page := await one.changed(after=after)) and page.rows:
        seen += ids(page)
        after = order_of(page.rows[-1])
    assert seen == ["8", "6", "7", "4", "5", "2", "3", "0", "1"]


@pytest.mark.parametrize("ask", ["changed", "scores"])
async def test_the_loop_has_its_turn_and_a_partition_that_goes_is_not_read(ask: str) -> None:
    one = One(10 * LOOKS)

    def asked() -> asyncio.Future[Any]:
        wanted = [str(number) for number in range(10 * LOOKS)]
        question = one.changed(Bounds(low=10**9)) if ask == "changed" else one.summaries.scores(0, "1", wanted, "x")
        return asyncio.ensure_future(question)

    answer, turns = asked(), 0
    while not answer.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 10
    assert await answer is not None
    answer = asked()
    await asyncio.sleep(0)
    one.store.read.clear()
    del one.partitions.stores[0]
    assert await answer is None
    assert not one.store.read
