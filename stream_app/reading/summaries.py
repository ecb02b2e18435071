"""Contacts without their logs: one with everything known of it, many with their scores, the ones that changed last.

Laws: only committed state is shown (promise 3); an answer is a value; a question about a partition that is not open
here is None, so whoever asks several workers knows what is missing.
Reads ``Committed`` and RecentChanges; writes nothing.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec

from schemas.ids import contact_key, split_contact_key
from schemas.state import CORE, FACTS, SEPARATOR, Core, Facts, ProfileState
from stream_app.delivery.handler import Committed
from stream_app.delivery.status import PartitionsView
from stream_app.processing.placement import partition_of
from stream_app.processing.sections import decode_facts
from stream_app.reading.contacts import NotFound, NotHere, not_here
from stream_app.reading.recent_changes import RecentChanges
from stream_app.scoring.contact import NO_FACTS

_decode_core: Final = msgspec.msgpack.Decoder(Core).decode


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

    def scores(
        self, partition: int, org_id: str, contact_ids: Iterable[str], profile_id: str
    ) -> dict[str, ScoreRow] | None:
        """Return the scores of those of these contacts that are in a partition and known."""
        committed = self._partitions.committed(partition)
        if committed is None:
            return None
        found: dict[str, ScoreRow] = {}
        for contact_id in contact_ids:
            key = contact_key(org_id, contact_id)
            if partition_of(key, self._partitions.partition_count) == partition:
                row = _row(committed, key, contact_id, profile_id)
                if row is not None:
                    found[contact_id] = row
        return found

    def changed(
        self, partition: int, org_id: str, profile_id: str, bounds: Bounds, after: tuple[int, str] | None, limit: int
    ) -> ChangedPart | None:
        """Return at most ``limit`` contacts of an org, by newest change, after that order."""
        committed = self._partitions.committed(partition)
        status = next((s for s in self._partitions.statuses() if s.partition == partition), None)
        if committed is None or status is None:
            return None
        recent = self._changes.newest(partition, status.seq, time.time_ns() // 1_000_000)
        rows: list[ChangedRow] = []
        for key, at in recent.changed_at.items():
            org, contact_id = split_contact_key(key)
            row = _row(committed, key, contact_id, profile_id) if org == org_id else None
            if row is not None and bounds.hold(row.score):
                rows.append(ChangedRow(at, row))
        rows = sorted((row for row in rows if after is None or order_of(row) > after), key=order_of)
        return ChangedPart(rows[:limit], recent.since)


def _row(committed: Committed, key: bytes, contact_id: str, profile_id: str) -> ScoreRow | None:
    core = _core(committed, key)
    if core is None:
        return None
    profile = core.profiles.get(profile_id, ProfileState())
    return ScoreRow(contact_id, _facts(committed, key).email, profile.shown, profile.version)


def _core(committed: Committed, key: bytes) -> Core | None:
    stored = committed.get(key + SEPARATOR + CORE)
    return None if stored is None else _decode_core(stored)


def _facts(committed: Committed, key: bytes) -> Facts:
    stored = committed.get(key + SEPARATOR + FACTS)
    return NO_FACTS if stored is None else decode_facts(stored)
