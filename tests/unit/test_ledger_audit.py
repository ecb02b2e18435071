"""The audit of the ledger: totals of state against the awards that the topic has (S2), and what it leaves alone."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from schemas.state import CORE, SEPARATOR, Core
from stream_app.reading.ledger_audit import LedgerAudit, difference
from stream_app.reading.recent_awards import RecentAwards
from stream_app.reading.score_log import Held, ScoreLog
from stream_app.reading.score_log_store import Ledger, LogRecord, Mark
from stream_app.web.score_log_metrics import LedgerCollector
from tests.scoring_kit import Fold, command, day, event, published_record, rulebook, with_records
from tests.unit.web_fakes import SCORES, DictCommitted, FakePartitions

BOOK = with_records(
    rulebook({"id": 1, "eventType": "email_open", "points": 5}, {"id": 3, "eventType": "email_open", "points": 2}),
    published_record(0, "fit", {"id": 2, "eventType": "email_open", "points": -9}),
)
CONTACTS = [f"{number}" for number in range(30)]
SEQ = 5  # of the fake partition's last batch


def told(contact_id: str, events: int) -> tuple[list[LogRecord], Core]:
    """What the topic has of a contact after so many events and an adjustment, and its state."""
    fold_ = Fold(BOOK)
    for _ in range(events):
        fold_.put(event())
    fold_.put(command("adjust", "c", amount=7))
    key = f"1:{contact_id}".encode()
    assert fold_.contact is not None
    return [(key, msgspec.json.encode(change)) for change in fold_.changes], fold_.contact.core


class Worker:
    """One partition with a log on disk; ``records`` are the topic's."""

    def __init__(self, folder: Path) -> None:
        self.partitions = FakePartitions(1)
        self.recent = RecentAwards(SCORES)
        self.log = ScoreLog(self.recent, folder, 400)
        self.now = day(0.5) / 1000
        self.audit = LedgerAudit(self.partitions, self.log, clock=lambda: self.now, again_seconds=0)
        self.records: list[LogRecord] = []
        for number, contact_id in enumerate(CONTACTS):
            records, core = told(contact_id, number % 7)
            self.records += records
            self.partitions.put(contact_id, core)

    async def read(self, begin: int = 0, end: int | None = None) -> Held:
        """Let the log read the topic, which ended at ``end`` when the partition was opened."""
        last = len(self.records) if end is None else end
        held = self.log.held[0] = Held(await self.log.open(0), begin, begin, last, proven=True)
        self.recent.learn(0, SEQ, last)
        await self.log.write(held, self.records[begin:], Mark(len(self.records) - 1, b"digest"))
        return held

    async def steps(self, number: int = 3) -> None:
        for _ in range(number):
            await self.audit.step()

    def change_total(self, contact_id: str, by: int) -> None:
        name = f"1:{contact_id}".encode() + SEPARATOR + CORE
        core = msgspec.msgpack.decode(self.store.records[name], type=Core)
        state = msgspec.structs.replace(core.profiles["default"], total=core.profiles["default"].total + by)
        core = msgspec.structs.replace(core, profiles={**core.profiles, "default": state})
        self.store.records[name] = msgspec.msgpack.encode(core)

    @property
    def store(self) -> DictCommitted:
        return self.partitions.stores[0]

    def metric(self, name: str, **labels: Any) -> float | None:
        registry = CollectorRegistry()
        registry.register(LedgerCollector(self.audit))
        return registry.get_sample_value(f"leadstream_ledger_{name}", labels)

    @property
    def difference(self) -> float | None:
        return self.metric("difference", partition="0")


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[Worker]:
    worker = Worker(tmp_path)
    yield worker
    await worker.log.let_go(0)


async def test_s2_every_contact_is_compared_and_nothing_differs(worker: Worker) -> None:
    await worker.read()
    await worker.steps(1)
    assert (worker.difference, worker.metric("contacts_compared_total")) == (0, len(CONTACTS))


