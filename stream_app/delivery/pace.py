"""How many records the batches of a partition take, and how soon the next follows.

As many as they may, fewer while somebody waits; one after the other, but for a rest where they are small.

Laws: a record of another source, such as a person's adjustment, waits for a batch or two of a backlog.  When one has
come, the next HURRIED batches are so small that applying one takes about SHORT_SECONDS, on any machine under any load;
that costs a quarter of the throughput, so without such records batches are as large as the job allows.  Neither the
commit counts, which takes as long for few records as for many, nor what other partitions do in between.  How inputs are
cut into batches never shows in what they do (S1).  A small batch that has read all there was is mostly its commit:
resting as long as it took, at most REST_SECONDS, gathers more records for the next one, so a trickle costs fewer
transactions and is answered no later on a machine that they would keep busy (docs/performance.md).
"""

from typing import Final

SHORT_SECONDS: Final = 0.1
FEWEST: Final = 250  # smaller batches are mostly their commit
HURRIED: Final = 20
REST_SECONDS: Final = 0.025


class Pace:
    """The pace of one partition; ``limit`` is the job's."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._short = limit
        self._hurried = 0
        self._backlog = ""

    @property
    def size(self) -> int:
        """How many records to take next."""
        return self._short if self._hurried else self._limit

    def note(self, topic: str, count: int, seconds: float) -> None:
        """Learn that ``count`` records of a source took so long to apply."""
        if count > FEWEST:
            self._backlog, self._hurried = topic, max(0, self._hurried - 1)
            if seconds > 0:
                self._short = min(self._limit, max(FEWEST, int(count * SHORT_SECONDS / seconds)))
        elif topic != self._backlog:
            self._hurried = HURRIED

    @staticmethod
    def rest(count: int, seconds: float) -> float:
        """Return how long to rest after a batch of so few records that took so long and left none unread."""
        return min(REST_SECONDS, seconds) if 0 < count < FEWEST else 0.0
