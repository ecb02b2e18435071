"""What the clock does to a contact: its due times act before its inputs and while nothing comes (S1, S37, S38, D10).

Laws: due times act in their order, each once, before what arrives at the same instant, decay before silences; each asks
fit rules as an input does; an alarm that was set with other clock rules is set anew before anything else happens to its
contact.  Source: decisions 0012, 0014, 0015.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from schemas.outputs import ClockCause
from schemas.state import Alarm, Core
from schemas.times import format_time
from stream_app.scoring.accounts import Accounts
from stream_app.scoring.alarm import acted_at_first, armed, fresh, met, next_look, sooner, with_alarm
from stream_app.scoring.contact import NO_ONCE, Contact, with_once
from stream_app.scoring.decay_due import moves
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
    longest_dwell: int = LONGEST_DWELL, wall: int = 0,
) -> Decision:  # fmt: skip
    """Return what `decide` does after what the contact's due times up to ``clock`` did; arguments as there."""
    rules = rulebook.org(given.org_id).clock
    if not rules.version:
        return decide(contact, given, rulebook, clock, origin, window, longest_dwell, wall)
    alarm = None if contact is None else contact.core.alarm
    if alarm is not None and alarm.due is not None and alarm.due > clock and alarm.version == rules.version:
        decision = decide(contact, given, rulebook, clock, origin, window, longest_dwell, wall)
        after = decision.contact
        if after is None:
            return decision
        core = after.core  # silent_since, written out: every event comes by here
        still = not rules.decays or (contact is not None and core.profiles is contact.core.profiles)
        silent = core.last_at - core.idle_ms or core.born_at
        if still and alarm.due <= silent + rules.shortest_ms:
            return decision
        return msgspec.structs.replace(decision, contact=armed(contact, after, rulebook.org(given.org_id), clock))
    return _decide_after(contact, given, rulebook, clock, origin, window, longest_dwell, wall)


def _decide_after(
    contact: Contact | None, given: Input, rulebook: Rulebook, clock: int, origin: str, window: int,
    longest_dwell: int, wall: int,
) -> Decision:  # fmt: skip
    """Return what `decide_on_time` does where an alarm is to be seen to."""
    org = rulebook.org(given.org_id)
    rung: Rung | None = None
    if contact is not None and overdue(contact.core, org, clock):
        rung = catch_up(contact, given.org_id, given.contact_id, rulebook, clock)
        contact = rung.contact
    decision = decide(contact, given, rulebook, clock, origin, window, longest_dwell, wall)
    after = decision.contact
    if after is not None and after is not contact:
        after = armed(contact, after, org, clock)
    if rung is None and after is decision.contact:
        return decision
    outputs, capped = decision.outputs, decision.capped
    if rung is not None:
        outputs, capped = (*rung.outputs, *outputs), rung.capped + capped
    return msgspec.structs.replace(decision, contact=after, outputs=outputs, capped=capped)


def watched(org_id: str, rulebook: Rulebook) -> bool:
    """Tell whether `ring` needs a contact's facts: fit rules see what it does."""
    return rulebook.watches and rulebook.org(org_id).watches


def clock_rules_changed(before: Rulebook, now: Rulebook) -> bool:
    """Tell whether alarms that were set under one rulebook may be too late under another."""
    return any(
        org.clock.version != before.org(org_id).clock.version and (org.clock.silences or org.clock.decays)
        for org_id, org in now.orgs.items()
    )


def rearmed(before: Contact, after: Contact, org_id: str, rulebook: Rulebook, clock: int) -> Contact:
    """Return a contact, as a sweep has left it, whose alarm goes by the clock rules in force."""
    org = rulebook.org(org_id)
    if fresh(before.core, org):
        return ring(after, org_id, "", rulebook, clock).contact
    return armed(before, after, org, clock) if org.clock.decays and after is not before else after


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
        rung = ring(contact, org_id, contact_id, rulebook, clock)
        contact, capped = rung.contact, capped + rung.capped
        outputs += rung.outputs
    return Rung(contact, outputs, capped)


def ring(
    contact: Contact, org_id: str, contact_id: str, rulebook: Rulebook, clock: int,
    whole: Callable[[], Contact] | None = None,
) -> Rung:  # fmt: skip
    """Let the due time at which the alarm stands act, or set the alarm to the earliest there is.

    ``clock`` is from when clock rules count that are new to the contact; ``whole`` returns the contact with its facts,
    which are asked for only where something acts.
    """
    org = rulebook.org(org_id)
    core = met(contact.core, org, clock) if fresh(contact.core, org) else contact.core
    alarm, start = core.alarm, silent_since(core)
    acted_ms = acted_at_first(core, clock) if alarm is None else alarm.acted_ms
    dues = [silence.next_due(start, core.born_at + acted_ms) for silence in org.clock.silences]
    moving = moves(org, core.profiles)
    silent = min((due for due in dues if due is not None), default=None)
    due = sooner(silent, min(moving.values(), default=None))
    if alarm is None or due is None or alarm.due != due or fresh(core, org):
        contact = contact if core is contact.core else msgspec.structs.replace(contact, core=core)
        return Rung(with_alarm(contact, Alarm(due, org.clock.version, acted_ms)))
    if whole is not None:
        contact = whole()
    outputs: list[Output] = []
    capped = 0
    if due in moving.values():
        falling = [profile_id for profile_id, at in moving.items() if at == due]
        contact, told = _decayed(contact, falling, org, due, _occasion(due, "decay", org_id, contact_id, rulebook))
        outputs += told
    for silence in (silence for silence, its in zip(org.clock.silences, dues, strict=True) if its == due):
        if silence.cap is not None and contact.core.fires.get(silence.memory, 0) >= silence.cap:
            capped += 1
            continue
        contact, told = _paid(contact, silence, org, due, _occasion(due, silence.id, org_id, contact_id, rulebook))
        outputs += told
    acted_ms = due - core.born_at if due == silent else acted_ms
    next_due = next_look(org, contact.core, acted_ms)
    return Rung(with_alarm(contact, Alarm(next_due, alarm.version, acted_ms)), outputs, capped)


def _occasion(due: int, what: int | str, org_id: str, contact_id: str, rulebook: Rulebook) -> Occasion:
    origin = f"clock-{due}-{what}-{org_id}-{contact_id}"
    return Occasion(origin, org_id, None, contact_id, CLOCK, format_time(due), rulebook.version)


def _decayed(
    contact: Contact, profile_ids: list[str], org: OrgRules, due: int, occasion: Occasion
) -> tuple[Contact, list[Output]]:
    accounts = Accounts(contact.core, org, due, due)
    accounts.decay(profile_ids)
    return _settled(contact, accounts, org, occasion)


def _paid(
    contact: Contact, silence: Silence, org: OrgRules, due: int, occasion: Occasion
) -> tuple[Contact, list[Output]]:
    accounts = Accounts(contact.core, org, due, due)
    accounts.pay_rules([silence])
    after, outputs = _settled(contact, accounts, org, occasion)
    return with_once(after, NO_ONCE), outputs


def _settled(contact: Contact, accounts: Accounts, org: OrgRules, occasion: Occasion) -> tuple[Contact, list[Output]]:
    """Return what a due time has done, once fit rules have seen the scores that it left (S36, decision 0012)."""
    if org.watches:
        accounts.fit(contact.facts, every=False)
    core, outputs = accounts.settle(occasion)
    return msgspec.structs.replace(contact, core=core), outputs
