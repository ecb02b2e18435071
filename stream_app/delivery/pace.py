"""How many records the batches of a partition take: as many as they may, fewer while somebody waits.

Laws: a record of another source, such as a person's adjustment, waits for a batch or two of a backlog.  When one has
come, the next HURRIED batches are so small that applying one takes about SHORT_SECONDS, on any machine under any load;
that costs a quarter of the throughput, so without such records batches are as large as the job allows.  Neither the
commit counts, which takes as long for few records as for many, nor what other partitions do in between.  How inputs are
cut into batches never shows in what they do (S1).
"""

from typing import Final

SHORT_SECONDS: Final = 0.1
FEWEST: Final = 250  # smaller batches are mostly their commit
HURRIED: Final = 20


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
