"""Which of the dead letters that are asked for a redrive sends, and why it leaves the others.

Laws: what is looked at is what was there when it began, so it never meets what it sends itself.  Of all, or all of a
reason, a record that was redriven before and refused again is left: else each redrive would send it once more for each
that had failed, twice as many every time.  Asked to, it sends those too, but of the same bytes only the newest
generation, however often it had come.  A dead letter that was named is sent whatever was before.
Reads ``dead-letters``, up to three times, holding a hash for each record that was redriven before.
"""

from collections.abc import AsyncIterator, Sequence

from stream_app.operations.dead_letters import DeadLetter, Retained, find, read_dead_letters, retained
from stream_app.operations.log_cursor import Client
from stream_app.processing.dead_letters import redrives

REFUSED_AGAIN = "it was redriven before, and refused again (--again sends it once more)"
OLDER = "it was redriven before, and refused again: a later one of the same record is sent"


class Redrive:
    """One redrive of named dead letters, or of all of a reason (None: of any)."""

    def __init__(
        self, client: Client, topic: str, sources: Sequence[str], *, reason: str | None = None, again: bool = False
    ) -> None:
        self._client, self._topic, self._sources = client, topic, sources
        self._reason, self._again = reason, again
        self._named: Sequence[DeadLetter] | None = None
        self._where: Retained = {}
        self._redriven: dict[bytes, int] = {}

    async def name(self, refs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Look for the named ones; return those that are not there."""
        self._named = [letter async for letter in find(self._client, self._topic, refs)]
        found = {(letter.partition, letter.offset) for letter in self._named}
        return [ref for ref in refs if ref not in found]

    async def look(self, partitions: Sequence[int]) -> None:
        """See what there is, and which records were redriven before."""
        self._where = await retained(self._client, self._topic, partitions)
        self._redriven = await redriven(read_dead_letters(self._client, self._where))

    async def judged(self) -> AsyncIterator[tuple[DeadLetter, str | None]]:
        """Yield each that is asked for, and why it is left: None when it is to be sent."""
        if self._named is not None:
            for letter in self._named:
                yield letter, letter.refused(self._sources)
            return
        async for letter in read_dead_letters(self._client, self._where):
            if self._reason in (None, letter.reason):
                yield letter, letter.refused(self._sources) or why_left(letter, self._redriven, again=self._again)

    async def chosen(self) -> AsyncIterator[DeadLetter]:
        """Yield each that is to be sent."""
        async for letter, why in self.judged():
            if why is None:
                yield letter


async def redriven(letters: AsyncIterator[DeadLetter]) -> dict[bytes, int]:
    """Return how often the records among dead letters were redriven, by likeness, those that ever were."""
    counts: dict[bytes, int] = {}
    async for letter in letters:
        if count := redrives(letter.headers):
            like = letter.likeness
            counts[like] = max(count, counts.get(like, 0))
    return counts


def why_left(letter: DeadLetter, counts: dict[bytes, int], *, again: bool) -> str | None:
    """Return why a redrive of many leaves a dead letter that could be sent, None when it does not."""
    # INVARIANT: what_stays_bad_does_not_multiply
    newest = counts.get(letter.likeness, 0)
    if newest and not again:
        return REFUSED_AGAIN
    return OLDER if redrives(letter.headers) < newest else None
