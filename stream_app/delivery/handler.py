"""What delivery asks of the program that rides on it: a Handler, and what both exchange.

Laws: a Handler is deterministic: the same batch on the same committed state gives the same effects, byte for byte;
it does no I/O and never raises for bad data, only for bugs (a raise stops its partition, delivery law 9).
Every record given to ``apply`` is counted in exactly one of the four outcomes of its effects.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Headers = Sequence[tuple[str, bytes | None]]
# key, value, headers; the headers must be a list, shared or not: aiokafka's record builder takes nothing else
Output = tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]
BatchKind = Literal["records", "clock", "sweep", "skip"]
ClockMode = Literal["wall", "records"]


class Record(Protocol):
    """A Kafka record as the reader hands it out; ``timestamp`` is milliseconds (CreateTime or LogAppendTime)."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Headers: ...


class Committed(Protocol):
    """Committed state of one partition, read only: what earlier batches left, nothing of the one under way."""

    def get(self, key: bytes, /) -> bytes | None:
        """Return the value of a state record, or None."""
        ...

    def scan(self, after: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, value) in key order, from the first key greater than ``after``."""
        ...


class Dated(Committed, Protocol):
    """The same with its due times, for the Handler alone: they may be read while nothing commits."""

    def dues(self) -> Iterator[tuple[int, bytes]]:
        """Yield (due time, key) of all records that fall due, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Batch:
    """One transaction to be.

    ``clock`` is the partition's clock before it, ``ceiling`` how far records may move it (None: as far as they say),
    see ``schemas.journal.BatchJournal``; ``version`` the rulebook version in force for the whole of it; ``wall`` the
    owner's wall time at its beginning, 0 where only the clock counts.
    """

    partition: int
    seq: int
    kind: BatchKind
    clock: int
    version: int
    ceiling: int | None = None
    clock_mode: ClockMode = "wall"
    wall: int = 0


@dataclass(slots=True)
class Outcomes:
    """How many records ended in which way; their sum is the number of records applied."""

    applied: int = 0
    duplicate: int = 0
    no_effect: int = 0
    dead_letter: int = 0


@dataclass(slots=True)
class Effects:
    """All that one batch does: records for output topics, and changed state records (None deletes).

    ``dues`` are the due times that changed records have now and had not before, by key; ``ends`` is known once it is
    committed: the offset after the last record of each topic that it wrote.
    """

    outputs: Mapping[str, Sequence[Output]] = field(default_factory=dict[str, Sequence[Output]])
    changes: Mapping[bytes, bytes | None] = field(default_factory=dict[bytes, bytes | None])
    outcomes: Outcomes = field(default_factory=Outcomes)
    dues: Mapping[bytes, int] = field(default_factory=dict[bytes, int])
    ends: Mapping[str, int] = field(default_factory=dict[str, int])


class Work(Protocol):
    """One batch being worked on: an overlay over committed state."""

    @property
    def clock(self) -> int:
        """The clock as moved by the records so far."""
        ...

    def apply(self, source: str, records: Iterable[Record]) -> None:
        """Apply a slice of records of one source topic, in order."""
        ...

    def due(self, until: int, limit: int) -> int:
        """Let at most ``limit`` due times at or before ``until`` act, in (due time, key) order; return how many did."""
        ...

    def sweep(self, after: bytes, limit: int) -> bytes | None:
        """Re-evaluate at most ``limit`` contacts in key order after a key; return the last one's, None at the end."""
        ...

    def finish(self) -> Effects:
        """Return everything that the batch does; called once, last."""
        ...


class Handler(Protocol):
    """The program: one for all partitions of a worker."""

    def begin(self, batch: Batch, committed: Dated) -> Work:
        """Start a batch."""
        ...

    def version(self) -> int:
        """Return the newest rulebook version known; it never falls."""
        ...

    def needs_sweep(self, before: int, now: int) -> bool:
        """Tell whether moving from one rulebook version to another changes contacts that have no input."""
        ...

    def next_due(self, committed: Dated) -> int | None:
        """Return the earliest due time of a partition in milliseconds, or None."""
        ...

    def committed(self, batch: Batch, effects: Effects) -> None:
        """Learn that a batch is durable and readable; must not raise and must not block."""
        ...
