"""The engine in memory under the oracle of fault runs: its load, edits and publishes, sweeps and clocks, any batches.

What a campaign proves on brokers with faults is proved here in seconds without: that the reference and the engine mean
the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import pytest

from schemas.journal import BatchJournal, InputRange, PartitionRecord, SourceCounters
from schemas.times import format_time
from stream_app.authoring.rulebook_history import RulebookHistory
from stream_app.delivery import steps
from stream_app.delivery.handler import Batch, BatchKind, Effects, Record
from stream_app.delivery.stores import Checkpoint, MemoryStore
from stream_app.processing.due_index import due_of
from stream_app.processing.handler import ScoringHandler
from stream_app.scoring import decay
from stream_app.scoring.rulebook import ConfigRecord, Rulebook
from tests.faults import reference_ledger
from tests.faults.authored import Authored, edited_records
from tests.faults.honest import NOW_MS, RECORD_MS, STORE_ID, HonestEngine
from tests.faults.honest_sources import Sources
from tests.faults.logs import SOURCE_ROLES, Entry, Logs
from tests.faults.oracle import check
from tests.faults.reference_looks import LOOKS_WITH_DECAY
from tests.scoring_kit import COMMANDS, CONTACTS, CROSSINGS, DEAD, ENGAGEMENT, SCORES

EDITS = 24
TICK_CONTACTS = 500
RECORDS_AT_ONCE = 15  # of engagement that wait to be read, at most, once all that was there is
OF_DECAY = (LOOKS_WITH_DECAY, "changes by decay", "crossings by decay")


@dataclass
class Books:
    """A worker's rulebooks, of which the newest that it has read so far is in force."""

    history: RulebookHistory
    version: int

    def current(self) -> Rulebook:
        return self.history.at(self.version)

    def at(self, version: int) -> Rulebook:
        return self.history.at(version)


class RealEngine(HonestEngine):
    """The real handler behind the batches, with edits of rules between them."""

    fading = True

    def __init__(self, seed: int, events: int, partitions: int, edits: int = EDITS) -> None:
        super().__init__(seed, events, partitions)
        self.seed = seed
        self.first = self.version
        end = max(entry.timestamp for entries in self.logs.entries.values() for entry in entries)
        begun = NOW_MS
        for number in range(edits):
            at = begun + (end - begun) * (number + 1) // (edits + 2)
            for key, value in self.edits(number, format_time(at)):
                self.append(("leadstream.config", 0), key, value)
        log = self.logs.of("leadstream.config", 0)
        self.records = [ConfigRecord(entry.key or b"", entry.value, entry.offset) for entry in log]

    def edits(self, number: int, at: str) -> Authored:
        """Return the records of the n-th edit."""
        return edited_records(number, at)

    def run_partition(self, partition: int) -> None:
        RealPartition(self, partition).run()


