"""What a worker says about its partitions: for probes, metrics, `partition show` and the page.

Laws: a status is a snapshot; nothing in it is read back by delivery.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from schemas.journal import SourceCounters
from stream_app.delivery.handler import Committed

PartitionPhase = Literal["idle", "opening", "restoring", "running", "closing", "stopped"]


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """One partition held by this worker; ``lag`` is unread offsets per source, ``why`` a sentence when not running."""

    partition: int
    phase: PartitionPhase
    why: str = ""
    seq: int = 0
    clock: int = 0
    version: int = 0
    sources: dict[str, int] = field(default_factory=dict[str, int])
    lag: dict[str, int] = field(default_factory=dict[str, int])
    counters: dict[str, SourceCounters] = field(default_factory=dict[str, SourceCounters])
    restored_records: int = 0


@dataclass(slots=True)
class DeliveryCounters:
    """Totals of this process since it started."""

    batches: int = 0
    records: int = 0
    reopened: int = 0
    chain_breaks: int = 0
    fenced: int = 0
    restored: int = 0
    rebalances: int = 0


class CommittedView(Committed, Protocol):
    """Committed state for those who read all of it; a Handler may not: the order is not the same twice."""

    def walk(self, records: int) -> Iterator[list[tuple[bytes, bytes]]]:
        """Yield every record once, in slices and any order; batches may commit between two slices."""
        ...


class PartitionsView(Protocol):
    """The read side of delivery, as reading and web see it."""

    @property
    def partition_count(self) -> int:
        """The number n of partitions of every topic."""
        ...

    @property
    def counters(self) -> DeliveryCounters: ...

    def committed(self, partition: int) -> CommittedView | None:
        """Return the committed state of a partition, None unless it is open on this worker."""
        ...

    def statuses(self) -> list[PartitionStatus]:
        """Return the status of every partition assigned to this worker, ascending."""
        ...
