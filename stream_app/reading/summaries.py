"""Contacts without their logs: one with everything known of it, many with their scores, the ones that changed last.

Laws: only committed state is shown (promise 3); an answer is a value; a question about a partition that is not open
here is None, so whoever asks several workers knows what is missing.  A list costs what its rows cost: of each contact
that was looked at only the scores are read, of each row the email, of none the attributes; the loop gets its turn after
every LOOKS contacts.
Reads ``Committed`` and RecentChanges; writes nothing.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec

from schemas.ids import contact_key
from schemas.state import CORE, FACTS, SEPARATOR, Core, Facts, ProfileState
from stream_app.delivery.handler import Committed
from stream_app.delivery.status import CommittedView, PartitionsView
from stream_app.processing.placement import partition_of
from stream_app.processing.sections import decode_facts
from stream_app.reading.contacts import NotFound, NotHere, not_here
from stream_app.reading.recent_changes import RecentChanges
from stream_app.scoring.contact import NO_FACTS

LOOKS: Final = 10


class ShownScore(msgspec.Struct, array_like=True):
    """The first fields of a ProfileState."""

    total: int = 0
    awards: int = 0
    shown: int = 0
    version: int = 0


class ShownScores(msgspec.Struct, array_like=True):
    """The first fields of a Core."""

    schema_version: int
    born_at: int
    last_at: int
    log_id: int
    profiles: dict[str, ShownScore]


class NamedContact(msgspec.Struct, array_like=True):
    """The first fields of Facts."""

    schema_version: int
    email: str | None = None


_decode_core: Final = msgspec.msgpack.Decoder(Core).decode
_decode_scores: Final = msgspec.msgpack.Decoder(ShownScores).decode
_decode_named: Final = msgspec.msgpack.Decoder(NamedContact).decode


@dataclass(frozen=True, slots=True)
class WholeContact:
    """Everything known of a contact but its log; times are milliseconds, ``last_at`` 0 before its first event."""

    contact_id: str
    profiles: Mapping[str, ProfileState]
    email: str | None
    tags: tuple[str, ...]
    attributes: Mapping[str, Any]
    updated_at: int
    born_at: int
    last_at: int


class ScoreRow(msgspec.Struct, frozen=True):
    """One contact's score in one profile, as workers tell each other."""

    contact_id: str
    email: str | None
    score: int
    version: int


class ChangedRow(msgspec.Struct, frozen=True):
    """A contact that changed, and when: milliseconds of its commit."""

    changed_at: int
    row: ScoreRow


class Bounds(NamedTuple):
    """Which scores are wanted, inclusive; None is open."""

    low: int | None = None
    high: int | None = None

    def hold(self, score: int) -> bool:
        """Tell whether a score is wanted."""
        return (self.low is None or score >= self.low) and (self.high is None or score <= self.high)


class ChangedPart(msgspec.Struct, frozen=True):
    """The rows of one partition, in order; none that changed at ``since`` or later is left out, 0: none at all."""

    rows: list[ChangedRow]
    since: int


def order_of(row: ChangedRow) -> tuple[int, str]:
    """Return what rows are ordered by: the newest first, those of one moment by id."""
    return -row.changed_at, row.row.contact_id


class Summaries:
    """Reads of contacts whose partition is open here."""

    def __init__(self, partitions: PartitionsView, changes: RecentChanges) -> None:
        self._partitions = partitions
        self._changes = changes

    def whole(self, org_id: str, contact_id: str) -> WholeContact | NotFound | NotHere:
        """Return everything known of a contact but its log."""
        key = contact_key(org_id, contact_id)
        partition = partition_of(key, self._partitions.partition_count)
        committed = self._partitions.committed(partition)
        if committed is None:
            return not_here(partition, next((s for s in self._partitions.statuses() if s.partition == partition), None))
        core = _core(committed, key)
        if core is None:
            return NotFound("contact")
        facts = _facts(committed, key)
        return WholeContact(
            contact_id, core.profiles, facts.email, facts.tags, facts.attributes, facts.updated_at, core.born_at,
            core.last_at,
        )  # fmt: skip

    async def scores(
        self, partition: int, org_id: str, contact_ids: Iterable[str], profile_id: str
    ) -> dict[str, ScoreRow] | None:
        """Return the scores of those contacts of a partition that are known."""
        committed = self._partitions.committed(partition)
        if committed is None:
            return None
        found: dict[str, ScoreRow] = {}
        for looks, contact_id in enumerate(contact_ids, 1):
            if not await self._open_still(partition, committed, looks):
                return None
            key = contact_key(org_id, contact_id)
            shown = _shown(committed, key, profile_id)
            if shown is not None:
                found[contact_id] = _row(committed, key, contact_id, shown)
        return found

    async def changed(
        self, partition: int, org_id: str, profile_id: str, bounds: Bounds, after: tuple[int, str] | None, limit: int
    ) -> ChangedPart | None:
        """Return at most ``limit`` contacts of an org, by newest change, after that order."""
        committed = self._partitions.committed(partition)
        status = next((s for s in self._partitions.statuses() if s.partition == partition), None)
        if committed is None or status is None:
            return None
        recent = self._changes.newest(partition, status.seq, time.time_ns() // 1_000_000)
        part = ChangedPart([], recent.since)
        for looks, (order, key) in enumerate(_in_order(recent.changed_at, org_id, after), 1):
            if not await self._open_still(partition, committed, looks):
                return None
            shown = _shown(committed, key, profile_id)
            if shown is not None and bounds.hold(shown.shown):
                part.rows.append(ChangedRow(-order[0], _row(committed, key, order[1], shown)))
                if len(part.rows) == limit:
                    break
        return part

    async def _open_still(self, partition: int, committed: CommittedView, looks: int) -> bool:
        """Give the loop its turn after so many looks at contacts; tell whether the partition is open as it was."""
        if looks % LOOKS:
            return True
        await asyncio.sleep(0)
        return self._partitions.committed(partition) is committed


def _in_order(
    changed_at: Mapping[bytes, int], org_id: str, after: tuple[int, str] | None
) -> list[tuple[tuple[int, str], bytes]]:
    """Return an org's contacts after an order, each with its order and key."""
    prefix = contact_key(org_id, "")
    orders = (((-at, key[len(prefix) :].decode()), key) for key, at in changed_at.items() if key.startswith(prefix))
    return sorted(one for one in orders if after is None or one[0] > after)


def _shown(committed: Committed, key: bytes, profile_id: str) -> ShownScore | None:
    """Return what a contact is shown in a profile; None when it is unknown."""
    stored = committed.get(key + SEPARATOR + CORE)
    return None if stored is None else _decode_scores(stored).profiles.get(profile_id) or ShownScore()


def _row(committed: Committed, key: bytes, contact_id: str, shown: ShownScore) -> ScoreRow:
    stored = committed.get(key + SEPARATOR + FACTS)
    return ScoreRow(contact_id, None if stored is None else _decode_named(stored).email, shown.shown, shown.version)


def _core(committed: Committed, key: bytes) -> Core | None:
    stored = committed.get(key + SEPARATOR + CORE)
    return None if stored is None else _decode_core(stored)


def _facts(committed: Committed, key: bytes) -> Facts:
    stored = committed.get(key + SEPARATOR + FACTS)
    return NO_FACTS if stored is None else decode_facts(stored)
