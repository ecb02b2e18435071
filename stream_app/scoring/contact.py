"""One contact as the core sees it: frozen sections, shared when they do not change.

Laws: a section that did not change is the same object before and after (``is`` tells what to write, decision 0002);
``core.has`` and ``core.once`` say which sections beside the core and the segments exist.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from schemas.state import (
    HAS_COMMANDS,
    HAS_FACTS,
    HAS_OPEN,
    HAS_VISITS,
    SCHEMA_VERSION,
    Core,
    Facts,
    Once,
    ProfileState,
    Visits,
)  # fmt: skip

NO_ONCE: Final[Mapping[int, Once]] = MappingProxyType({})
NO_FACTS: Final = Facts(SCHEMA_VERSION)
NO_VISITS: Final = Visits(SCHEMA_VERSION)
NEW_PROFILE: Final = ProfileState()


class Contact(msgspec.Struct, frozen=True, gc=False):
    """Sections of a known contact.

    ``older`` are the full segments that are still remembered, oldest first; ``commands`` the command-id hashes.
    ``commands`` and ``facts`` may be left out (empty) for an input of which ``decide.needs_all`` is false and for due
    times of which ``due.watched`` is, and of ``once``, by rule id, the rules that ``decide.recalls`` does not name;
    ``visits`` for an input of which ``decide.looks_back`` is false.
    """

    core: Core
    older: bytes = b""
    commands: bytes = b""
    facts: Facts = NO_FACTS
    once: Mapping[int, Once] = NO_ONCE
    visits: Visits = NO_VISITS


def new_contact(clock: int, at: int, wall: int = 0) -> Contact:
    """Return a contact at its first input, of ``at``: score 0 (S3), born then or now, but then not after ``wall``.

    The clock may be behind what it has not read (S60), at a first start by all of history (decision 0014).
    """
    return Contact(Core(SCHEMA_VERSION, max(clock, taken_at(at, wall)), 0, 0, {}, {}))


def taken_at(at: int, wall: int) -> int:
    """Return an input's own time, at most the wall time at which it was taken; 0 is none that is known."""
    return min(at, wall) if wall else at


def with_facts(contact: Contact, facts: Facts) -> Contact:
    """Return the contact with other facts; empty facts have no record."""
    empty = facts.email is None and not facts.tags and not facts.attributes
    has = contact.core.has & ~HAS_FACTS if empty else contact.core.has | HAS_FACTS
    core = contact.core if has == contact.core.has else msgspec.structs.replace(contact.core, has=has)
    return msgspec.structs.replace(contact, core=core, facts=NO_FACTS if empty else facts)


def with_commands(contact: Contact, commands: bytes) -> Contact:
    """Return the contact with other command-id hashes, at least one."""
    has = contact.core.has | HAS_COMMANDS
    core = contact.core if has == contact.core.has else msgspec.structs.replace(contact.core, has=has)
    return msgspec.structs.replace(contact, core=core, commands=commands)


def with_once(contact: Contact, learnt: Mapping[int, Once]) -> Contact:
    """Return the contact with what rules have learnt; call it whenever fire counts may have gone."""
    core = contact.core
    if not learnt and not core.once:
        return contact
    # INVARIANT: remembered_values_go_with_the_fire_count
    ids = tuple(sorted(rule_id for rule_id in {*core.once, *learnt} if rule_id in core.fires))
    if ids == core.once and not learnt:
        return contact
    once = {rule_id: memory for rule_id, memory in {**contact.once, **learnt}.items() if rule_id in ids}
    core = core if ids == core.once else msgspec.structs.replace(core, once=ids)
    return msgspec.structs.replace(contact, core=core, once=once)


def with_visits(contact: Contact, visits: Visits) -> Contact:
    """Return the contact with what page rules remember; nothing remembered has no record."""
    if visits is contact.visits:
        return contact
    something = visits.rules or visits.clicks or visits.open
    had = contact.core.has & ~(HAS_VISITS | HAS_OPEN)
    has = had | (HAS_VISITS if something else 0) | (HAS_OPEN if visits.open else 0)
    core = contact.core if has == contact.core.has else msgspec.structs.replace(contact.core, has=has)
    return msgspec.structs.replace(contact, core=core, visits=visits if something else NO_VISITS)


def without_counts(contact: Contact) -> Contact:
    """Return the contact as rules that have never seen it would: but for what makes an input a repeat (D26)."""
    clicks = contact.visits.clicks
    core = msgspec.structs.replace(contact.core, fires={})
    fresh = with_once(msgspec.structs.replace(contact, core=core), NO_ONCE)
    return with_visits(fresh, Visits(SCHEMA_VERSION, clicks=clicks) if clicks else NO_VISITS)