async def test_s2_a_total_that_is_not_the_sum_of_its_awards_moves_the_metric(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    await worker.read()
    worker.change_total("3", by=-4)
    worker.change_total("8", by=11)
    await worker.steps(4)
    assert worker.difference == 15
    errors = [record.getMessage() for record in caplog.records]
    assert len(errors) == 2
    assert not any("1:3" in error for error in errors)
    worker.change_total("3", by=4)
    del worker.store.records[b"1:8" + SEPARATOR + CORE]  # erased
    await worker.steps()
    assert worker.difference == 0


@pytest.mark.parametrize(("days_old", "begin", "found"), [(0.5, 0, 7), (0.5, 1, 0), (200, 0, 0)])
async def test_s2_an_award_that_the_topic_lost_is_found_unless_retention_may_have_taken_it(
    worker: Worker, days_old: float, begin: int, found: int
) -> None:
    lost = next(number for number, (key, _) in enumerate(worker.records) if key == b"1:5")
    worker.records.insert(0, worker.records.pop(lost))
    if begin == 0:
        del worker.records[0]
    worker.now = day(days_old) / 1000
    await worker.read(begin)
    await worker.steps()
    assert worker.difference == found
    assert worker.audit.compared >= len(CONTACTS) - 1


async def test_nothing_is_compared_while_the_log_is_behind_or_away(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream_app.reading.score_log.CATCH_UP_SECONDS", 0.05)
    await worker.steps(1)
    held = await worker.read(end=10_000)
    worker.change_total("3", by=1)
    await worker.steps()
    assert (worker.difference, worker.audit.compared) == (0, 0)
    held.position = 10_000
    await worker.steps()
    assert worker.difference == 1
    held.broken = "damaged"
    compared = worker.audit.compared
    await worker.steps()
    assert worker.audit.compared == compared
    del worker.partitions.status[0]
    await worker.steps(1)
    assert worker.difference is None  # its next owner compares it


async def test_a_log_that_is_a_little_behind_is_waited_for_and_what_comes_meanwhile_left_out(worker: Worker) -> None:
    held = await worker.read(end=len(worker.records) + 2)
    step = asyncio.create_task(worker.audit.step())
    await asyncio.sleep(0.2)
    assert worker.audit.compared == 0
    later = [(key, value.replace(b'"logId":1,', b'"logId":99,')) for key, value in worker.records if value]
    await worker.log.write(held, later[:2], Mark(len(worker.records) + 1, b"digest"))
    await step
    assert (worker.difference, worker.audit.compared) == (0, len(CONTACTS))


async def test_what_differs_for_a_moment_only_is_not_told(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    await worker.read()
    worker.change_total("3", by=1)

    async def mended(_: float) -> None:
        worker.change_total("3", by=-1)

    monkeypatch.setattr("stream_app.reading.ledger_audit.asyncio.sleep", mended)
    await worker.steps(1)
    assert worker.difference == 0


async def test_a_contact_beyond_the_rows_that_are_kept_is_left_alone(worker: Worker) -> None:
    await worker.read()
    records, core = told("long", 400)
    assert core.log_id > 1000
    worker.partitions.put("long", core)
    worker.change_total("long", by=1)
    await worker.steps()
    assert (worker.difference, len(records)) == (0, 801)


async def test_a_step_ends_where_it_has_read_enough(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream_app.reading.ledger_audit.SLICE_ROWS", 40)
    await worker.read()
    await worker.steps(1)
    assert 0 < worker.audit.compared < len(CONTACTS)
    await worker.steps(10)
    assert worker.audit.compared >= len(CONTACTS)


def test_a_row_that_is_missing_is_a_difference_though_it_paid_nothing() -> None:
    core = Core(1, 0, 0, 2, {}, {})
    assert difference(core, Ledger(1, {}), whole=True) == 1
    assert difference(core, Ledger(1, {}), whole=False) is None
    assert difference(core, Ledger(2, {"default": 3}), whole=False) == 3


async def test_partitions_take_turns(tmp_path: Path) -> None:
    class Closing(FakePartitions):
        def committed(self, partition: int) -> None:
            asked.append(partition)

    asked: list[int] = []
    audit = LedgerAudit(Closing(3), ScoreLog(RecentAwards(SCORES), tmp_path, 400))
    for _ in range(5):
        await audit.step()
    assert asked == [0, 1, 2, 0, 1]


async def test_a_partition_that_cannot_be_read_has_no_figure_is_told_once_and_compared_again_when_mended(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    await worker.read()
    await worker.steps()
    name = b"1:3" + SEPARATOR + CORE
    good, worker.store.records[name] = worker.store.records[name], b"\xc1"
    worker.change_total("8", by=11)
    await worker.steps()
    assert worker.difference is None
    assert [record.getMessage() for record in caplog.records] == ["ledger of partition 0 is not compared: DecodeError"]
    worker.store.records[name] = good
    await worker.steps()
    assert worker.difference == 11


async def test_a_record_of_the_topic_that_is_no_score_change_leaves_the_log_as_it_is(worker: Worker) -> None:
    worker.now = day(200) / 1000
    worker.records.append((b"1:4", b'{"id":"x","profileId":"default","awards":[{"logId":2,"points":1.5}]}'))
    held = await worker.read()
    await worker.steps(1)
    assert (held.broken, worker.difference) == ("", 0)
    assert worker.audit.compared >= len(CONTACTS) - 1
