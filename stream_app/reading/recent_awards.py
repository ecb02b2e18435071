"""The newest awards of recently changed contacts, kept in memory from this worker's own committed batches.

Laws: only committed batches are observed; rows are kept as bytes and decoded when somebody asks, so that observing
costs the scoring path a dictionary look-up.  A partition that was away (its next batch is not the one after the last
observed) forgets its rows: what another owner did to them, an erase included, is not known here.
Reads score-changed outputs; writes nothing.
"""

from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from schemas.outputs import ScoreChanged
from stream_app.delivery.handler import Output
from stream_app.reading.award_rows import Asked, KnownRows, Run

ROWS_PER_CONTACT: Final = 20
CONTACTS_PER_PARTITION: Final = 1000


@dataclass(frozen=True, slots=True)
class Frontier:
    """Positions in score-changed: ``end`` is behind the last committed batch, ``erased`` behind the last that erased.

    Either may lie further than need be, up to the other; rows read from the topic up to ``erased`` are of nobody who
    was erased since.
    """

    end: int
    erased: int


@dataclass(slots=True)
class _Partition:
    seq: int
    frontier: Frontier | None = None
    contacts: OrderedDict[bytes, deque[bytes]] = field(default_factory=OrderedDict[bytes, deque[bytes]])


class RecentAwards:
    """Newest score-changed records per contact: ``rows`` of them, for ``contacts`` contacts of each partition (LRU).

    By itself it is an AwardLog too: of a worker that has no other.
    """

    def __init__(
        self, score_changed: str, *, rows: int = ROWS_PER_CONTACT, contacts: int = CONTACTS_PER_PARTITION
    ) -> None:
        self._topic = score_changed
        self._rows = rows
        self._contacts = contacts
        self._partitions: dict[int, _Partition] = {}
        self._decode = msgspec.json.Decoder(ScoreChanged).decode

    def observe(
        self, partition: int, seq: int, outputs: Mapping[str, Sequence[Output]], ends: Mapping[str, int]
    ) -> None:
        """Take in the outputs of a committed batch, in order; ``ends`` are the offsets behind them by topic."""
        known = self._partitions.get(partition)
        if known is None or known.seq + 1 != seq:
            known = self._partitions[partition] = _Partition(seq)
        known.seq = seq
        contacts, erased = known.contacts, False
        for key, value, _ in outputs.get(self._topic, ()):
            if key is None:
                continue
            if value is None:
                contacts.pop(key, None)
                erased = True
                continue
            rows = contacts.get(key)
            if rows is None:
                rows = contacts[key] = deque(maxlen=self._rows)
            else:
                contacts.move_to_end(key)
            rows.append(value)
        while len(contacts) > self._contacts:
            contacts.popitem(last=False)
        end = ends.get(self._topic)
        if end is not None:
            before = known.frontier
            known.frontier = Frontier(end, end if erased or before is None else before.erased)

    def learn(self, partition: int, seq: int, end: int) -> None:
        """Take in where score-changed ended when ``seq`` was the last committed batch of a partition opened here."""
        known = self._partitions.get(partition)
        if known is None or known.seq < seq:
            known = self._partitions[partition] = _Partition(seq)
        if known.seq == seq and known.frontier is None:
            known.frontier = Frontier(end, end)

    def frontier(self, partition: int, seq: int) -> Frontier | None:
        """Return the positions when ``seq`` is the last committed batch; None when they are not known."""
        known = self._partitions.get(partition)
        return None if known is None or known.seq != seq else known.frontier

    def erased(self, partition: int) -> int | None:
        """Return the newest position up to which erases count, whatever batch was the last; None: not known."""
        known = self._partitions.get(partition)
        return None if known is None or known.frontier is None else known.frontier.erased

    def end(self, partition: int) -> int:
        """Return where the last batch that was observed ended, 0 when that is not known."""
        known = self._partitions.get(partition)
        return 0 if known is None or known.frontier is None else known.frontier.end

    def newest(self, partition: int, seq: int, key: bytes) -> list[ScoreChanged]:
        """Return a contact's newest changes, newest first; ``seq`` is the partition's last committed batch."""
        known = self._partitions.get(partition)
        if known is None or known.seq != seq:
            return []
        return [self._decode(value) for value in reversed(known.contacts.get(key, ()))]

    async def rows(self, partition: int, seq: int, key: bytes, log_id: int, asked: Asked) -> KnownRows:
        """Return a contact's rows as far as they are in memory."""
        run = Run(log_id, asked)
        run.extend(self.newest(partition, seq, key))
        return KnownRows(run.rows, run.reached)
