"""Answers about one contact from the committed state of its partition.

Laws: only committed state is shown (promise 3); an answer is a value: ContactScore, NotFound or NotHere.
``earlier`` is what the state says minus the rows shown, so score log and state always add up (S2, D18).
A score that decays is shown at the partition's clock, which the answer names (D11).
Reads ``Committed`` and an AwardLog; writes nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from schemas.authored import DEFAULT_PROFILE
from schemas.ids import contact_key
from schemas.state import CORE, FACTS, SEPARATOR, Core, ProfileState
from stream_app.delivery.handler import Committed
from stream_app.delivery.status import PartitionStatus, PartitionsView
from stream_app.processing.placement import partition_of
from stream_app.processing.sections import decode_facts
from stream_app.reading.award_rows import Asked, AwardLog, AwardRow, KnownRows
from stream_app.scoring.account import Account, instant
from stream_app.scoring.profiles import ScoredProfile

RuleName = Callable[[str, int], str | None]
ProfilesOf = Callable[[str], Mapping[str, ScoredProfile]]

_decode_core: Final = msgspec.msgpack.Decoder(Core).decode


@dataclass(frozen=True, slots=True)
class LogRow:
    """One award as read: ``rule_id`` and ``rule_name`` are None for manual awards and for deleted rules (D16)."""

    log_id: int
    rule_id: int | None
    rule_name: str | None
    points: int
    reason: str
    created_at: str


@dataclass(frozen=True, slots=True)
class ContactScore:
    """One profile's score of one contact; ``logs`` newest first.

    ``awards`` and ``points`` are the number and sum of all awards ever logged, ``earlier_*`` of those older than
    ``logs``; ``complete`` tells whether all rows that are still kept can be read here, in later pages too.
    ``as_of`` is the instant, in milliseconds, of a score that decays, None for others.
    """

    contact_id: str
    profile_id: str
    email: str | None
    score: int
    version: int
    awards: int
    points: int
    logs: list[LogRow]
    earlier_count: int
    earlier_points: int
    complete: bool
    as_of: int | None = None


@dataclass(frozen=True, slots=True)
class NotFound:
    """Nothing of that name: an unknown contact, or a profile that is not published and never paid this contact."""

    what: Literal["contact", "profile"]


@dataclass(frozen=True, slots=True)
class NotHere:
    """This worker cannot answer now: the partition opens here, stands still here, or is another worker's."""

    partition: int
    reason: Literal["restoring", "stopped", "elsewhere"]
    why: str = ""


class ContactQueries:
    """Reads of single contacts.

    ``rule_name`` gives a rule's live name, None when it was deleted (D16); ``profiles`` what an org has published.
    """

    def __init__(
        self, partitions: PartitionsView, log: AwardLog, *, rule_name: RuleName | None = None,
        profiles: ProfilesOf | None = None,
    ) -> None:  # fmt: skip
        self._partitions = partitions
        self._log = log
        self._rule_name = rule_name
        self._profiles = profiles

    async def score(
        self, org_id: str, contact_id: str, *, profile_id: str = DEFAULT_PROFILE, limit: int = 20,
        before: int | None = None,
    ) -> ContactScore | NotFound | NotHere:  # fmt: skip
        """Return a contact's score in one profile with at most ``limit`` log rows, of those before a log id."""
        key = contact_key(org_id, contact_id)
        partition = partition_of(key, self._partitions.partition_count)
        status = next((s for s in self._partitions.statuses() if s.partition == partition), None)
        committed = self._partitions.committed(partition)
        if committed is None or status is None:
            return not_here(partition, status)
        stored = committed.get(key + SEPARATOR + CORE)
        if stored is None:
            return NotFound("contact")
        core = _decode_core(stored)
        if profile_id not in core.profiles and not self._published(org_id, profile_id):
            return NotFound("profile")
        profile, as_of = self._aged(org_id, profile_id, core, status.clock)
        email, asked = _email(committed, key), Asked(profile_id, limit, before)  # all of the state before any await
        known = await self._log.rows(partition, status.seq, key, core.log_id, asked)
        shown = [row for row in known.rows if asked.wants(row)][:limit]
        logs = [self._row(org_id, row) for row in shown]
        return _contact_score(contact_id, profile_id, profile, email, known, logs, as_of)

    def _published(self, org_id: str, profile_id: str) -> bool:
        """Tell whether a profile scores, so that every contact of the org has a score of it."""
        return profile_id == DEFAULT_PROFILE or (self._profiles is not None and profile_id in self._profiles(org_id))

    def _aged(self, org_id: str, profile_id: str, core: Core, clock: int) -> tuple[ProfileState, int | None]:
        profile = None if self._profiles is None else self._profiles(org_id).get(profile_id)
        return aged(profile, core.profiles.get(profile_id), core.born_at, clock)

    def _row(self, org_id: str, row: AwardRow) -> LogRow:
        award = row.award
        rule_id, name = award.rule_id, award.rule_name
        if rule_id is not None and self._rule_name is not None:
            name = self._rule_name(org_id, rule_id)
            rule_id = rule_id if name is not None else None
        return LogRow(award.log_id, rule_id, name, award.points, award.reason, row.occurred_at)


def aged(
    profile: ScoredProfile | None, state: ProfileState | None, born_at: int, clock: int
) -> tuple[ProfileState, int | None]:
    """Return a state as it has come to be by the partition's clock, and as of when, where it decays.

    A profile that never paid this contact shows 0, whatever its limits (decision 0012).
    """
    if profile is None or profile.decay is None:
        return state or ProfileState(), None
    now = instant(clock, born_at)
    if state is None:
        return ProfileState(), now
    account = Account(profile, state, now)
    return msgspec.structs.replace(state, shown=account.now), account.at


def _contact_score(
    contact_id: str, profile_id: str, profile: ProfileState, email: str | None, known: KnownRows, logs: list[LogRow],
    as_of: int | None,
) -> ContactScore:  # fmt: skip
    oldest = logs[-1].log_id if logs else 0
    told = [row.award.points for row in known.rows if row.profile_id == profile_id and row.award.log_id >= oldest]
    return ContactScore(
        contact_id=contact_id,
        profile_id=profile_id,
        email=email,
        score=profile.shown,
        version=profile.version,
        awards=profile.awards,
        points=profile.total,
        logs=logs,
        earlier_count=profile.awards - len(told),
        earlier_points=profile.total - sum(told),
        complete=known.complete,
        as_of=as_of,
    )


def _email(committed: Committed, key: bytes) -> str | None:
    stored = committed.get(key + SEPARATOR + FACTS)
    return None if stored is None else decode_facts(stored).email


def not_here(partition: int, status: PartitionStatus | None) -> NotHere:
    """Return why a partition with this status, None when it is not held, cannot answer."""
    if status is None:
        return NotHere(partition, "elsewhere")
    return NotHere(partition, "stopped" if status.phase == "stopped" else "restoring", status.why)
