"""The Handler that scores: one for all partitions of a worker; it runs ``decide`` over batches.

Laws: deterministic and without I/O; bad data becomes a dead letter in the same batch; before each record the clock
advances to what the journal says (schemas.journal.BatchJournal).  In this scope nothing happens by clock or by a change
of rules alone: there are no due times and no sweeps.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from stream_app.delivery.handler import Batch, Committed, Effects
from stream_app.processing.codec import Codec
from stream_app.processing.output_headers import HeaderStyle
from stream_app.processing.work import Plan, Role, Scored, Work
from stream_app.scoring.rulebook import Rulebook


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
        self.counters = ScoringCounters()

    def begin(self, batch: Batch, committed: Committed) -> Work:
        """Start a batch under the rulebook of its version."""
        return Work(self._plan, batch, committed, self._rulebooks.at(batch.version))

    def version(self) -> int:
        """Return the newest rulebook version known."""
        return self._rulebooks.current().version

    def needs_sweep(self, before: int, now: int) -> bool:
        """Tell that no change of rules moves contacts without input: so far none does."""
        return False

    def next_due(self, committed: Committed) -> int | None:
        """Return None: so far nothing falls due."""
        return None

    def committed(self, batch: Batch, effects: Effects) -> None:
        """Count what a durable batch did; nothing else is kept between batches."""
        if isinstance(effects, Scored):
            self.counters.capped += effects.capped
            self.counters.forgotten += effects.forgotten
