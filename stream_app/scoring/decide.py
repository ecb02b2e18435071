"""The fold: one input of one contact becomes a Decision (S1).

Laws: pure; the same arguments give the same Decision, and ids in outputs come from ``origin``, never from dice; what
did not change in the contact is the same object afterwards.
"""

from collections.abc import Sequence
from typing import Final, assert_never

import msgspec

from schemas.events import TAG_ADDED, Command, ContactAttributes, EngagementEvent, Erase
from schemas.outputs import AttributesCause, EventCause
from schemas.state import HAS_OPEN, SCHEMA_VERSION, Core, Facts
from schemas.times import format_time
from stream_app.scoring.accounts import Accounts, pay_profiles
from stream_app.scoring.commands import decide_command
from stream_app.scoring.contact import NO_ONCE, Contact, new_contact, with_facts, with_once, with_visits
from stream_app.scoring.decision import Decision, Erased
from stream_app.scoring.dedupe import id_hash, remember, seen
from stream_app.scoring.filters import same
from stream_app.scoring.inactivity import idle_after
from stream_app.scoring.ledger import Occasion, Output, pay, rule_awards
from stream_app.scoring.pages import LONGEST_DWELL
from stream_app.scoring.rulebook import Rulebook
from stream_app.scoring.rules import CompiledRule
from stream_app.scoring.tags import tag_of, with_tag

Input = EngagementEvent | ContactAttributes | Erase | Command

DEDUPE_IDS: Final = 256
NO_OUTPUTS: Final[Sequence[Output]] = ()
NO_RULES: Final[Sequence[CompiledRule]] = ()


def needs_all(given: Input, rulebook: Rulebook) -> bool:
    """Tell whether an input needs the contact's commands and facts, or core and segments will do."""
    if type(given) is not EngagementEvent or given.type == TAG_ADDED:
        return True
    return rulebook.watches and rulebook.org(given.org_id).watches


def recalls(given: Input, rulebook: Rulebook) -> Sequence[int]:
    """Return the ids of the rules whose remembered values an input may ask for (S13)."""
    if isinstance(given, EngagementEvent):
        event_type = given.type
    elif isinstance(given, Command) and given.kind == "tag":
        event_type = TAG_ADDED
    else:
        return ()
    org = rulebook.org(given.org_id)
    rules, pages = org.by_type.get(event_type), org.pages.by_type.get(event_type)
    return (*(() if rules is None else rules.once), *(() if pages is None else pages.once))


def looks_back(given: Input, rulebook: Rulebook, has: int) -> bool:
    """Tell whether an input needs what page rules remember of the contact; ``has`` is that of its core."""
    if isinstance(given, EngagementEvent):
        return bool(has & HAS_OPEN) or given.type in rulebook.org(given.org_id).pages.by_type
    return isinstance(given, Command) and given.kind == "reset"


def decide(
    contact: Contact | None, given: Input, rulebook: Rulebook, clock: int, origin: str, window: int = DEDUPE_IDS,
    longest_dwell: int = LONGEST_DWELL, wall: int = 0,
) -> Decision:  # fmt: skip
    """Return everything that one input does.

    ``contact`` is None for an unknown one; ``clock`` is milliseconds; ``origin`` is ``<topic>-<partition>-<offset>``;
    ``window`` the number of event ids that are remembered (S4), ``longest_dwell`` the most milliseconds that one visit
    counts (S28); ``wall`` when the owner took the input, which may be later than the clock (S60), 0 where only that
    counts.
    """
    match given:
        case EngagementEvent():
            known = contact or new_contact(clock, given.occurred_at, wall)
            return _event(known, given, rulebook, clock, origin, window, longest_dwell, wall)
        case Command():
            return decide_command(contact, given, rulebook, clock, origin, wall)
        case ContactAttributes():
            known = contact or new_contact(clock, given.updated_at, wall)
            return _attributes(known, given, rulebook, clock, origin, wall)
        case Erase():
            return Decision("no_effect", None) if contact is None else Decision("applied", None, (Erased(),))
        case _:
            assert_never(given)


