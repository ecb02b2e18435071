"""What the clock does to a contact: its due times act before its inputs and while nothing comes (S1, S37, D10).

Laws: due times act in their order, each once, before what arrives at the same instant; a contact's alarm lies at or
before its earliest due time, so an event that only moves that later changes no alarm: it is looked at when it rings.
An alarm that was set with other clock rules is set anew before anything else happens to its contact.
Source: decision 0014.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from schemas.outputs import ClockCause
from schemas.state import Alarm, Core
from schemas.times import format_time
from stream_app.scoring.accounts import Accounts
from stream_app.scoring.contact import NO_ONCE, Contact, with_once
from stream_app.scoring.decide import DEDUPE_IDS, Input, decide
from stream_app.scoring.decision import Decision
from stream_app.scoring.inactivity import Silence, silent_since
from stream_app.scoring.ledger import Occasion, Output
from stream_app.scoring.org_rules import OrgRules
from stream_app.scoring.pages import LONGEST_DWELL
from stream_app.scoring.rulebook import Rulebook

CLOCK: Final = ClockCause()


class Rung(msgspec.Struct, frozen=True, gc=False):
    """What came of an alarm: the contact, with a later one or none, outputs, and rules that were capped (S12)."""

    contact: Contact
    outputs: Sequence[Output] = ()
    capped: int = 0


def decide_on_time(
    contact: Contact | None, given: Input, rulebook: Rulebook, clock: int, origin: str, window: int = DEDUPE_IDS,
    longest_dwell: int = LONGEST_DWELL,
) -> Decision:  # fmt: skip
    """Return what `decide` does after what the contact's due times up to ``clock`` did; arguments as there."""
    rules = rulebook.org(given.org_id).clock
    if not rules.version:
        return decide(contact, given, rulebook, clock, origin, window, longest_dwell)
    alarm = None if contact is None else contact.core.alarm
    if alarm is not None and alarm.due is not None and alarm.due > clock and alarm.version == rules.version:
        decision = decide(contact, given, rulebook, clock, origin, window, longest_dwell)
        after = decision.contact
        if after is None:
            return decision
        core = after.core  # silent_since, written out: every event comes by here
        if not alarm.acted and alarm.due <= (core.last_at - core.idle_ms or core.born_at) + rules.shortest_ms:
            return decision
        return msgspec.structs.replace(decision, contact=_armed(contact, after, rulebook.org(given.org_id)))
    return _decide_after(contact, given, rulebook, clock, origin, window, longest_dwell)


def _decide_after(
    contact: Contact | None, given: Input, rulebook: Rulebook, clock: int, origin: str, window: int, longest_dwell: int
) -> Decision:  # fmt: skip
    """Return what `decide_on_time` does where an alarm is to be seen to."""
    org = rulebook.org(given.org_id)
    rung: Rung | None = None
    if contact is not None and overdue(contact.core, org, clock):
        rung = catch_up(contact, given.org_id, given.contact_id, rulebook, clock)
        contact = rung.contact
    decision = decide(contact, given, rulebook, clock, origin, window, longest_dwell)
    after = decision.contact
    if after is not None and after is not contact:
        after = _armed(contact, after, org)
    if rung is None and after is decision.contact:
        return decision
    outputs, capped = decision.outputs, decision.capped
    if rung is not None:
        outputs, capped = (*rung.outputs, *outputs), rung.capped + capped
    return msgspec.structs.replace(decision, contact=after, outputs=outputs, capped=capped)


def clock_rules_changed(before: Rulebook, now: Rulebook) -> bool:
    """Tell whether alarms that were set under one rulebook may be too late under another."""
    return any(
        org.clock.version != before.org(org_id).clock.version and org.clock.silences for org_id, org in now.orgs.items()
    )


def rearmed(contact: Contact, org_id: str, rulebook: Rulebook) -> Contact:
    """Return a contact whose alarm goes by the clock rules in force."""
    org, alarm = rulebook.org(org_id), contact.core.alarm
    if org.clock.version == (0 if alarm is None else alarm.version):
        return contact
    return ring(contact, org_id, "", rulebook).contact


def overdue(core: Core, org: OrgRules, clock: int) -> bool:
    """Tell whether the clock has to do with a contact before anything else may happen to it."""
    alarm = core.alarm
    if alarm is None:
        return org.clock.version > 0
    return alarm.version != org.clock.version or (alarm.due is not None and alarm.due <= clock)


def catch_up(contact: Contact, org_id: str, contact_id: str, rulebook: Rulebook, clock: int) -> Rung:
    """Let all due times up to ``clock`` act, in order."""
    org, outputs, capped = rulebook.org(org_id), list[Output](), 0
    while overdue(contact.core, org, clock):
        rung = ring(contact, org_id, contact_id, rulebook)
        contact, capped = rung.contact, capped + rung.capped
        outputs += rung.outputs
    return Rung(contact, outputs, capped)


def ring(contact: Contact, org_id: str, contact_id: str, rulebook: Rulebook) -> Rung:
    """Let the due time at which the alarm stands act, or set the alarm to the earliest there is."""
    core, org = contact.core, rulebook.org(org_id)
    alarm, start = core.alarm, silent_since(core)
    acted = 0 if alarm is None else alarm.acted
    dues = [silence.next_due(start, acted) for silence in org.clock.silences]
    due = min((due for due in dues if due is not None), default=None)
    if alarm is None or due is None or alarm.due != due or alarm.version != org.clock.version:
        return Rung(_with_alarm(contact, Alarm(due, org.clock.version, acted)))
    outputs: list[Output] = []
    capped = 0
    for silence in (silence for silence, its in zip(org.clock.silences, dues, strict=True) if its == due):
        if silence.cap is not None and contact.core.fires.get(silence.id, 0) >= silence.cap:
            capped += 1
            continue
        occasion = Occasion(
            f"clock-{due}-{silence.id}-{org_id}-{contact_id}", org_id, None, contact_id, CLOCK, format_time(due),
            rulebook.version,
        )  # fmt: skip
        contact, told = _paid(contact, silence, org, occasion)
        outputs += told
    return Rung(_with_alarm(contact, Alarm(_earliest(org, start, due), alarm.version, due)), outputs, capped)


def _armed(before: Contact | None, after: Contact, org: OrgRules) -> Contact:
    """Return a contact with an alarm that is not too late after an input; one that is too early stays."""
    alarm, start = after.core.alarm, silent_since(after.core)
    if before is None or alarm is None:
        return _with_alarm(after, Alarm(_earliest(org, start, 0), org.clock.version))
    if start == silent_since(before.core):
        return after
    set_for = alarm.due
    if set_for is None or set_for > start + org.clock.shortest_ms:
        due = _earliest(org, start, 0)
        set_for = due if set_for is None or due is None or due < set_for else set_for
    if set_for == alarm.due and not alarm.acted:
        return after
    return _with_alarm(after, Alarm(set_for, alarm.version))


def _earliest(org: OrgRules, start: int, acted: int) -> int | None:
    dues = (silence.next_due(start, acted) for silence in org.clock.silences)
    return min((due for due in dues if due is not None), default=None)


def _paid(contact: Contact, silence: Silence, org: OrgRules, occasion: Occasion) -> tuple[Contact, list[Output]]:
    accounts = Accounts(contact.core, org)
    accounts.pay_rules([silence])
    core, outputs = accounts.settle(occasion)
    return with_once(msgspec.structs.replace(contact, core=core), NO_ONCE), outputs


def _with_alarm(contact: Contact, alarm: Alarm) -> Contact:
    return msgspec.structs.replace(contact, core=msgspec.structs.replace(contact.core, alarm=alarm))
