"""The oracle: offline, reads only logs, and says for every input, output and contact whether it is exactly right.

Laws: inputs and the clock are ordered by the journal, nothing else; an input that the journal does not cover is lost;
nothing that is missing is silently fine.
Run on a deployment at rest: ``python -m tests.faults.oracle BOOTSTRAP PREFIX APP_ID N``.
Reads engagement, contacts, commands, config, journal, changelog, outputs and dead letters.
"""

import sys
from collections import Counter
from collections.abc import Iterable

import msgspec

from schemas.journal import BatchJournal, Sweep
from tests.faults.compare_ingest import compare_ingest
from tests.faults.compare_outputs import compare_dead_letters, compare_ledger, compare_outputs
from tests.faults.compare_shown import compare_shown
from tests.faults.compare_state import compare_accounting, compare_state
from tests.faults.logs import SOURCE_ROLES, Logs, read_logs
from tests.faults.reads import Read, compare_reads
from tests.faults.reference import Reference
from tests.faults.reference_codec import Record
from tests.faults.verdict import Verdict

Ordered = list[tuple[Record | BatchJournal, int, int]]


class Standing:
    """Where a partition stands by its journal: what its partition record has to say."""

    def __init__(self) -> None:
        self.seq = 0
        self.version = 0
        self.clock = 0
        self.store_id = ""
        self.next: dict[str, int] = {}
        self.gaps: Counter[str] = Counter()
        self.skipped = 0


def check(logs: Logs, reads: Iterable[Read] = ()) -> Verdict:
    """Compare everything, and what was read over HTTP when all was at rest, and return the verdict."""
    verdict = Verdict()
    for place in logs.unstable:
        verdict.add("wrong", "log", place, "has an open transaction at its end")
    config = [(e.offset, e.key, e.value) for e in logs.of(logs.topic("config"), 0)]
    reference = Reference(config, logs.partitions)
    standings: dict[int, Standing] = {}
    for partition in range(logs.partitions):
        ordered, standings[partition] = order_inputs(logs, partition, verdict)
        for step, version, clock in ordered:
            if isinstance(step, Record):
                reference.apply(step, version, clock)
                verdict.totals["inputs"] += 1
            elif step.kind == "sweep":
                reference.sweep(swept(reference, logs, partition, step), version, clock)
                verdict.totals["sweeps"] += 1
            else:
                verdict.totals["looks by the clock"] += reference.due(contacts_of(reference, partition), version, clock)
                verdict.totals["batches of the clock"] += step.kind == "clock"
    verdict.totals.update(reference.looks.acted)
    for counts in reference.counts.values():
        verdict.totals.update(counts)
    compare_outputs(logs, reference, verdict)
    compare_ledger(logs, verdict)
    compare_dead_letters(logs, reference.dead | compare_ingest(logs, verdict), verdict)
    compare_state(logs, reference, verdict)
    compare_accounting(logs, reference, standings, verdict)
    compare_shown(logs, reference, standings, verdict)
    compare_reads(reference, reads, verdict)
    return verdict


def order_inputs(logs: Logs, partition: int, verdict: Verdict) -> tuple[Ordered, Standing]:
    """Return inputs, sweeps and ends of batches in journal order, with version and clock, and where that leads."""
    standing = Standing()
    records = {logs.topic(name): {r.offset: r for r in logs.inputs(name, partition)} for name in SOURCE_ROLES}
    sent = {logs.topic(name): times(logs, name, partition) for name in SOURCE_ROLES}
    ordered: Ordered = []
    clock = 0
    for entry in journal_in_order(logs, partition, verdict, standing):
        for span in entry.inputs:
            found = take(logs, (span.topic, partition), (span.from_, span.to), records, standing, verdict)
            if entry.kind == "skip":
                standing.skipped += len(found)
                for record in found:
                    verdict.add(
                        "lost", "input", f"{record.topic}-{partition}-{record.offset}", "skipped by the operator"
                    )
            else:
                for record in found:
                    clock = max(clock, reach(entry, sent[record.topic][record.offset]))
                    ordered.append((record, entry.rulebook_version, clock))
        if clock > entry.clock:
            verdict.add("wrong", "journal", f"seq {entry.seq}", f"says clock {entry.clock}, its records reach {clock}")
        clock = max(clock, entry.clock)
        if entry.kind != "skip":
            ordered.append((entry, entry.rulebook_version, entry.clock))
    for topic, left in records.items():
        for offset in sorted(left):
            verdict.add("lost", "input", f"{topic}-{partition}-{offset}", "is in no journal record")
    return ordered, standing


def times(logs: Logs, name: str, partition: int) -> dict[int, int]:
    return {entry.offset: entry.timestamp for entry in logs.of(logs.topic(name), partition)}


def reach(entry: BatchJournal, timestamp: int) -> int:
    """How far a record moves the clock (S60)."""
    return timestamp if entry.ceiling is None else min(timestamp, entry.ceiling)


def contacts_of(reference: Reference, partition: int) -> list[bytes]:
    return sorted(reference.homes[partition])


def swept(reference: Reference, logs: Logs, partition: int, entry: BatchJournal) -> list[bytes]:
    """The contacts that one part of a sweep looked at: by the keys of their cores, to the last one when it is done."""
    part = entry.sweep or Sweep(0, "", "")
    after, last = bytes.fromhex(part.from_key), bytes.fromhex(part.to_key)
    names = {key: key + b"\x00c" for key in contacts_of(reference, partition)}
    return [key for key, name in names.items() if name > after and (part.done or name <= last)]


def journal_in_order(logs: Logs, partition: int, verdict: Verdict, standing: Standing) -> list[BatchJournal]:
    """Decode the journal of a partition; name gaps, repeats and moves backwards."""
    accepted: list[BatchJournal] = []
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
        accepted.append(batch)
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


def main(arguments: list[str]) -> int:
    bootstrap, prefix, app_id, partitions = arguments
    verdict = check(read_logs(bootstrap, prefix, app_id, int(partitions)))
    sys.stdout.write(verdict.table() + "\n")
    return 0 if verdict.ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
