"""Whether the sweeps that a journal tells of are whole: each one needed begins, goes on where it was, and ends.

Laws: a sweep that never began, or for a part of the contacts only, is in no output and in no state that the reference
makes of the journal, so the need is found from ``config`` (``reference_sweeps``), up to its newest record; one sweep
too many is no finding.
"""

from collections.abc import Iterable

from schemas.journal import BatchJournal
from tests.faults.reference import Reference
from tests.faults.reference_sweeps import sweep_needed
from tests.faults.verdict import Verdict

Owed = tuple[int, str]  # the version of a sweep, and the key up to which it has come


def follow_sweeps(
    reference: Reference, partition: int, entries: Iterable[BatchJournal], verdict: Verdict
) -> Owed | None:
    """Follow the parts in journal order; return, and name, the sweep that has not come to its end."""
    owed: Owed | None = None
    version: int | None = None
    for entry in entries:
        owed, version = needed(reference, version, entry.rulebook_version, owed), entry.rulebook_version
        if entry.kind == "sweep":
            owed = after_part(entry, owed, f"{partition} seq {entry.seq}", verdict)
    newest = max((offset + 1 for offset, _, _ in reference.config), default=0)
    owed = needed(reference, version, newest, owed)
    if owed is not None:
        verdict.add("lost", "sweep", partition, f"that for version {owed[0]} has not gone on after key {told(owed[1])}")
    return owed


def needed(reference: Reference, before: int | None, now: int, owed: Owed | None) -> Owed | None:
    """A publish that moves something begins at the first contact, whatever was under way."""
    if before is None or now <= before or not sweep_needed(reference.book(before), reference.book(now)):
        return owed
    return now, ""


def after_part(entry: BatchJournal, owed: Owed | None, where: str, verdict: Verdict) -> Owed | None:
    part = entry.sweep
    if part is None or part.version > entry.rulebook_version or (owed is not None and part.version < owed[0]):
        verdict.add("wrong", "sweep", f"journal-{where}", f"{part} under {entry.rulebook_version}, owed: {owed}")
        return owed
    start = owed[1] if owed is not None and part.version == owed[0] else ""
    if part.from_key != start:
        text = f"that for version {part.version} goes on after key {told(part.from_key)}, it was at {told(start)}"
        verdict.add("lost", "sweep", f"journal-{where}", text)
    return None if part.done else (part.version, part.to_key)


def told(key: str) -> str:
    return repr(bytes.fromhex(key)) if key else "none"
