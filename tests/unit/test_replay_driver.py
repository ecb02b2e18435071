"""A replay from the journal makes what the live batches made, and says no to a journal that does not fit."""

from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from schemas.journal import PARTITION_RECORD_KEY, BatchJournal, InputRange, PartitionRecord, SourceCounters, Sweep
from stream_app.delivery.errors import HandlerFailed
from stream_app.delivery.handler import Batch, Committed, Output
from stream_app.delivery.replay import NotReplayable, Replay, first_record
from stream_app.delivery.stores import Checkpoint, MemoryStore
from tests.connected.counter import Counter, Counting

SOURCE = "events"


@dataclass
class Row:
    offset: int
    timestamp: int
    key: bytes | None = b"k"
    value: bytes | None = b"x"
    headers: list[Any] = field(default_factory=list)


def record(**changed: Any) -> PartitionRecord:
    made = PartitionRecord(1, "store", {SOURCE: 10}, 0, 0, 0, {}, {SOURCE: SourceCounters(10)})
    return msgspec.structs.replace(made, **changed)


def records(seq: int, start: int, to: int, clock: int, **more: Any) -> BatchJournal:
    return BatchJournal(seq, "records", "store", 0, clock, [InputRange(SOURCE, start, to)], **more)


ROWS = [Row(10, 1000), Row(11, 1010, b"j", b"due:5"), Row(12, 1020, b"k", b"bad"), Row(14, 1030)]
JOURNAL = [
    records(1, 10, 12, 1010),
    records(2, 12, 16, 1016, ceiling=1012),
    BatchJournal(3, "clock", "store", 0, 2000),
    BatchJournal(4, "sweep", "store", 1, 2000, sweep=Sweep(1, "", b"nj".hex())),
    BatchJournal(5, "sweep", "store", 1, 2000, sweep=Sweep(1, b"nj".hex(), b"nj".hex(), done=True)),
]
TAKEN = [ROWS[:2], ROWS[2:], [], [], []]


def live() -> tuple[MemoryStore, list[list[Output]]]:
    """Run the batches of JOURNAL by hand."""
    store, sent, handler = MemoryStore(), list[list[Output]](), Counter("out")
    before = ((0, 0, None), (0, 1010, 1012), (0, 1016, None), (1, 2000, None), (1, 2000, None))
    for entry, rows, (version, clock, ceiling) in zip(JOURNAL, TAKEN, before, strict=True):
        work = handler.begin(Batch(3, entry.seq, entry.kind, clock, version, ceiling), store)
        work.apply(SOURCE, rows)
        if entry.kind == "sweep":
            work.sweep(b"nj" if entry.seq == 5 else b"", 1)
        else:
            work.due(entry.clock, 1)
        effects = work.finish()
        store.apply(effects.changes, Checkpoint(0, 0))
        sent.append([output for outputs in effects.outputs.values() for output in outputs])
    return store, sent


def test_replayed_journal_gives_the_same_state_and_outputs() -> None:
    store, sent = live()
    replay = Replay(Counter("out"), 3, record(), tick_contacts=1)
    for entry, rows, expected in zip(JOURNAL, TAKEN, sent, strict=True):
        effects = replay.apply(entry, rows)
        assert [output for outputs in effects.outputs.values() for output in outputs] == expected
    state = dict(replay.store.scan(b""))
    known = msgspec.json.decode(state.pop(PARTITION_RECORD_KEY), type=PartitionRecord)
    assert state == dict(store.scan(b""))
    assert known == replay.record
    assert (known.seq, known.sources, known.clock, known.newest) == (5, {SOURCE: 16}, 2000, {SOURCE: 1030})
    assert known.counters[SOURCE] == SourceCounters(10, applied=3, dead_letter=1, gaps=2)
    assert known.sweep is None
    assert replay.records == 4


def test_first_record_is_what_any_later_one_began_with() -> None:
    later = record(sources={SOURCE: 16}, seq=4, clock=5, counters={SOURCE: SourceCounters(10, applied=4)})
    assert first_record(later, 0) == record()


def test_skipped_range_moves_the_source_without_the_handler() -> None:
    replay = Replay(Counter("out"), 3, record())
    replay.apply(BatchJournal(1, "skip", "store", 0, 0, [InputRange(SOURCE, 10, 13)]))
    assert (replay.record.sources, replay.record.skipped) == ({SOURCE: 13}, 3)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (records(2, 10, 12, 1010), "batch 2 follows batch 0"),
        (records(1, 9, 12, 1010), "from 9, expected 10"),
        (records(1, 10, 12, 1009), "moves the clock to 1010"),
        (records(1, 10, 12, 1011, clock_mode="records"), "moves the clock to 1010"),
        (records(1, 10, 12, -1), "sets the clock back"),
        (BatchJournal(1, "records", "store", 0, 1010), "has 0 inputs"),
        (BatchJournal(1, "records", "other", 0, 1010), "of state other"),
        (BatchJournal(1, "records", "store", -1, 1010), "goes back to rulebook -1"),
        (BatchJournal(1, "sweep", "store", 1, 0), "does not say of what"),
        (BatchJournal(1, "sweep", "store", 1, 0, sweep=Sweep(1, "", "aa")), "the journal says aa"),
    ],
)
def test_journal_that_does_not_fit_is_refused(entry: BatchJournal, why: str) -> None:
    with pytest.raises(NotReplayable, match=why):
        Replay(Counter("out"), 3, record()).apply(entry, ROWS[:2])


def test_handler_that_raises_is_told_with_the_position() -> None:
    with pytest.raises(HandlerFailed, match="at events-3 offset"):
        Replay(Counter("out"), 3, record()).apply(records(1, 10, 11, 5), [Row(10, 5, value=b"boom")])


@pytest.mark.parametrize(
    ("said", "wall"),
    [({"ceiling": 9}, 9), ({"ceiling": 9, "wall": 12}, 12), ({"ceiling": 9, "clock_mode": "records"}, 0), ({}, 0)],
)
def test_the_wall_time_of_a_batch_is_its_ceiling_unless_said(said: dict[str, Any], wall: int) -> None:
    begun: list[Batch] = []

    class Noting(Counter):
        def begin(self, batch: Batch, committed: Committed) -> Counting:
            begun.append(batch)
            return super().begin(batch, committed)

    Replay(Noting("out"), 3, record()).apply(records(1, 10, 12, 9, **said), [Row(10, 9), Row(11, 8)])
    assert [batch.wall for batch in begun] == [wall]
