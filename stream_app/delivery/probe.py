"""The seam through which a test sees, and ends, a worker in a chosen phase; costs one None check when off.

Laws: a probe never changes what delivery does; it may end the process.  ``opening`` is before the fence and ``fenced``
after it; ``restoring`` is before the first part of the changelog is in the store, ``loaded`` after each.  Points are
numbered for workers of other versions: a new one goes to the end.
"""

from typing import Literal, Protocol

Point = Literal[
    "idle", "opening", "restoring", "waiting", "applying", "sending", "sent", "committing", "committed", "merging",
    "rebalancing", "ingest sent", "ingest committing", "ingest committed", "fenced", "loaded",
]  # fmt: skip


class Probe(Protocol):
    """Told of every phase a partition enters, and of every point that ingest reaches in a source partition."""

    def reached(self, partition: int, point: Point) -> None:
        """Learn that a partition has reached a point."""
        ...
