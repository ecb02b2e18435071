"""The newest awards of each partition, kept in memory from this worker's own committed batches.

Laws: only committed batches are observed; they are kept as they are, and sorted by contact and decoded only when
somebody asks, so that observing costs the scoring path a look for erases.  A partition that was away (its next batch is
not the one after the last observed) forgets its rows: what another owner did to them, an erase included, is not known.
Those of partitions that are elsewhere go too (`keep`): a worker that once held all would have kept them for ever.
Reads score-changed outputs; writes nothing.
"""

from collections import deque
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from schemas.outputs import ScoreChanged
from stream_app.delivery.handler import Output
from stream_app.reading.award_rows import Asked, KnownRows, Run

KEPT_BYTES: Final = 512 << 10  # some 500 changes of 700 bytes; one of many awards has several thousand
EACH_BYTES: Final = 128  # what Python needs for an output beside its texts, or for a header of it
ROWS_PER_CONTACT: Final = 100


def weight(outputs: Sequence[Output]) -> int:
    """Return about how much memory outputs of one kind take; an erase, which is a key alone, has a weight too."""
    keys = [key for key, _, _ in outputs if key is not None]
    values = [value for _, value, _ in outputs if value is not None]
    heads = EACH_BYTES * (1 + len(outputs[0][2])) * len(outputs)
    return heads + sum(map(len, keys)) + sum(map(len, values))


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
    unsorted: deque[tuple[int, Sequence[Output]]] = field(default_factory=deque[tuple[int, Sequence[Output]]])
    unsorted_bytes: int = 0
    young: dict[bytes, list[bytes]] = field(default_factory=dict[bytes, list[bytes]])
    young_bytes: int = 0
    old: dict[bytes, list[bytes]] = field(default_factory=dict[bytes, list[bytes]])

    def add(self, outputs: Sequence[Output], limit: int) -> None:
        """Keep the outputs of a batch; when nobody has asked for long, only the newest ``limit`` bytes or so."""
        size = weight(outputs)
        self.unsorted.append((size, outputs))
        self.unsorted_bytes += size
        while self.unsorted_bytes - self.unsorted[0][0] >= limit:
            self.unsorted_bytes -= self.unsorted.popleft()[0]
            self.young, self.old, self.young_bytes = {}, {}, 0  # what follows on them is gone, an erase perhaps

    def sort(self, limit: int) -> None:
        """Sort what was kept by contact; values lie in two generations, each of half of ``limit`` or so."""
        for _, outputs in self.unsorted:
            for key, value, _ in outputs:
                if key is None:
                    continue
                if value is None:
                    self.young.pop(key, None)
                    self.old.pop(key, None)
                else:
                    self.young.setdefault(key, []).append(value)
                    self.young_bytes += EACH_BYTES + len(key) + len(value)
            if 2 * self.young_bytes >= limit:
                self.old, self.young, self.young_bytes = self.young, {}, 0
        self.unsorted.clear()
        self.unsorted_bytes = 0


class RecentAwards:
    """About the newest ``kept_bytes`` of score-changed of each partition, ``rows`` records of each contact.

    By itself it is an AwardLog too: of a worker that has no other.
    """

    def __init__(self, score_changed: str, *, rows: int = ROWS_PER_CONTACT, kept_bytes: int = KEPT_BYTES) -> None:
        self._topic = score_changed
        self._rows = rows
        self._kept_bytes = kept_bytes
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
        changes, end = outputs.get(self._topic), ends.get(self._topic)
        if changes:
            known.add(changes, self._kept_bytes)
        if changes and end is not None:
            before, erased = known.frontier, None in [value for _, value, _ in changes]
            known.frontier = Frontier(end, end if erased or before is None else before.erased)

    def keep(self, partitions: Container[int]) -> None:
        """Forget all partitions but these."""
        self._partitions = {number: known for number, known in self._partitions.items() if number in partitions}

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
        known.sort(self._kept_bytes)
        values = (*known.old.get(key, ()), *known.young.get(key, ()))
        return [self._decode(value) for value in values[: -self._rows - 1 : -1]]

    async def rows(self, partition: int, seq: int, key: bytes, log_id: int, asked: Asked) -> KnownRows:
        """Return a contact's rows as far as they are in memory."""
        run = Run(log_id, asked)
        run.extend(self.newest(partition, seq, key))
        return KnownRows(run.rows, run.reached)
