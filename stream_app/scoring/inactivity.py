"""Rules that pay for silence (S37, D10, D25): when they fall due.

Laws: a silence begins at the contact's newest interaction, for one that never had any at its first input; its due times
are whole periods later; only those after the rule became live count, inside its publish window, each once.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from schemas.authored import Rule
from schemas.events import TAG_ADDED
from schemas.state import Core
from schemas.times import DAY_MS, MAX_TIME, parse_time
from stream_app.scoring.rules import Lives, memory_of

PASSIVE: Final = frozenset({"email_sent", "email_delivered", TAG_ADDED})  # they happen to a contact


class Silence(msgspec.Struct, frozen=True):
    """One live rule with ``inactivity``; times in milliseconds, ``since`` it is live, open from ``up`` to ``down``."""

    id: int
    memory: int
    name: str
    points: int
    cap: int | None
    profile_id: str
    period_ms: int
    repeat: bool
    since: int
    up: int
    down: int
    group: str | None = None

    @property
    def reason(self) -> str:
        """What its awards are for."""
        return f"Rule: {self.name}"

    def next_due(self, start: int, acted: int) -> int | None:
        """Return the first due time after ``acted`` of a silence that began at ``start``, None if there is none."""
        due, low = start + self.period_ms, max(acted + 1, self.since + 1, self.up)
        if due < low:
            if not self.repeat:
                return None
            due += -(-(low - due) // self.period_ms) * self.period_ms
        return due if due <= self.down else None


def compile_silences(rules: Iterable[Rule], since: Mapping[int, int], lives: Lives) -> tuple[Silence, ...]:
    """Return the silences among live rules in id order; ``since`` maps rule id to when it became live."""
    silences: list[Silence] = []
    for rule in rules:
        if rule.inactivity is not None:
            up = 0 if rule.publish_up is None else parse_time(rule.publish_up)
            down = MAX_TIME if rule.publish_down is None else parse_time(rule.publish_down)
            period = rule.inactivity.days * DAY_MS
            silences.append(
                Silence(rule.id, memory_of(rule.id, lives), rule.name, rule.points, rule.cap, rule.profile_id, period,
                        rule.inactivity.repeat, since[rule.id], up, down, rule.group)
            )  # fmt: skip
    return tuple(sorted(silences, key=lambda silence: silence.id))


def live_since(before: Rule | None, since: int, after: Rule) -> int:
    """Return since when an active silence rule is live after an edit, having been so ``since`` before (D25)."""
    lives_on = before is not None and before.inactivity == after.inactivity
    return since if lives_on else parse_time(after.updated_at)


def silent_since(core: Core) -> int:
    """Return when the present silence of a contact began."""
    return core.last_at - core.idle_ms or core.born_at


def idle_after(core: Core, event_type: str, at: int) -> int:
    """Return ``idle_ms`` after an event."""
    idle = core.idle_ms + max(0, at - core.last_at)
    return idle if event_type in PASSIVE else min(idle, max(0, core.last_at - at))
