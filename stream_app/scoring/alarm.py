"""When the clock is to look at a contact: its alarm (S37, S38).

Laws: a contact's alarm lies at or before its earliest due time, so an input that only moves that later changes no
alarm: it is looked at when it rings; what silence pays a contact for never lies before what it has paid for, nor before
the clock at which it became known.  Source: decisions 0014, 0015.
"""

import msgspec

from schemas.state import Alarm, Core
from schemas.times import DAY_MS
from stream_app.scoring.contact import Contact
from stream_app.scoring.decay_due import may_cross, moves, next_move
from stream_app.scoring.inactivity import silent_since
from stream_app.scoring.org_rules import OrgRules


def fresh(core: Core, org: OrgRules) -> bool:
    """Tell whether the clock rules in force are others than a contact's alarm was set with."""
    return org.clock.version != (0 if core.alarm is None else core.alarm.version)


def armed(before: Contact | None, after: Contact, org: OrgRules, clock: int) -> Contact:
    """Return a contact with an alarm that is not too late after an input; one that is too early stays."""
    core = after.core
    alarm, start = core.alarm, silent_since(core)
    if before is None or alarm is None:
        acted_ms = acted_at_first(core, clock)
        return with_alarm(after, Alarm(next_look(org, core, acted_ms), org.clock.version, acted_ms))
    due = alarm.due
    if start != silent_since(before.core) and (due is None or due > start + org.clock.shortest_ms):
        silent = earliest(org, start, core.born_at + alarm.acted_ms)
        due = silent if silent is None and not org.clock.decays else sooner(due, silent)
    if org.clock.decays:
        due = _before_moves(due, before.core, core, org, clock)
    if due == alarm.due:
        return after
    return with_alarm(after, Alarm(due, alarm.version, alarm.acted_ms))


def acted_at_first(core: Core, clock: int) -> int:
    """Return ``acted_ms`` of a first alarm: up to the birth, up to the clock where that is not there yet."""
    # INVARIANT: due_times_of_a_contact_never_go_back
    return min(0, clock - core.born_at)


def _before_moves(due: int | None, before: Core, after: Core, org: OrgRules, clock: int) -> int | None:
    """Return an alarm that is not later than what decay does to the profiles that an input has moved.

    Of one that was told of now nothing but a threshold is passed before its next tick, a day from then: what comes then
    is found out when the alarm rings there.
    """
    for profile_id in org.clock.decays:
        state, profile = after.profiles.get(profile_id), org.profiles[profile_id]
        if state is None or state is before.profiles.get(profile_id):
            continue
        told = 0 if state.decay is None else state.decay.told  # later than the clock where that lags
        waits = told >= clock and not may_cross(profile, state)
        due = sooner(due, told + DAY_MS if waits else next_move(profile, state))
    return due


def met(core: Core, org: OrgRules, clock: int) -> Core:
    """Return a contact's core at the first look of other clock rules: of what they find overdue, time begins now."""
    profiles = dict(core.profiles)
    for profile_id, due in moves(org, core.profiles).items():
        state = profiles[profile_id]
        if due <= clock and state.decay is not None:
            profiles[profile_id] = msgspec.structs.replace(
                state, decay=msgspec.structs.replace(state.decay, told=clock)
            )
    return core if profiles == core.profiles else msgspec.structs.replace(core, profiles=profiles)


def sooner(first: int | None, second: int | None) -> int | None:
    """Return the earlier of two instants, either of which may be missing."""
    return second if first is None else first if second is None else min(first, second)


def next_look(org: OrgRules, core: Core, acted_ms: int) -> int | None:
    """Return the first instant at which the clock has to do with a contact."""
    silent = earliest(org, silent_since(core), core.born_at + acted_ms)
    return sooner(silent, min(moves(org, core.profiles).values(), default=None)) if org.clock.decays else silent


def earliest(org: OrgRules, start: int, acted: int) -> int | None:
    """Return the first due time of a silence after those that have acted."""
    first: int | None = None
    for silence in org.clock.silences:
        first = sooner(first, silence.next_due(start, acted))
    return first


def with_alarm(contact: Contact, alarm: Alarm) -> Contact:
    """Return a contact with another alarm."""
    return msgspec.structs.replace(contact, core=msgspec.structs.replace(contact.core, alarm=alarm))
