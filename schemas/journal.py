"""What each transaction writes about itself: the partition record and the journal record.

Laws: the partition record is the truth about where a partition stands (delivery law 6); replaying the inputs of the
journal records in ``seq`` order gives the same state and output bytes (S1).  Both are JSON, so that an operator can
read them.  Written by ``stream_app.delivery``; read by it, by ``state verify`` and by the oracle.
"""

from typing import Final, Literal

import msgspec

PARTITION_RECORD_KEY: Final = b"\x00partition"
JOURNAL_SCHEMA_VERSION: Final = 1


class SourceCounters(msgspec.Struct, rename="camel", gc=False):
    """Accounting of one source: ``next - start = applied + duplicate + no_effect + dead_letter + gaps``."""

    start: int
    applied: int = 0
    duplicate: int = 0
    no_effect: int = 0
    dead_letter: int = 0
    gaps: int = 0


class PartitionRecord(msgspec.Struct, rename="camel", gc=False):
    """Where partition p stands after its last committed batch.

    ``sources`` maps topic to the next offset to apply; ``clock`` is milliseconds; ``newest`` maps topic to the newest
    record timestamp read there (S60); ``sweep`` the one under way: its rulebook version and the last key done.
    """

    schema_version: int
    store_id: str
    sources: dict[str, int]
    seq: int
    rulebook_version: int
    clock: int
    newest: dict[str, int]
    counters: dict[str, SourceCounters]
    sweep: "Sweep | None" = None
    skipped: int = 0


class InputRange(msgspec.Struct, rename="camel", gc=False):
    """Consumer positions ``[from, to)`` of one source topic; markers and compacted offsets are inside."""

    topic: str
    from_: int = msgspec.field(name="from")
    to: int


class Sweep(msgspec.Struct, rename="camel", gc=False):
    """A pass over all contacts in key order: keys after ``from_key`` up to and including ``to_key`` (hex text)."""

    version: int
    from_key: str
    to_key: str
    done: bool = False


class BatchJournal(msgspec.Struct, rename="camel", gc=False, omit_defaults=True):
    """One transaction of one partition.

    Before each record the clock is ``max(clock so far, min(ceiling, the record's timestamp))``; after the batch it is
    ``clock``.  ``ceiling`` is how far the slowest other source was known, by its newest record read while it has unread
    input, else by when it was last read to its end; at most the owner's wall time.  With ``clock_mode`` records the
    clock is the newest event time seen.  ``wall`` is that wall time where it is not ``ceiling``: an award of a score
    that decays is no older than its input, though the clock lags.
    """

    seq: int
    kind: Literal["records", "clock", "sweep", "skip"]
    store_id: str
    rulebook_version: int
    clock: int
    inputs: list[InputRange] = []
    ceiling: int | None = None
    clock_mode: Literal["wall", "records"] = "wall"
    sweep: Sweep | None = None
    wall: int | None = None