def _event(
    contact: Contact, event: EngagementEvent, rulebook: Rulebook, clock: int, origin: str, window: int,
    longest_dwell: int, wall: int,
) -> Decision:  # fmt: skip
    core, older = contact.core, contact.older
    recent, filled = core.recent, 0
    if event.event_id is not None:
        digest = id_hash(event.event_id)
        if (digest in recent or digest in older) and seen(older, recent, digest, window):
            return Decision("duplicate", contact)
        older, recent, filled = remember(older, recent, digest, window)
    org = rulebook.org(event.org_id)
    rules, facts = org.by_type.get(event.type), contact.facts
    if event.type == TAG_ADDED:
        tag = tag_of(event.properties)
        if tag is None or tag in facts.tags:
            rules = None
        else:
            facts = with_tag(facts, tag)
    last_at = event.occurred_at if event.occurred_at > core.last_at else core.last_at
    log_id, profiles, fires, outputs = core.log_id, core.profiles, core.fires, NO_OUTPUTS
    firing, capped, learnt, visits = NO_RULES, 0, NO_ONCE, contact.visits
    if rules is not None:
        firing, capped, learnt = rules.firing(
            event.properties, event.site_id, event.occurred_at, fires, contact.once
        )  # fmt: skip
    if event.type in org.pages.by_type or core.has & HAS_OPEN:
        firing, capped, learnt, visits = org.pages.look(event, contact, org.memories, longest_dwell).beside(
            firing, capped, learnt
        )
    if firing or (org.fit and (org.watches or facts is not contact.facts)):
        occasion = Occasion(
            origin, event.org_id, event.site_id, event.contact_id, EventCause(event.event_id, event.type),
            format_time(event.occurred_at), rulebook.version,
        )  # fmt: skip
        if org.plain:
            profiles, fires, outputs = pay(core, rule_awards(firing, log_id), org, occasion)
            log_id += len(firing)
        else:
            changed = facts is not contact.facts
            accounts = Accounts(core, org, clock, event.occurred_at, wall)
            paid, outputs = pay_profiles(accounts, firing, facts, occasion, changed=changed)
            log_id, profiles, fires = paid.log_id, paid.profiles, paid.fires
    core = Core(
        core.schema_version, core.born_at, last_at, log_id, profiles, fires, recent, core.segments + filled, core.has,
        core.once, idle_after(core, event.type, event.occurred_at), core.alarm,
    )  # fmt: skip
    after = Contact(core, older, contact.commands, contact.facts, contact.once, contact.visits)
    if learnt or core.once or visits is not contact.visits:
        after = with_visits(with_once(after, learnt), visits)
    if facts is not contact.facts:
        return Decision("applied", with_facts(after, facts), outputs, capped)
    return Decision("applied" if outputs else "no_effect", after, outputs, capped)


def _attributes(
    contact: Contact, given: ContactAttributes, rulebook: Rulebook, clock: int, origin: str, wall: int
) -> Decision:  # fmt: skip
    """Replace the attributes (contract section 2); the newest to arrive is in force, for fit rules too (S36)."""
    old, org = contact.facts, rulebook.org(given.org_id)
    facts = Facts(SCHEMA_VERSION, given.email, old.tags, given.attributes, given.updated_at)
    changed = given.email != old.email or not same(given.attributes, old.attributes)
    after, outputs = with_facts(contact, facts), NO_OUTPUTS
    if not org.plain:
        occasion = Occasion(
            origin, given.org_id, None, given.contact_id, AttributesCause(), format_time(given.updated_at),
            rulebook.version,
        )  # fmt: skip
        accounts = Accounts(after.core, org, clock, given.updated_at, wall)
        core, outputs = pay_profiles(accounts, (), facts, occasion, changed=True)
        after = msgspec.structs.replace(after, core=core)
    return Decision("applied" if changed or outputs else "no_effect", after, outputs)
