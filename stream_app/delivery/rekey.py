"""Exactly-once forwarding of records from topics with any key into topics with the right one: its job and its words.

Laws: what is forwarded, where the source stands and the counts of both are one transaction of one source partition; the
committed offset is the only truth about where a source stands, so it is read after the fence and never guessed.
Nothing is kept between records: a partition can be anybody's at any time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from schemas.ingest import IngestProgress
from stream_app.delivery.aiokafka_fetch import TopicPartition
from stream_app.delivery.handler import Output, Record
from stream_app.delivery.job import AnyJob

RekeyPhase = Literal["idle", "opening", "running", "closing", "stopped"]


class Routed(NamedTuple):
    """Where a record goes and as what; ``accepted`` is false for a dead letter."""

    topic: str
    partition: int
    output: Output
    accepted: bool


#: Says where a record of (topic, partition) goes; pure, and never raises for bad data: a raise is a bug.
Route = Callable[[str, int, Record], Routed]


@dataclass(frozen=True, slots=True, kw_only=True)
class RekeyJob(AnyJob):
    """Everything that forwarding needs to know.

    ``sources`` may have any partition count; ``witness`` is a partition that is none of theirs, see `witness`.
    """

    route: Route
    witness: TopicPartition
    slice_records: int = 500  # to forward one costs less than to score one
    session_timeout_seconds: float = 10.0

    def transactional_id(self, source: TopicPartition) -> str:
        """Return the transactional id of a source partition: whoever initialises it fences the one before."""
        return f"{self.name}-{source.topic}-{source.partition}"


@dataclass(frozen=True, slots=True)
class RekeyStatus:
    """One source partition held by this worker; ``position`` and ``progress`` are committed, None before it is open."""

    topic: str
    partition: int
    phase: RekeyPhase
    why: str = ""
    position: int | None = None
    lag: int = 0
    progress: IngestProgress | None = None


@dataclass(slots=True)
class RekeyCounters:
    """Totals of this process since it started."""

    batches: int = 0
    reopened: int = 0
    fenced: int = 0
    rebalances: int = 0


class RekeyView(Protocol):
    """The read side of ingest, as web sees it."""

    @property
    def counters(self) -> RekeyCounters: ...

    def statuses(self) -> list[RekeyStatus]:
        """Return the status of every source partition assigned to this worker, by topic and number."""
        ...
