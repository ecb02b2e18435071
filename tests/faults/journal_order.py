"""The order in which a partition has applied its inputs: its journal's, and nothing else's.

Laws: an input that the journal does not cover is lost; ranges of a source are contiguous; the clock before each record
is what the journal makes it, and no later than the logs allow (``clock_bound``).
"""

from collections import Counter

import msgspec

from schemas.journal import BatchJournal
from tests.faults.clock_bound import HELD_MS, SLACK_MS, Unread
from tests.faults.logs import SOURCE_ROLES, Entry, Logs
from tests.faults.reference_codec import Record
from tests.faults.verdict import Verdict

Ordered = list[tuple[Record | BatchJournal, int, tuple[int, int]]]


class Standing:
    """Where a partition stands by its journal: what its partition record has to say.

    ``owed`` is a sweep that has not come to its end: its version and how far it has got.
    """

    def __init__(self) -> None:
        self.seq = 0
        self.version = 0
        self.clock = 0
        self.store_id = ""
        self.next: dict[str, int] = {}
        self.gaps: Counter[str] = Counter()
        self.skipped = 0
        self.owed: tuple[int, str] | None = None


def order_inputs(logs: Logs, partition: int, verdict: Verdict) -> tuple[Ordered, Standing]:
    """Return inputs, sweeps and ends of batches in journal order, with version, (clock, wall), and where that leads."""
    standing = Standing()
    records = {logs.topic(name): {r.offset: r for r in logs.inputs(name, partition)} for name in SOURCE_ROLES}
    sent = {logs.topic(name): times(logs, name, partition) for name in SOURCE_ROLES}
    unread = Unread(logs, partition)
    ordered: Ordered = []
    clock = before = 0
    for at, entry in journal_in_order(logs, partition, verdict, standing):
        for span in entry.inputs:
            found = take(logs, (span.topic, partition), (span.from_, span.to), records, standing, verdict)
            unread.read(span.topic, span.to)
            if entry.kind == "skip":
                standing.skipped += len(found)
                for record in found:
                    place = f"{record.topic}-{partition}-{record.offset}"
                    verdict.add("lost", "input", place, "skipped by the operator")
            else:
                for record in found:
                    clock = max(clock, reach(entry, sent[record.topic][record.offset]))
                    ordered.append((record, entry.rulebook_version, (clock, wall_of(entry))))
        check_clock(f"{partition} seq {entry.seq}", (before, clock), (at, entry), unread, verdict)
        clock = before = max(clock, entry.clock)
        if entry.kind != "skip":
            ordered.append((entry, entry.rulebook_version, (entry.clock, 0)))
    for topic, left in records.items():
        for offset in sorted(left):
            verdict.add("lost", "input", f"{topic}-{partition}-{offset}", "is in no journal record")
    return ordered, standing


def check_clock(
    where: str, moved: tuple[int, int], said: tuple[Entry, BatchJournal], unread: Unread, verdict: Verdict
) -> None:
    """S60: at least what the batch's records reach, at most what the logs allow; ``moved`` from and to by records."""
    (before, reached), (at, entry) = moved, said
    if reached > entry.clock:
        verdict.add("wrong", "journal", f"journal-{where}", f"says clock {entry.clock}, its records reach {reached}")
    wall = wall_of(entry)
    if wall and not at.timestamp - HELD_MS <= wall <= at.timestamp + SLACK_MS:
        verdict.add("wrong", "clock", f"journal-{where}", f"wall time {wall}, and it was appended at {at.timestamp}")
    bound, why = unread.bound(at)
    if entry.clock_mode == "records":
        bound, why = reached, "its records"
    if entry.clock > max(bound, before):
        ahead = entry.clock - max(bound, before)
        verdict.add("wrong", "clock", f"journal-{where}", f"{entry.clock} is {ahead} ms ahead of {why}")


def times(logs: Logs, name: str, partition: int) -> dict[int, int]:
    return {entry.offset: entry.timestamp for entry in logs.of(logs.topic(name), partition)}


def wall_of(entry: BatchJournal) -> int:
    """The owner's wall time at the beginning of a batch, 0 where only the clock counts (decision 0015)."""
    if entry.clock_mode == "records":
        return 0
    return entry.ceiling or 0 if entry.wall is None else entry.wall


def reach(entry: BatchJournal, timestamp: int) -> int:
    """How far a record moves the clock (S60)."""
    return timestamp if entry.ceiling is None else min(timestamp, entry.ceiling)


def journal_in_order(
    logs: Logs, partition: int, verdict: Verdict, standing: Standing
) -> list[tuple[Entry, BatchJournal]]:
    """Decode the journal of a partition; name gaps, repeats and moves backwards."""
    accepted: list[tuple[Entry, BatchJournal]] = []
    for entry in logs.of(logs.topic("journal"), partition):
        where = f"journal-{partition}-{entry.offset}"
        if entry.key != str(partition).encode():
            verdict.add("wrong", "journal", where, f"key {entry.key!r}")
        try:
            batch = msgspec.json.decode(entry.value or b"", type=BatchJournal)
        except msgspec.DecodeError as error:
            verdict.add("wrong", "journal", where, str(error))
            continue
        if accepted and batch.seq <= standing.seq:
            verdict.add("double", "journal", where, f"seq {batch.seq} after {standing.seq}: a zombie's write")
            continue
        if batch.seq != standing.seq + 1 and (accepted or batch.seq != 0):
            verdict.add("lost", "journal", where, f"seq {batch.seq} after {standing.seq}")
        if accepted and (batch.rulebook_version < standing.version or batch.clock < standing.clock):
            verdict.add("stale", "journal", where, "rulebook version or clock goes back")
        if accepted and batch.store_id != standing.store_id:
            verdict.add("wrong", "journal", where, f"store id {batch.store_id} after {standing.store_id}")
        standing.seq, standing.version = batch.seq, batch.rulebook_version
        standing.clock, standing.store_id = batch.clock, batch.store_id
        accepted.append((entry, batch))
    verdict.totals["batches"] += len(accepted)
    return accepted


def take(
    logs: Logs,
    place: tuple[str, int],
    span: tuple[int, int],
    records: dict[str, dict[int, Record]],
    standing: Standing,
    verdict: Verdict,
) -> list[Record]:
    """Take the records of one input range out of those not yet covered; ranges are contiguous per source."""
    topic, (start, end) = place[0], span
    if topic not in records:
        verdict.add("wrong", "journal", place, "is not a source")
        return []
    expected = standing.next.get(topic, logs.starts.get(place, 0))
    if start < expected:
        verdict.add("double", "input", place, f"range {start}-{end} begins before {expected}")
    elif start > expected:
        verdict.add("lost", "journal", place, f"range {start}-{end} begins after {expected}")
    found = [records[topic].pop(offset) for offset in range(start, end) if offset in records[topic]]
    standing.gaps[topic] += end - start - len(found)
    standing.next[topic] = max(end, expected)
    return found
