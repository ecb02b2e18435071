"""Which of the dead letters that are asked for a redrive sends, and why it leaves the others.

Laws: what is looked at is what was there when it began, so it never meets what it sends itself.  Of all, or all of a
reason, a record that was redriven before and refused again is left: else each redrive would send it once more for each
that had failed, twice as many every time.  Asked to, it sends those too, of each that came the newest that the run may
send.  A dead letter that was named is sent whatever was before.

What was redriven is told by bytes and counts alone.  One that was redriven so often is taken for refused again where
one of the same bytes, redriven once more often, came after it (in its partition behind it; between partitions there is
no order), and each of those answers for one.  Of the same bytes the first are taken for those that were redriven.  What
nobody answers for is taken for never redriven, and sent: if it was redriven and taken, the event id decides.
Reads ``dead-letters``, up to three times, holding a line for each that was redriven before.
"""

from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Sequence

from stream_app.operations.dead_letters import DeadLetter, Retained, find, read_dead_letters, retained
from stream_app.operations.log_cursor import Client
from stream_app.processing.dead_letters import redrives

REFUSED_AGAIN = "it was redriven before, and refused again (--again sends it once more)"
OLDER = "it was redriven before, and refused again: a later one of the same record is sent"
Answer = tuple[int, int, bool]  # partition and offset, negated: a list ends in the first; if it or a later one is sent
Answers = dict[int, dict[bytes, list[Answer]]]  # by how often they were redriven, and by likeness


class Redrive:
    """One redrive of named dead letters, or of all of a reason (None: of any)."""

    def __init__(
        self, client: Client, topic: str, sources: Sequence[str], *, reason: str | None = None, again: bool = False
    ) -> None:
        self._client, self._topic, self._sources = client, topic, sources
        self._reason, self._again = reason, again
        self._named: Sequence[DeadLetter] | None = None
        self._where: Retained = {}
        self._answers: Answers = {}

    async def name(self, refs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Look for the named ones; return those that are not there."""
        self._named = [letter async for letter in find(self._client, self._topic, refs)]
        found = {(letter.partition, letter.offset) for letter in self._named}
        return [ref for ref in refs if ref not in found]

    async def look(self, partitions: Sequence[int]) -> None:
        """See what there is, and what was redriven before."""
        self._where = await retained(self._client, self._topic, partitions)
        self._answers = await redriven(read_dead_letters(self._client, self._where), self._asked_for)

    async def judged(self) -> AsyncIterator[tuple[DeadLetter, str | None]]:
        """Yield each that is asked for, and why it is left: None when it is to be sent."""
        if self._named is not None:
            for letter in self._named:
                yield letter, letter.refused(self._sources)
            return
        left = {count: {like: [*rows] for like, rows in likes.items()} for count, likes in self._answers.items()}
        async for letter in read_dead_letters(self._client, self._where):
            count = redrives(letter.headers)
            answer = take(left[count + 1].get(letter.likeness), letter) if count + 1 in left else None
            if self._reason in (None, letter.reason):
                yield letter, letter.refused(self._sources) or why_left(count, answer, again=self._again)

    async def chosen(self) -> AsyncIterator[DeadLetter]:
        """Yield each that is to be sent."""
        async for letter, why in self.judged():
            if why is None:
                yield letter

    def _asked_for(self, letter: DeadLetter) -> bool:
        """Tell whether a dead letter is one that this run may send."""
        return self._reason in (None, letter.reason) and letter.refused(self._sources) is None


async def redriven(letters: AsyncIterator[DeadLetter], asked_for: Callable[[DeadLetter], bool]) -> Answers:
    """Return those of the dead letters that were redriven before: what answers for what was redriven once less."""
    came: Answers = {}
    async for letter in letters:
        if count := redrives(letter.headers):
            row = (-letter.partition, -letter.offset, asked_for(letter))
            came.setdefault(count, {}).setdefault(letter.likeness, []).append(row)
    for count in sorted(came, reverse=True):
        for like, rows in came[count].items():
            later = [*came.get(count + 1, {}).get(like, ())]
            for index, (partition, offset, sent) in enumerate(rows):
                answer = _after(later, partition, offset)
                rows[index] = (partition, offset, sent or (answer is not None and answer[2]))
            rows.sort()
    return came


def take(answers: list[Answer] | None, letter: DeadLetter) -> Answer | None:
    """Take the first of the answers that came after a dead letter."""
    return _after(answers, -letter.partition, -letter.offset) if answers else None


def _after(answers: list[Answer], partition: int, offset: int) -> Answer | None:
    """Take the first behind a place (negated), of another partition where its own has none."""
    if (index := bisect_left(answers, (partition, offset, False))) > 0:
        return answers.pop(index - 1)
    return answers.pop() if answers and answers[-1][0] > partition else None


def why_left(count: int, answer: Answer | None, *, again: bool) -> str | None:
    """Return why a redrive of many leaves a dead letter that could be sent, None when it does not."""
    # INVARIANT: what_stays_bad_does_not_multiply
    if not again:
        return REFUSED_AGAIN if count or answer else None
    return OLDER if answer and answer[2] else None
