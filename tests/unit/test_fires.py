"""Fire counts: per partition from committed state, over all partitions through their owners."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from schemas.authored import Rule
from schemas.state import CORE, SCHEMA_VERSION, SEPARATOR, Core
from stream_app.authoring.api_keys import KeyRing
from stream_app.delivery.rocks import RocksStore
from stream_app.delivery.stores import Checkpoint, MemoryStore, Store
from stream_app.reading.fires import SLICE, Fires, FireTotals, RuleFires
from tests.unit.test_forwarding import ALL, problem, two, url
from tests.unit.web_client import serving
from tests.unit.web_fakes import DEMO, FakePartitions, World, api_key, bearer

FIRES = "/v1/scoring/fires"


def fired(**fires: int) -> Core:
    return Core(SCHEMA_VERSION, 1, 2, 1, {}, {int(rule[1:]): count for rule, count in fires.items()})


def rule(number: int, site_id: str | None = None) -> Rule:
    at = "2026-03-01T14:30:00.000Z"
    return Rule(
        id=number, org_id="1", name=f"Rule {number}", event_type="click", points=1, site_id=site_id, created_at=at,
        updated_at=at,
    )  # fmt: skip


def hop(partitions: str, key: str = DEMO) -> dict[str, str]:
    return bearer(key, **{"Leadstream-Forwarded": "1", "Leadstream-Partitions": partitions})


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_counts_are_summed_by_org_and_rule() -> None:
    partitions = FakePartitions(1)
    for contact, core in {"a": fired(r1=2, r2=1), "b": fired(r1=3), "c": fired()}.items():
        partitions.put(contact, core)
    partitions.put("a", fired(r1=50), org_id="2")
    totals = FireTotals(partitions)
    counted = await totals.of(0, "1")
    assert counted is not None
    assert counted.rules == {1: RuleFires(5, 2), 2: RuleFires(1, 1)}
    assert (await totals.of(0, "3")) == Fires(counted.as_of, {})
    assert await totals.of(1, "1") is None


async def test_counts_are_kept_for_a_while_and_never_over_a_move() -> None:
    partitions, clock = FakePartitions(1), Clock()
    totals = FireTotals(partitions, clock=clock)

    async def count() -> int:
        counted = await totals.of(0, "1")
        assert counted is not None
        return counted.rules[1].fires

    partitions.put("a", fired(r1=1))
    assert await count() == 1
    partitions.put("a", fired(r1=2))
    clock.now = 5.0
    assert await count() == 1
    clock.now = 5.1
    assert await count() == 2
    held = partitions.stores[0]
    partitions.stores[0] = type(held)()
    partitions.put("a", fired(r1=9))
    assert await count() == 9


async def test_counting_gives_the_loop_a_turn_after_every_slice() -> None:
    partitions, turns = FakePartitions(1), 0
    for number in range(5 * SLICE):
        partitions.put(str(number), fired(r1=1))
    counting = asyncio.ensure_future(FireTotals(partitions).of(0, "1"))
    while not counting.done():
        await asyncio.sleep(0)
        turns += 1
    counted = await counting
    assert counted is not None
    assert counted.rules == {1: RuleFires(5 * SLICE, 5 * SLICE)}
    assert turns >= 5


async def test_a_partition_that_goes_while_it_is_counted_has_no_counts() -> None:
    partitions = FakePartitions(1)
    for number in range(3 * SLICE):
        partitions.put(str(number), fired(r1=1))
    counting = asyncio.ensure_future(FireTotals(partitions).of(0, "1"))
    await asyncio.sleep(0)
    del partitions.stores[0]
    assert await counting is None


@pytest.mark.parametrize("make", [lambda _: MemoryStore(), RocksStore], ids=["memory", "rocksdb"])
def test_a_walk_sees_every_record_once_while_batches_commit(make: Callable[[Path], Store], tmp_path: Path) -> None:
    store = make(tmp_path / "store")
    store.load(((b"1:%d" % n + SEPARATOR + CORE, b"%d" % n) for n in range(1000)), Checkpoint(1, 1))
    seen: list[bytes] = []
    for number, rows in enumerate(store.walk(100)):
        assert len(rows) <= 100
        seen += [key for key, _ in rows]
        store.apply({b"1:0" + SEPARATOR + CORE: b"changed", b"0:new%d" % number: b"new"}, Checkpoint(2 + number, 1))
    old = [key for key in seen if key.startswith(b"1:")]
    assert len(old) == len(set(old)) == 1000
    store.close()


def test_a_store_can_be_opened_again_though_a_walk_was_left(tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "store")
    store.load(((b"%d" % n, b"") for n in range(10)), Checkpoint(1, 1))
    walk = store.walk(2)
    assert len(next(walk)) == 2
    store.close()
    again = RocksStore(tmp_path / "store")
    assert sum(len(rows) for rows in again.walk(3)) == 10
    again.close()


async def test_owners_are_asked_and_their_counts_merged() -> None:
    async with two() as (asked, client, owner, owner_client):
        asked.group.away = {url(owner_client): [1, 3]}
        owner.group.away = {url(client): [0, 2]}
        for world, mine in ((asked, {0, 2}), (owner, {1, 3})):
            world.rules = {"1": {1: rule(1), 2: rule(2, "7"), 3: rule(3)}}
            for number in range(40):
                if world.partitions.put(str(number), fired(r1=2, r9=1)) not in mine:
                    world.partitions.put(str(number), fired(r1=1000))  # not this worker's to tell
        bodies = [await (await c.get(FIRES, headers=bearer())).json() for c in (client, owner_client)]
    for body in bodies:
        assert body["data"] == [
            {"ruleId": 1, "ruleName": "Rule 1", "siteId": None, "fires": 80, "contacts": 40},
            {"ruleId": 2, "ruleName": "Rule 2", "siteId": 7, "fires": 0, "contacts": 0},
            {"ruleId": 3, "ruleName": "Rule 3", "siteId": None, "fires": 0, "contacts": 0},
        ]
        assert body["meta"]["total"] == 3
        assert body["meta"]["asOf"].endswith("Z")
    assert asked.peers.results["answered"] == 1


async def test_there_is_no_partial_answer(unused_tcp_port: int) -> None:
    async with two() as (asked, client, owner, owner_client):
        asked.group.away = {url(owner_client): [1]}
        del owner.partitions.stores[1]
        assert await problem(await client.get(FIRES, headers=bearer())) == (503, "owner_cannot_answer", "1")
        owner.group.away = {url(client): ALL}
        assert await problem(await client.get(FIRES, headers=bearer())) == (503, "owner_cannot_answer", "2")
        asked.group.away = {f"http://127.0.0.1:{unused_tcp_port}": [1]}
        assert await problem(await client.get(FIRES, headers=bearer())) == (503, "owner_unreachable", "2")
        asked.group.joining = True
        assert await problem(await client.get(FIRES, headers=bearer())) == (503, "owner_unknown", "1")
        asked.group.joining, asked.group.away = False, {}
        del asked.partitions.stores[2]
        assert await problem(await client.get(FIRES, headers=bearer())) == (503, "partition_restoring", "1")


@pytest.mark.parametrize("named", ["", "4", "0,0", "x", "1,", "-1", "99999999999"])
async def test_partitions_are_named_by_number_or_not_at_all(named: str) -> None:
    async with serving(World()) as client:
        answer = await client.get(FIRES, headers=hop(named))
        assert (await problem(answer))[:2] == (400, "invalid_header")


async def test_a_part_holds_every_rule_that_fired() -> None:
    async with serving(world := World()) as client:
        world.partitions.put("a", fired(r9=4))
        answer = await client.get(FIRES, headers=hop("0,1,2,3"))
        parts = msgspec.convert((await answer.json())["data"], dict[int, Fires], strict=False)
    assert {rule: fires for part in parts.values() for rule, fires in part.rules.items()} == {9: RuleFires(4, 1)}


async def test_a_key_of_some_sites_is_told_of_no_others_in_a_part_neither() -> None:
    async with serving(world := World()) as client:
        key = "ls_sites_secret"
        world.api_keys.known = KeyRing([api_key(key, "1", "read", sites=frozenset({"7"}))])
        world.rules = {"1": {1: rule(1), 2: rule(2, "7"), 3: rule(3, "7")}}
        partition = world.partitions.put("a", fired(r1=4, r2=5, r9=6))
        answer = await (await client.get(FIRES, headers=hop(str(partition), key))).json()
        whole = await (await client.get(FIRES, headers=bearer(key))).json()
    assert answer["data"][str(partition)]["rules"] == {"2": [5, 1]}
    assert [(row["ruleId"], row["fires"]) for row in whole["data"]] == [(2, 5), (3, 0)]


async def test_partitions_are_asked_for_by_workers_only() -> None:
    async with serving(world := World()) as client:
        world.rules = {"1": {1: rule(1)}}
        answer = await (await client.get(FIRES, headers=bearer(**{"Leadstream-Partitions": "0"}))).json()
    assert [row["ruleId"] for row in answer["data"]] == [1]
