"""A job: what an exactly-once application is made of, in one readable value.

Laws: the set of sources is part of the state; changing it is a stop of all workers (delivery law 8).  Every source,
output topic, the changelog and the journal have ``partitions`` partitions; record p of one goes to p of the others.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from stream_app.delivery.handler import ClockMode, Handler
from stream_app.delivery.probe import Probe
from stream_app.delivery.stores import MemoryStore, Store

StoreFactory = Callable[[int], Store]


def _memory(partition: int) -> Store:
    return MemoryStore()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyJob:
    """What is read, by which clients, and within which limits; the same words for scoring and for ingest.

    ``name`` is the group id and the root of transactional ids; ``sources`` are topics in the order in which they are
    taken when all have records; ``client`` are the arguments that every aiokafka client gets (servers, security);
    ``slice_records`` are worked off without a breath for the loop; ``wide_topics`` maps topics with a raised
    max.message.bytes to it.
    """

    name: str
    sources: tuple[str, ...]
    client: Mapping[str, Any]
    start: Literal["earliest", "latest"] = "earliest"
    max_batch_records: int = 4000
    slice_records: int = 200
    heartbeat_seconds: float = 1.5
    commit_limit_seconds: float = 15.0
    transaction_timeout_ms: int = 30_000
    compression: str | None = None
    batch_bytes: int = 900_000
    fetch_bytes: int = 1 << 20
    wide_topics: Mapping[str, int] = field(default_factory=dict[str, int])
    probe: Probe | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(AnyJob):
    """Everything delivery needs to know."""

    changelog: str
    journal: str
    partitions: int
    handler: Handler
    store: StoreFactory = _memory
    clock_mode: ClockMode = "wall"
    tick_contacts: int = 500

    def transactional_id(self, partition: int) -> str:
        """Return the transactional id of a partition: whoever initialises it fences the one before."""
        return f"{self.name}-{partition}"
