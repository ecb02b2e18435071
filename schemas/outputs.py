"""Outputs that flow: score-changed (the ledger) and threshold-crossed.

Laws: field order is the order on the wire; ids are derived from the cause, never random, so the same input gives the
same bytes (S1); ``occurred_at`` is RFC 3339 text in UTC with milliseconds.  Source: contract section 2.
"""

from typing import Literal

import msgspec


class Award(msgspec.Struct, rename="camel", gc=False):
    """One row of the ledger; ``rule_id`` is null for adjustments, imports and resets."""

    log_id: int
    rule_id: int | None
    rule_name: str | None
    points: int
    reason: str


class EventCause(msgspec.Struct, rename="camel", gc=False, tag_field="kind", tag="event"):
    """Caused by an engagement event."""

    event_id: str | None
    type: str


class CommandCause(msgspec.Struct, rename="camel", gc=False, tag_field="kind", tag="command"):
    """Caused by a command; ``command`` is its kind."""

    command_id: str
    command: str
    by: str | None = None


class AttributesCause(msgspec.Struct, rename="camel", gc=False, tag_field="kind", tag="attributes"):
    """Caused by new attributes of the contact."""


class ClockCause(msgspec.Struct, rename="camel", gc=False, tag_field="kind", tag="clock"):
    """Caused by the clock at ``occurred_at``."""


class ConfigCause(msgspec.Struct, rename="camel", gc=False, tag_field="kind", tag="config"):
    """Caused by a change of rules or profiles alone, without an input of the contact (D15)."""


Cause = EventCause | CommandCause | AttributesCause | ClockCause | ConfigCause


class ScoreChanged(msgspec.Struct, rename="camel", gc=False):
    """The shown score of one profile after one cause, with every award that the cause logged."""

    id: str
    org_id: str
    site_id: str | None
    contact_id: str
    profile_id: str
    previous_score: int
    score: int
    delta: int
    version: int
    awards: list[Award]
    cause: Cause
    occurred_at: str
    rulebook_version: int


class ThresholdCrossed(msgspec.Struct, rename="camel", gc=False):
    """One threshold passed by one ScoreChanged; ``version`` is that ScoreChanged's."""

    id: str
    org_id: str
    contact_id: str
    profile_id: str
    threshold: int
    direction: Literal["up", "down"]
    previous_score: int
    score: int
    version: int
    cause: Cause
    occurred_at: str
