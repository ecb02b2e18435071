"""Commands: what people and other services order for a contact (S50, S53, S19, S20, D8, D12, D19, D26).

Laws: a remembered command id changes nothing; a command whose award or sum would leave int64, or that names a profile
which does not score or has a formula, is rejected and not remembered; ``siteId`` of its outputs is null.
An adjustment of one profile is an occurrence for the manual rules of all; ``set`` and ``reset`` ask no fit rules, so
that what they order is what is shown (decision 0012).
"""

from typing import Final, NamedTuple, assert_never

import msgspec

from schemas.events import MANUAL, TAG_ADDED, TAG_PROPERTY, Command, Properties, Rejected
from schemas.outputs import CommandCause
from schemas.state import Core
from schemas.times import format_time
from stream_app.scoring.accounts import Accounts, pay_profiles
from stream_app.scoring.contact import (
    NO_ONCE,
    Contact,
    new_contact,
    with_commands,
    with_facts,
    with_once,
    without_counts,
)  # fmt: skip
from stream_app.scoring.decision import Decision
from stream_app.scoring.dedupe import command_seen, id_hash, remember_command
from stream_app.scoring.ledger import Occasion, fits
from stream_app.scoring.once import Memories
from stream_app.scoring.org_rules import OrgRules
from stream_app.scoring.rulebook import Rulebook
from stream_app.scoring.rules import CompiledRule
from stream_app.scoring.tags import with_tag, without_tag

ADJUST_REASON: Final = "Manual adjustment"
SET_REASON: Final = "import"
RESET_REASON: Final = "reset"


class _Order(NamedTuple):
    """A command, the rules of its org, and when it came; ``occasion`` is that of its outputs."""

    command: Command
    org: OrgRules
    occasion: Occasion
    clock: int
    wall: int

    def accounts(self, core: Core) -> Accounts:
        return Accounts(core, self.org, self.clock, self.command.at, self.wall)


def decide_command(
    contact: Contact | None, command: Command, rulebook: Rulebook, clock: int, origin: str, wall: int = 0
) -> Decision:
    """Return everything that one command does; ``contact`` is None for an unknown one."""
    digest = id_hash(command.command_id)
    if contact is not None and command_seen(contact.commands, digest):
        return Decision("duplicate", contact)
    cause = CommandCause(command.command_id, command.kind, command.by)
    occasion = Occasion(
        origin, command.org_id, None, command.contact_id, cause, format_time(command.at), rulebook.version
    )
    org = rulebook.org(command.org_id)
    profile = org.profiles.get(command.profile_id)
    if profile is None:
        decision = _refuse(f"there is no published profile {command.profile_id}")
    elif profile.operands is not None:
        decision = _refuse(f"the score {command.profile_id} is made of others: pay one of these")
    else:
        order = _Order(command, org, occasion, clock, wall)
        decision = _obey(contact or new_contact(clock, command.at, wall), order)
    if decision.contact is None:
        return msgspec.structs.replace(decision, contact=contact)
    remembered = with_commands(decision.contact, remember_command(decision.contact.commands, digest))
    return msgspec.structs.replace(decision, contact=remembered)


def _obey(contact: Contact, order: _Order) -> Decision:
    """Return the decision but for the command id; a rejected one has no contact."""
    match order.command.kind:
        case "adjust":
            return _adjust(contact, order)
        case "set":
            return _set(contact, order)
        case "reset":
            return _reset(contact, order)
        case "tag":
            return _tag(contact, order)
        case "untag":
            return _untag(contact, order)
        case "enrol":
            return _without_points(contact, order)
        case _:
            assert_never(order.command.kind)


