"""Replay a partition from its journal: the same batches on the same handler give the same state and outputs (S1).

Laws: batches come in the order of their ``seq``, without a gap, from the first; the moment a rulebook took effect and
the clock are the journal's, never this moment's; what a live batch and its replay do is the same code, ``steps``.
Reads and writes nothing but a store in memory: journal and inputs are given.
"""

from collections.abc import Iterable, Iterator

from schemas.journal import BatchJournal, PartitionRecord, SourceCounters, Sweep
from stream_app.delivery import steps
from stream_app.delivery.due_times import DueOf, never_due
from stream_app.delivery.handler import Batch, Effects, Handler, Record, Work
from stream_app.delivery.stores import Checkpoint, MemoryStore

SLICE_RECORDS = 500


class NotReplayable(Exception):
    """The journal does not go together with what was replayed so far."""


def first_record(live: PartitionRecord, version: int) -> PartitionRecord:
    """Return the partition record before the first batch, from any later one and the first batch's version."""
    starts = {topic: live.counters[topic].start for topic in live.sources}
    return PartitionRecord(
        schema_version=live.schema_version, store_id=live.store_id, sources=starts, seq=0, rulebook_version=version,
        clock=0, newest={}, counters={topic: SourceCounters(start=at) for topic, at in starts.items()},
    )  # fmt: skip


class Replay:
    """One partition from its first batch on; ``store`` and ``record`` are its state after the last one applied."""

    def __init__(
        self, handler: Handler, partition: int, record: PartitionRecord, tick_contacts: int = 500,
        due_of: DueOf = never_due,
    ) -> None:  # fmt: skip
        self.record = record
        self.store = MemoryStore(due_of)
        self.records = 0
        self._handler = handler
        self._partition = partition
        self._tick_contacts = tick_contacts  # of the Job that wrote the journal

    def apply(self, entry: BatchJournal, records: Iterable[Record] = ()) -> Effects:
        """Run the next batch; ``records`` are those of its input range, markers and gaps left out."""
        self._check(entry)
        before = self.record
        batch = Batch(
            self._partition, entry.seq, entry.kind, before.clock, entry.rulebook_version, entry.ceiling,
            entry.clock_mode, _wall(entry),
        )  # fmt: skip
        after = steps.following(before, batch, self._handler)
        after.clock = entry.clock
        if entry.kind == "skip":
            effects = self._skip(entry, after)
        else:
            effects = self._run(entry, self._handler.begin(batch, self.store), iter(records), after)
        self.store.apply(steps.changes(effects, after), Checkpoint(entry.seq, entry.clock), effects.dues)
        self.record = after
        return effects

    def _run(self, entry: BatchJournal, work: Work, records: Iterator[Record], after: PartitionRecord) -> Effects:
        if entry.kind == "sweep":
            self._sweep(entry, work, after)
            return steps.finish(work, None, self._tick_contacts, 0)
        count = 0
        for part in entry.inputs:  # one for records, none for the clock
            *_, (count, newest) = [(0, 0), *steps.feed(work, part.topic, self._partition, records, SLICE_RECORDS)]
            steps.see(after, part.topic, newest)
        if work.clock > entry.clock or (entry.clock_mode == "records" and work.clock != entry.clock):
            raise NotReplayable(f"batch {entry.seq} moves the clock to {work.clock}, the journal says {entry.clock}")
        effects = steps.finish(work, entry.clock, self._tick_contacts, count)
        for part in entry.inputs:
            steps.account(after, part.topic, part.to, count, effects)
        self.records += count
        return effects

    @staticmethod
    def _skip(entry: BatchJournal, after: PartitionRecord) -> Effects:
        for part in entry.inputs:
            steps.account(after, part.topic, part.to, 0, Effects())
            after.skipped += part.to - part.from_
        return Effects()

    def _sweep(self, entry: BatchJournal, work: Work, after: PartitionRecord) -> None:
        said = entry.sweep
        if said is None:
            raise NotReplayable(f"batch {entry.seq} is a sweep that does not say of what")
        done = steps.sweep_on(work, Sweep(said.version, "", said.from_key), self._tick_contacts)
        if done != said:
            raise NotReplayable(f"batch {entry.seq} sweeps to {done.to_key}, the journal says {said.to_key}")
        after.sweep = None if done.done else done

    def _check(self, entry: BatchJournal) -> None:
        record = self.record
        if entry.store_id != record.store_id:
            raise NotReplayable(f"batch {entry.seq} is of state {entry.store_id}, not of {record.store_id}")
        if entry.seq != record.seq + 1:
            raise NotReplayable(f"batch {entry.seq} follows batch {record.seq}")
        if entry.rulebook_version < record.rulebook_version:
            raise NotReplayable(f"batch {entry.seq} goes back to rulebook {entry.rulebook_version}")
        if entry.clock < record.clock:
            raise NotReplayable(f"batch {entry.seq} sets the clock back to {entry.clock}")
        if len(entry.inputs) != (entry.kind == "records") and entry.kind != "skip":
            raise NotReplayable(f"batch {entry.seq} of kind {entry.kind} has {len(entry.inputs)} inputs")
        for part in entry.inputs:
            if part.from_ != record.sources[part.topic]:
                raise NotReplayable(
                    f"batch {entry.seq} reads {part.topic} from {part.from_}, expected {record.sources[part.topic]}"
                )


def _wall(entry: BatchJournal) -> int:
    """Return the owner's wall time at the beginning of a batch, 0 where only the clock counts."""
    return 0 if entry.clock_mode == "records" else entry.wall or entry.ceiling or 0
