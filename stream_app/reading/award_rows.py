"""Rows of a contact's log: what is asked for, and the unbroken run of log ids that may be shown.

Laws: a row is shown only when every newer one is there (log ids count down by one from the contact's last award); at
most the newest ROWS_KEPT rows of a contact exist for readers.
Reads ScoreChanged; writes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from schemas.outputs import Award, ScoreChanged

ROWS_KEPT: Final = 1000


class AwardRow(NamedTuple):
    """One row of the ledger with what its ScoreChanged says of all its awards."""

    award: Award
    profile_id: str
    occurred_at: str
    change: ScoreChanged


@dataclass(frozen=True, slots=True)
class Asked:
    """At most ``limit`` rows of one profile, of those with a log id below ``before``; None: from the newest on."""

    profile_id: str
    limit: int
    before: int | None = None

    def wants(self, row: AwardRow) -> bool:
        """Tell whether a row is one of them, the limit aside."""
        return row.profile_id == self.profile_id and (self.before is None or row.award.log_id < self.before)


@dataclass(frozen=True, slots=True)
class KnownRows:
    """A contact's unbroken newest rows over all profiles, newest first, as far as they were asked for.

    ``complete``: whatever is older and still kept in score-changed (at most ROWS_KEPT rows) can be read here too.
    """

    rows: list[AwardRow]
    complete: bool


class AwardLog(Protocol):
    """Where rows come from."""

    async def rows(self, partition: int, seq: int, key: bytes, log_id: int, asked: Asked) -> KnownRows:
        """Return a contact's rows; ``seq`` is its partition's last committed batch, ``log_id`` its last award."""
        ...


class Run:
    """Collects rows from changes given newest first, which may overlap; holes end it.

    ``rows`` are those without a hole above them, ``next_id`` the log id that is to come next.
    """

    __slots__ = ("_ahead", "_asked", "_found", "next_id", "rows")

    def __init__(self, log_id: int, asked: Asked) -> None:
        self.rows: list[AwardRow] = []
        self.next_id = log_id
        self._asked = asked
        self._found = 0
        self._ahead: dict[int, AwardRow] = {}

    @property
    def reached(self) -> bool:
        """Whether no older row exists for readers."""
        return self.next_id <= 0 or len(self.rows) >= ROWS_KEPT

    @property
    def enough(self) -> bool:
        """Whether what is asked for is there."""
        return self._found >= self._asked.limit or self.reached

    @property
    def broken(self) -> bool:
        """Whether a row is missing between those that were given."""
        return bool(self._ahead)

    def add(self, change: ScoreChanged) -> None:
        """Take in the awards of one change."""
        ahead, profile_id, at = self._ahead, change.profile_id, change.occurred_at
        for award in change.awards:
            if award.log_id <= self.next_id:  # one cause may have paid several profiles in turn: sort them out
                ahead[award.log_id] = AwardRow(award, profile_id, at, change)
        while (row := ahead.pop(self.next_id, None)) is not None and len(self.rows) < ROWS_KEPT:
            self.rows.append(row)
            self.next_id -= 1
            self._found += self._asked.wants(row)
        if self.reached:
            ahead.clear()

    def extend(self, changes: Iterable[ScoreChanged]) -> None:
        """Take in all changes."""
        for change in changes:
            self.add(change)
