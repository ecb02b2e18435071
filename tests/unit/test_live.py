"""The live stream: nothing lost or repeated at any seam."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from schemas.ids import contact_key
from stream_app.reading import live as live_module
from stream_app.reading import positions, subscription
from stream_app.reading.live import Live, TooManySubscribers
from stream_app.reading.output_feed import Passage, Tail
from stream_app.reading.subscription import Message, Subscription
from tests.unit.web_fakes import PARTITIONS, SCORES, TOPICS, MemoryFeed, MemoryLog, change, crossing


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (live_module, subscription):
        monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(subscription, "IDLE_SECONDS", 0.05)


async def until(ask: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(5):
        while not await ask():
            pass


async def take(reader: Subscription, number: int) -> list[Message]:
    """Take until ``number`` records have come; status messages are left out."""
    taken: list[Message] = []

    async def enough() -> bool:
        taken.extend(m for m in await reader.take() if m.event != "status")
        return len(taken) >= number

    await until(enough)
    return taken


async def stands(reader: Subscription, state: str) -> None:
    async def told() -> bool:
        return any(m.event == "status" and f'"{state}"'.encode() in m.data for m in await reader.take())

    await until(told)


def versions(messages: list[Message]) -> list[tuple[str, int]]:
    read = [msgspec.json.decode(m.data) for m in messages]
    return [(r["contactId"], r["version"]) for r in read]


def make(log: MemoryLog, **options: int) -> Live:
    return Live(log.feed, TOPICS, PARTITIONS, **options)


async def test_subscriber_sees_what_comes_after_it() -> None:
    log = MemoryLog()
    live = make(log)
    log.send(change("old"))
    reader = live.subscribe("1")
    await stands(reader, "live")
    sent = log.send(change("new"))
    log.send(crossing(change("new", points=60), 50))
    messages = await take(reader, 2)
    assert sorted(m.event for m in messages) == ["score-changed", "threshold-crossed"]
    assert next(m.data for m in messages if m.event == "score-changed") == sent.value
    await live.close()


async def test_subscriber_sees_its_own_org_only() -> None:
    log = MemoryLog()
    live = make(log)
    reader = live.subscribe("1")
    await stands(reader, "live")
    for org in ("11", "2", "1"):
        log.send(change("42", org_id=org))
    [message] = await take(reader, 1)
    assert msgspec.json.decode(message.data)["orgId"] == "1"
    await live.close()


async def test_resume_after_any_event_loses_and_repeats_nothing() -> None:
    log = MemoryLog()
    live = make(log)
    first = live.subscribe("1")
    await stands(first, "live")
    for n in range(1, 21):
        log.send(change(f"c{n % 7}", n))
    seen = await take(first, 20)
    for cut, message in enumerate(seen, 1):
        assert message.id
        start = live.start_from(message.id)
        assert start is not None
        second = live.subscribe("1", start)
        again = await take(second, 20 - cut) if cut < 20 else []
        assert sorted(versions(seen[:cut] + again)) == sorted(versions(seen))
        await live.unsubscribe(second)
    await live.close()


async def test_catching_up_while_more_arrives_loses_and_repeats_nothing() -> None:
    log = MemoryLog()
    live = make(log)
    base = live.subscribe(None)
    await stands(base, "live")
    start = live.start_from(positions.text({(t, p): 0 for t in TOPICS for p in range(PARTITIONS)}))
    late = live.subscribe("1", start)
    got: list[Message] = []
    for n in range(1, 200):
        log.send(change(f"c{n % 9}", n))
        if n % 5 == 0:
            got += [m for m in await late.take() if m.event != "status"]
    got += await take(late, 199 - len(got))
    assert sorted(v for _, v in versions(got)) == list(range(1, 200))
    await live.close()


async def test_snapshot_is_in_time_order_with_one_id_at_its_end() -> None:
    log = MemoryLog()
    live = make(log)
    for n in range(1, 41):
        log.send(change(f"c{n}", n))
    reader = live.subscribe("1", Tail(400))
    messages = await take(reader, 40)
    assert [v for _, v in versions(messages)] == list(range(1, 41))
    assert [m.id is not None for m in messages] == [False] * 39 + [True]
    log.send(change("next", 41))
    assert versions(await take(reader, 1)) == [("next", 41)]
    await live.close()


async def test_slow_subscriber_is_told_and_dropped_and_others_go_on() -> None:
    log = MemoryLog()
    live = make(log, max_pending=10)
    slow, quick = live.subscribe("1"), live.subscribe("1")
    await stands(slow, "live")
    await stands(quick, "live")
    for n in range(1, 21):
        log.send(change("42", n))
        if n % 5 == 0:
            await take(quick, 5)
    [told] = await slow.take()
    assert slow.ended
    assert msgspec.json.decode(told.data)["state"] == "dropped"
    assert not quick.ended
    await live.close()


async def test_outage_is_told_and_resumed_without_loss() -> None:
    log = MemoryLog()
    live = make(log)
    reader = live.subscribe("1")
    await stands(reader, "live")
    log.broken = True
    await stands(reader, "waiting")
    log.send(change("42", 1))
    log.broken = False
    assert versions(await take(reader, 1)) == [("42", 1)]
    await live.close()


async def test_start_while_the_broker_is_down_waits() -> None:
    log = MemoryLog()
    log.broken = True
    live = make(log)
    log.send(change("42", 1))
    readers = [live.subscribe("1"), live.subscribe("1", Tail(10))]
    for reader in readers:
        await stands(reader, "waiting")
    log.broken = False
    assert versions(await take(readers[1], 1)) == [("42", 1)]
    await stands(readers[0], "live")
    await live.close()


async def test_erase_is_told() -> None:
    log = MemoryLog()
    live = make(log)
    reader = live.subscribe("1")
    await stands(reader, "live")
    log.add(SCORES, contact_key("1", "42"), None)
    [message] = await take(reader, 1)
    assert (message.event, message.data) == ("contact-erased", b'{"orgId":"1","contactId":"42"}')
    await live.close()


async def test_reads_only_while_somebody_follows_and_bounds_them() -> None:
    log = MemoryLog()
    live = make(log, max_subscribers=1)
    assert log.feeds == 0
    reader = live.subscribe("1")
    with pytest.raises(TooManySubscribers):
        live.subscribe("1")
    await stands(reader, "live")
    assert log.feeds == 1
    await live.unsubscribe(reader)
    assert log.feeds == 0
    await live.close()


async def test_a_feed_that_swallows_a_cancel_is_ended_all_the_same() -> None:
    class Swallowing(MemoryFeed):
        async def take(self) -> tuple[list[Passage], dict[tuple[str, int], int]]:
            try:
                return await super().take()
            except asyncio.CancelledError:
                if swallowed:
                    raise
                swallowed.append(True)
                return [], dict(self.at)

    swallowed: list[bool] = []
    log = MemoryLog()
    live = Live(lambda: Swallowing(log), TOPICS, PARTITIONS)
    reader = live.subscribe("1")
    await stands(reader, "live")
    async with asyncio.timeout(5):
        await live.unsubscribe(reader)
    assert swallowed and log.feeds == 0


@pytest.mark.parametrize(
    "event_id", ["", "x", "1", "1.2.3.4~1.2.3", "1.2.3.4~1.2.3.-4", "1.2.3.4~1.2.3.4~5", "9" * 9000]
)
def test_foreign_event_id_is_refused(event_id: str) -> None:
    assert positions.parse(event_id, dict.fromkeys(TOPICS, PARTITIONS)) is None


def test_event_id_is_read_as_written() -> None:
    where = {(t, p): 10 * p + len(t) for t in TOPICS for p in range(PARTITIONS)}
    assert positions.parse(positions.text(where), dict.fromkeys(TOPICS, PARTITIONS)) == where
