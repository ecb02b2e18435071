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

from schemas.outputs import Award, ScoreChanged
from stream_app.delivery.handler import Output

ROWS_PER_CONTACT: Final = 20
CONTACTS_PER_PARTITION: Final = 1000


@dataclass(frozen=True, slots=True)
class AwardRow:
    """One row of the ledger with what its ScoreChanged says of all its awards."""

    award: Award
    profile_id: str
    occurred_at: str


@dataclass(slots=True)
class _Partition:
    seq: int
    contacts: OrderedDict[bytes, deque[bytes]] = field(default_factory=OrderedDict[bytes, deque[bytes]])


class RecentAwards:
    """Newest score-changed records per contact: ``rows`` of them, for ``contacts`` contacts of each partition (LRU)."""

    def __init__(
        self, score_changed: str, *, rows: int = ROWS_PER_CONTACT, contacts: int = CONTACTS_PER_PARTITION
    ) -> None:
        self._topic = score_changed
        self._rows = rows
        self._contacts = contacts
        self._partitions: dict[int, _Partition] = {}
        self._decode = msgspec.json.Decoder(ScoreChanged).decode

    def observe(self, partition: int, seq: int, outputs: Mapping[str, Sequence[Output]]) -> None:
        """Take in the outputs of a committed batch, in order."""
        known = self._partitions.get(partition)
        if known is None or known.seq + 1 != seq:
            known = self._partitions[partition] = _Partition(seq)
        known.seq = seq
        contacts = known.contacts
        for key, value, _ in outputs.get(self._topic, ()):
            if key is None:
                continue
            if value is None:
                contacts.pop(key, None)
                continue
            rows = contacts.get(key)
            if rows is None:
                rows = contacts[key] = deque(maxlen=self._rows)
            else:
                contacts.move_to_end(key)
            rows.append(value)
        while len(contacts) > self._contacts:
            contacts.popitem(last=False)

    def newest(self, partition: int, seq: int, key: bytes, log_id: int) -> list[AwardRow]:
        """Return a contact's unbroken newest rows over all profiles, newest first.

        ``seq`` is the partition's last committed batch and ``log_id`` the contact's last award: rows that do not lead
        up to both without a hole are not shown.
        """
        known = self._partitions.get(partition)
        if known is None or known.seq != seq:
            return []
        rows: list[AwardRow] = []
        for value in reversed(known.contacts.get(key, ())):
            change = self._decode(value)
            for award in sorted(change.awards, key=lambda award: -award.log_id):
                if award.log_id != log_id - len(rows):
                    return rows
                rows.append(AwardRow(award, change.profile_id, change.occurred_at))
        return rows
