"""Which contacts changed last: keys of the newest score changes of each partition held here.

Laws: only committed batches are observed; observing costs the scoring path a slice of a list, whatever the batch; a
partition that was away begins anew.  ``since`` says from which moment on no contact that changed is missing.
Reads score-changed outputs; writes nothing.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from stream_app.delivery.handler import Output

KEYS_PER_PARTITION: Final = 1000


@dataclass(slots=True)
class _Partition:
    seq: int
    since: int
    count: int = 0
    batches: deque[tuple[int, list[bytes | None]]] = field(default_factory=deque[tuple[int, list[bytes | None]]])


@dataclass(frozen=True, slots=True)
class RecentContacts:
    """Contact keys with the milliseconds of their newest change, newest first.

    Of a contact that changed at ``since`` or later none is missing; 0: of those that ever changed.
    """

    changed_at: Mapping[bytes, int]
    since: int


class RecentChanges:
    """The newest ``keys`` score changes of each partition; ``score_changed`` is a topic name."""

    def __init__(self, score_changed: str, *, keys: int = KEYS_PER_PARTITION) -> None:
        self._topic = score_changed
        self._keys = keys
        self._partitions: dict[int, _Partition] = {}

    def observe(self, partition: int, seq: int, outputs: Mapping[str, Sequence[Output]], now: int) -> None:
        """Take in the outputs of a batch that was committed at ``now`` milliseconds."""
        known = self._stands_at(partition, seq - 1, now)
        known.seq = seq
        changes = outputs.get(self._topic)
        if not changes:
            return
        if len(changes) > self._keys:
            known.since = now + 1
        keys = [key for key, _, _ in changes[-self._keys :]]
        known.batches.append((now, keys))
        known.count += len(keys)
        while known.count - len(known.batches[0][1]) >= self._keys:
            at, gone = known.batches.popleft()
            known.count -= len(gone)
            known.since = max(known.since, at + 1)

    def newest(self, partition: int, seq: int, now: int) -> RecentContacts:
        """Return the contacts that changed last; ``seq`` is the partition's last committed batch at ``now``."""
        known = self._stands_at(partition, seq, now)
        changed_at: dict[bytes, int] = {}
        for at, keys in reversed(known.batches):
            for key in reversed(keys):
                if key is not None:
                    changed_at.setdefault(key, at)
        return RecentContacts(changed_at, known.since)

    def _stands_at(self, partition: int, seq: int, now: int) -> _Partition:
        """Return what is known of a partition whose last batch is ``seq``: nothing, if that was not observed."""
        known = self._partitions.get(partition)
        if known is None or known.seq != seq:
            known = self._partitions[partition] = _Partition(seq, since=0 if seq == 0 else now)
        return known
