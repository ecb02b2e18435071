"""The oracle: offline, reads only logs, and says for every input, output and contact whether it is exactly right.

Laws: inputs and the clock are ordered by the journal, nothing else; an input that the journal does not cover is lost;
nothing that is missing is silently fine.
Run on a deployment at rest: ``python -m tests.faults.oracle BOOTSTRAP PREFIX APP_ID N``.
Reads engagement, contacts, commands, config, journal, changelog, outputs and dead letters.
"""

import sys
from collections.abc import Iterable

from schemas.journal import BatchJournal, Sweep
from tests.faults.compare_ingest import compare_ingest
from tests.faults.compare_outputs import compare_dead_letters, compare_ledger, compare_outputs
from tests.faults.compare_shown import compare_shown
from tests.faults.compare_state import compare_accounting, compare_state
from tests.faults.journal_order import Standing, order_inputs
from tests.faults.logs import Logs, read_logs
from tests.faults.reads import Read, compare_reads
from tests.faults.reference import Reference
from tests.faults.reference_codec import Record
from tests.faults.sweep_order import follow_sweeps
from tests.faults.verdict import Verdict


def check(logs: Logs, reads: Iterable[Read] = ()) -> Verdict:
    """Compare everything, and what was read over HTTP when all was at rest, and return the verdict."""
    verdict = Verdict()
    for place in logs.unstable:
        verdict.add("wrong", "log", place, "has an open transaction at its end")
    config = [(e.offset, e.key, e.value) for e in logs.of(logs.topic("config"), 0)]
    reference = Reference(config, logs.partitions)
    standings: dict[int, Standing] = {}
    for partition in range(logs.partitions):
        ordered, standing = order_inputs(logs, partition, verdict)
        entries = [step for step, _, _ in ordered if isinstance(step, BatchJournal)]
        standing.owed = follow_sweeps(reference, partition, entries, verdict)
        standings[partition] = standing
        for step, version, (clock, wall) in ordered:
            if isinstance(step, Record):
                reference.apply(step, version, clock, wall)
                verdict.totals["inputs"] += 1
            elif step.kind == "sweep":
                reference.sweep(swept(reference, partition, step), version, clock)
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
    compare_reads(logs, reference, reads, verdict)
    return verdict


def contacts_of(reference: Reference, partition: int) -> list[bytes]:
    return sorted(reference.homes[partition])


def swept(reference: Reference, partition: int, entry: BatchJournal) -> list[bytes]:
    """The contacts that one part of a sweep looked at: by the keys of their cores, to the last one when it is done."""
    part = entry.sweep or Sweep(0, "", "")
    after, last = bytes.fromhex(part.from_key), bytes.fromhex(part.to_key)
    names = {key: key + b"\x00c" for key in contacts_of(reference, partition)}
    return [key for key, name in names.items() if name > after and (part.done or name <= last)]


def main(arguments: list[str]) -> int:
    bootstrap, prefix, app_id, partitions = arguments
    verdict = check(read_logs(bootstrap, prefix, app_id, int(partitions)))
    sys.stdout.write(verdict.table() + "\n")
    return 0 if verdict.ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