def _adjust(contact: Contact, order: _Order) -> Decision:
    """Add points; then each manual rule pays once, never on its own award (S19), by the command's time (S17)."""
    accounts, command = order.accounts(contact.core), order.command
    if not fits(accounts.total(command.profile_id) + command.amount):
        return _refuse("the score would leave int64")
    accounts.award(command.profile_id, command.amount, _reason(command, ADJUST_REASON))
    firing, capped, learnt = _firing(MANUAL, {}, contact, order)
    accounts.pay_rules(firing)
    accounts.fit(contact.facts, every=False)
    core, outputs = accounts.settle(order.occasion)
    return Decision("applied", _with_core(contact, core, learnt), outputs, capped)


def _set(contact: Contact, order: _Order) -> Decision:
    """Overwrite the score, so that this is what is shown; silent unless ``fireTriggers`` (D8)."""
    accounts, command = order.accounts(contact.core), order.command
    points = command.amount - accounts.unclamped(command.profile_id)
    if points == 0:
        return Decision("no_effect", contact)
    if not fits(points) or not fits(accounts.total(command.profile_id) + points):
        return _refuse("the award or the score would leave int64")
    accounts.overwrite(command.profile_id, points, _reason(command, SET_REASON))
    core, outputs = accounts.settle(order.occasion, command.fire_triggers)
    return Decision("applied", _with_core(contact, core), outputs)


def _reset(contact: Contact, order: _Order) -> Decision:
    """Set all scores to 0, drop fire counts and what they paid for; announced like an adjust (D26, decision 0005)."""
    if not all(fits(-state.total) for state in contact.core.profiles.values()):
        return _refuse("the award would leave int64")
    fresh = without_counts(contact)
    accounts = order.accounts(fresh.core)
    accounts.reset(RESET_REASON)
    core, outputs = accounts.settle(order.occasion)
    return Decision("applied" if outputs else "no_effect", _with_core(fresh, core), outputs)


def _tag(contact: Contact, order: _Order) -> Decision:
    """Give a tag; tag_added rules fire as if an event had come, without a site (D12)."""
    tag = order.command.tag
    if tag in contact.facts.tags:
        return _without_points(contact, order)
    after = with_facts(contact, with_tag(contact.facts, tag))
    firing, capped, learnt = _firing(TAG_ADDED, {TAG_PROPERTY: tag}, after, order)
    core, outputs = pay_profiles(order.accounts(after.core), firing, after.facts, order.occasion, changed=True)
    return Decision("applied", _with_core(after, core, learnt), outputs, capped)


def _untag(contact: Contact, order: _Order) -> Decision:
    tag = order.command.tag
    if tag not in contact.facts.tags:
        return _without_points(contact, order)
    after = with_facts(contact, without_tag(contact.facts, tag))
    core, outputs = pay_profiles(order.accounts(after.core), (), after.facts, order.occasion, changed=True)
    return Decision("applied", _with_core(after, core), outputs)


def _without_points(contact: Contact, order: _Order) -> Decision:
    """Return what an order does that has nothing to do: it is an input all the same (D24)."""
    core, outputs = pay_profiles(order.accounts(contact.core), (), contact.facts, order.occasion, changed=False)
    return Decision("applied" if outputs else "no_effect", _with_core(contact, core), outputs)


def _firing(
    event_type: str, properties: Properties, contact: Contact, order: _Order
) -> tuple[list[CompiledRule], int, Memories]:
    """Return what a command makes fire, as `RulesOfType.firing` gives it."""
    rules = order.org.by_type.get(event_type)
    if rules is None:
        return [], 0, NO_ONCE
    return rules.firing(properties, None, order.command.at, contact.core.fires, contact.once)


def _with_core(contact: Contact, core: Core, learnt: Memories = NO_ONCE) -> Contact:
    return with_once(contact if core is contact.core else msgspec.structs.replace(contact, core=core), learnt)


def _reason(command: Command, unless_given: str) -> str:
    """Return the reason as given, an empty one too (S50)."""
    return unless_given if command.reason is None else command.reason


def _refuse(message: str) -> Decision:
    return Decision("rejected", None, rejected=Rejected("invalid_command", message))