class RealPartition:
    def __init__(self, engine: RealEngine, partition: int) -> None:
        self.logs, self.random, self.partition = engine.logs, engine.random, partition
        self.books = Books(RulebookHistory(engine.records), engine.first)
        self.last = len(engine.records)
        self.handler = ScoringHandler(
            partitions=engine.logs.partitions, engagement=[ENGAGEMENT], contacts=CONTACTS, commands=COMMANDS,
            score_changed=SCORES, threshold_crossed=CROSSINGS, dead_letters=DEAD, rulebooks=self.books,
            rekeyed="leadstream.rekeyed",
        )  # fmt: skip
        self.store = MemoryStore(due_of)
        topics = [self.logs.topic(name) for name in SOURCE_ROLES]
        left = {topic: self.logs.of(topic, partition) for topic in topics}
        self.sources: Sources[Entry] = Sources(left, NOW_MS, RECORDS_AT_ONCE * RECORD_MS)
        counters = {topic: SourceCounters(start=0) for topic in topics}
        self.record = PartitionRecord(
            1, STORE_ID, dict.fromkeys(topics, 0), 0, engine.first, 0, {}, counters
        )  # fmt: skip

    def run(self) -> None:
        while not self.sources.done:
            self.books.version = min(self.last, self.books.version + self.random.choice((0, 0, 1, 7, 40)))
            self.take(*self.sources.take(self.random, 40))
            while self.random.random() < 0.6 and self.sweep():
                pass
            while not self.sources.unread() and self.random.random() < 0.8:
                self.tick(self.random.choice((0, 20_000, 60_000)))
        self.books.version = self.last
        for day in range(3):
            self.tick(day * 86_400_000)
            while self.sweep():
                pass
            while self.tick(0):
                pass

    def take(self, topic: str, entries: list[Entry]) -> None:
        ceiling, wall = self.sources.ceiling(topic), self.sources.wall
        self.sources.saw(topic, entries)
        batch = self.begin("records", ceiling, wall)
        work = self.handler.begin(batch, self.store)
        records: Iterator[Record] = iter(entries)  # type: ignore[assignment] # headers as a tuple, which is read only
        *_, (_, newest) = steps.feed(work, topic, self.partition, records, 7)
        after = steps.following(self.record, batch, self.handler)
        steps.see(after, topic, newest)
        self.sources.wall += self.random.choice((0, 0, 1_000))
        after.clock = self.sources.after(work.clock)
        effects = steps.finish(work, after.clock, TICK_CONTACTS, len(entries))
        span = InputRange(topic, self.record.sources[topic], entries[-1].offset + 1)
        steps.account(after, topic, span.to, len(entries), effects)
        said = None if wall == ceiling else wall
        journal = BatchJournal(
            batch.seq, "records", STORE_ID, batch.version, after.clock, [span], ceiling, wall=said
        )  # fmt: skip
        self.commit(effects, journal, after)

    def tick(self, by: int) -> bool:
        self.sources.wall += by
        now, due = self.sources.after(self.record.clock), self.handler.next_due(self.store)
        if due is None or due > now:
            return False
        batch = self.begin("clock")
        work = self.handler.begin(batch, self.store)
        after = steps.following(self.record, batch, self.handler)
        after.clock = now
        effects = steps.finish(work, now, TICK_CONTACTS, 0)
        self.commit(effects, BatchJournal(batch.seq, "clock", STORE_ID, batch.version, now), after)
        return True

    def sweep(self) -> bool:
        batch = self.begin("sweep")
        after = steps.following(self.record, batch, self.handler)
        if after.sweep is None:
            return False
        work = self.handler.begin(batch, self.store)
        done = steps.sweep_on(work, after.sweep, self.random.choice((3, 20, TICK_CONTACTS)))
        after.sweep = None if done.done else done
        effects = steps.finish(work, None, TICK_CONTACTS, 0)
        self.commit(effects, BatchJournal(batch.seq, "sweep", STORE_ID, batch.version, after.clock, sweep=done), after)
        return True

    def begin(self, kind: BatchKind, ceiling: int | None = None, wall: int = 0) -> Batch:
        version = max(self.record.rulebook_version, self.handler.version())
        return Batch(self.partition, self.record.seq + 1, kind, self.record.clock, version, ceiling, wall=wall)

    def commit(self, effects: Effects, journal: BatchJournal, record: PartitionRecord) -> None:
        changes = steps.changes(effects, record)
        said = [(self.logs.topic("journal"), str(self.partition).encode(), msgspec.json.encode(journal), [])]
        said += [(topic, *output) for topic, outputs in effects.outputs.items() for output in outputs]
        for topic, key, value, headers in said:
            self.write(topic, key, value, tuple(headers))
        for key, value in changes.items():
            self.write(self.logs.changelog, key, value, ())
        self.store.apply(changes, Checkpoint(journal.seq, journal.clock), effects.dues)
        self.record = record

    def write(
        self, topic: str, key: bytes | None, value: bytes | None, headers: tuple[tuple[str, bytes | None], ...]
    ) -> None:
        log = self.logs.of(topic, self.partition)
        log.append(Entry(len(log), key, value, self.sources.wall, headers, True))


def run(seed: int, events: int) -> Logs:
    return RealEngine(seed, events, 2).run()


@pytest.mark.parametrize("seed", range(3))
def test_the_engine_is_exact_over_edits_publishes_sweeps_and_due_times(seed: int) -> None:
    verdict = check(run(seed, 500))
    assert verdict.ok, verdict.table()
    for name in ("sweeps", "changes by the clock", "changes by a publish", "batches of the clock", *OF_DECAY):
        assert verdict.totals[name] > 10, verdict.table()


def test_the_engine_is_exact_where_lines_must_join_what_they_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decay, "LINEAR_BYTES", 60)
    assert not check(run(3, 500)).ok
    monkeypatch.setattr(reference_ledger, "MOST_BYTES", 60)
    verdict = check(run(3, 500))
    assert verdict.ok, verdict.table()
