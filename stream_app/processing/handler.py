"""The Handler that scores: one for all partitions of a worker; it runs ``decide`` over batches.

Laws: deterministic and without I/O; bad data becomes a dead letter in the same batch; before each record the clock
advances to what the journal says (schemas.journal.BatchJournal).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from stream_app.delivery.handler import Batch, Dated, Effects
from stream_app.processing.codec import Codec
from stream_app.processing.output_headers import HeaderStyle
from stream_app.processing.work import Plan, Role, Scored, Work
from stream_app.scoring.due import clock_rules_changed
from stream_app.scoring.rulebook import Rulebook
from stream_app.scoring.sweep import shown_may_move

BOOKS: Final = 16  # partitions change versions at different moments; an older rulebook is folded from the start


class Rulebooks(Protocol):
    """The rulebooks that a worker knows."""

    def current(self) -> Rulebook:
        """Return the newest; its version never falls."""
        ...

    def at(self, version: int) -> Rulebook:
        """Return the one in force at a version, at most the newest's."""
        ...


@dataclass(slots=True)
class ScoringCounters:
    """Totals over committed batches since this process started; words as in `Scored`."""

    capped: int = 0
    forgotten: int = 0


class ScoringHandler:
    """Implements ``stream_app.delivery.handler.Handler``."""

    def __init__(  # noqa: PLR0913 - names of topics and settings, by keyword only
        self, *, partitions: int, engagement: Iterable[str], contacts: str, commands: str, score_changed: str,
        threshold_crossed: str, dead_letters: str, rulebooks: Rulebooks, rekeyed: str | None = None,
        dedupe_ids: int = 256, max_record_bytes: int = 262_144, max_lateness_days: int | None = None,
        max_dwell_seconds: int = 1800, headers: HeaderStyle = "minimal",
    ) -> None:  # fmt: skip
        roles: dict[str, Role] = dict.fromkeys(engagement, "engagement")
        roles.update({contacts: "contacts", commands: "commands"})
        if rekeyed is not None:
            roles[rekeyed] = "rekeyed"
        codec = Codec(partitions, max_record_bytes, max_lateness_days)
        self._plan = Plan(
            codec, roles, score_changed, threshold_crossed, dead_letters, dedupe_ids, max_dwell_seconds * 1000, headers
        )  # fmt: skip
        self._rulebooks = rulebooks
        self._books: dict[int, Rulebook] = {}
        self.counters = ScoringCounters()

    def begin(self, batch: Batch, committed: Dated) -> Work:
        """Start a batch under the rulebook of its version."""
        return Work(self._plan, batch, committed, self._book(batch.version))

    def version(self) -> int:
        """Return the newest rulebook version known."""
        return self._rulebooks.current().version

    def needs_sweep(self, before: int, now: int) -> bool:
        """Tell whether contacts without input are to be re-evaluated: what they are shown, and when alarms ring."""
        earlier, newer = self._book(before), self._book(now)
        return clock_rules_changed(earlier, newer) or shown_may_move(earlier, newer)

    def next_due(self, committed: Dated) -> int | None:
        """Return when the first alarm rings."""
        return next((due for due, _ in committed.dues()), None)

    def committed(self, batch: Batch, effects: Effects) -> None:
        """Count what a durable batch did; nothing else is kept between batches."""
        if isinstance(effects, Scored):
            self.counters.capped += effects.capped
            self.counters.forgotten += effects.forgotten

    def _book(self, version: int) -> Rulebook:
        """Return the rulebook of a version, at once if it is among the last that were asked for."""
        book = self._books.get(version)
        if book is None:
            book = self._books[version] = self._rulebooks.at(version)
            if len(self._books) > BOOKS:
                del self._books[next(iter(self._books))]
        return book
