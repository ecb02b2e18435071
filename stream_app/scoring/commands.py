"""Commands: what people and other services order for a contact (S50, S53, S19, S20, D8, D12, D19, D26).

Laws: a remembered command id changes nothing; a command whose award or sum would leave int64, or that names a profile
which does not score, is rejected and not remembered; ``siteId`` of its outputs is null.
"""

from typing import Final, assert_never

import msgspec

from schemas.authored import DEFAULT_PROFILE
from schemas.events import MANUAL, TAG_ADDED, TAG_PROPERTY, Command, Properties, Rejected
from schemas.outputs import Award, CommandCause
from schemas.state import ProfileState
from schemas.times import format_time
from stream_app.scoring.contact import (
    NEW_PROFILE,
    NO_ONCE,
    Contact,
    new_contact,
    with_commands,
    with_facts,
    without_counts,
)  # fmt: skip
from stream_app.scoring.decision import Decision
from stream_app.scoring.dedupe import command_seen, id_hash, remember_command
from stream_app.scoring.ledger import Occasion, fits, paid, rule_awards
from stream_app.scoring.once import Memories
from stream_app.scoring.rulebook import OrgRules, Rulebook
from stream_app.scoring.rules import CompiledRule
from stream_app.scoring.tags import with_tag, without_tag

ADJUST_REASON: Final = "Manual adjustment"
SET_REASON: Final = "import"
RESET_REASON: Final = "reset"


def decide_command(contact: Contact | None, command: Command, rulebook: Rulebook, clock: int, origin: str) -> Decision:
    """Return everything that one command does; ``contact`` is None for an unknown one."""
    digest = id_hash(command.command_id)
    if contact is not None and command_seen(contact.commands, digest):
        return Decision("duplicate", contact)
    cause = CommandCause(command.command_id, command.kind, command.by)
    occasion = Occasion(
        origin, command.org_id, None, command.contact_id, cause, format_time(command.at), rulebook.version
    )
    if command.profile_id != DEFAULT_PROFILE:
        decision = _refuse(f"there is no profile {command.profile_id}")
    else:
        decision = _obey(contact or new_contact(clock), command, rulebook.org(command.org_id), occasion)
    if decision.contact is None:
        return msgspec.structs.replace(decision, contact=contact)
    remembered = with_commands(decision.contact, remember_command(decision.contact.commands, digest))
    return msgspec.structs.replace(decision, contact=remembered)


def _obey(contact: Contact, command: Command, org: OrgRules, occasion: Occasion) -> Decision:
    """Return the decision but for the command id; a rejected one has no contact."""
    match command.kind:
        case "adjust":
            return _adjust(contact, command, org, occasion)
        case "set":
            return _set(contact, command, org, occasion)
        case "reset":
            return _reset(contact, org, occasion)
        case "tag":
            return _tag(contact, command, org, occasion)
        case "untag":
            return _untag(contact, command.tag)
        case "enrol":
            return Decision("no_effect", contact)
        case _:
            assert_never(command.kind)


def _adjust(contact: Contact, command: Command, org: OrgRules, occasion: Occasion) -> Decision:
    """Add points; then each manual rule pays once, never on its own award (S19), by the command's time (S17)."""
    if not fits(_state(contact).total + command.amount):
        return _refuse("the score would leave int64")
    awards = [_award(contact, command.amount, _reason(command, ADJUST_REASON))]
    firing, capped, learnt = _firing(MANUAL, {}, contact, command, org)
    awards += rule_awards(firing, contact.core.log_id + 1)
    after, outputs = paid(contact, awards, org, occasion, learnt)
    return Decision("applied", after, outputs, capped)


def _set(contact: Contact, command: Command, org: OrgRules, occasion: Occasion) -> Decision:
    """Overwrite the score; silent unless ``fireTriggers`` (D8)."""
    points = command.amount - _state(contact).total
    if points == 0:
        return Decision("no_effect", contact)
    if not fits(points):
        return _refuse("the award would leave int64")
    awards = [_award(contact, points, _reason(command, SET_REASON))]
    after, outputs = paid(contact, awards, org, occasion, announce=command.fire_triggers)
    return Decision("applied", after, outputs)


def _reset(contact: Contact, org: OrgRules, occasion: Occasion) -> Decision:
    """Set the score to 0, drop fire counts and what they paid for; announced like an adjust (D26, decision 0005)."""
    points = -_state(contact).total
    if not fits(points):
        return _refuse("the award would leave int64")
    after = without_counts(contact)
    if points == 0:
        return Decision("no_effect", after)
    after, outputs = paid(after, [_award(contact, points, RESET_REASON)], org, occasion)
    return Decision("applied", after, outputs)


def _tag(contact: Contact, command: Command, org: OrgRules, occasion: Occasion) -> Decision:
    """Give a tag; tag_added rules fire as if an event had come, without a site (D12)."""
    tag = command.tag
    if tag in contact.facts.tags:
        return Decision("no_effect", contact)
    after = with_facts(contact, with_tag(contact.facts, tag))
    firing, capped, learnt = _firing(TAG_ADDED, {TAG_PROPERTY: tag}, after, command, org)
    if not firing:
        return Decision("applied", after, (), capped)
    after, outputs = paid(after, rule_awards(firing, after.core.log_id), org, occasion, learnt)
    return Decision("applied", after, outputs, capped)


def _untag(contact: Contact, tag: str) -> Decision:
    if tag not in contact.facts.tags:
        return Decision("no_effect", contact)
    return Decision("applied", with_facts(contact, without_tag(contact.facts, tag)))


def _firing(
    event_type: str, properties: Properties, contact: Contact, command: Command, org: OrgRules
) -> tuple[list[CompiledRule], int, Memories]:
    """Return what a command makes fire, as `RulesOfType.firing` gives it."""
    rules = org.by_type.get(event_type)
    if rules is None:
        return [], 0, NO_ONCE
    return rules.firing(properties, None, command.at, contact.core.fires, contact.once)


def _state(contact: Contact) -> ProfileState:
    return contact.core.profiles.get(DEFAULT_PROFILE, NEW_PROFILE)


def _award(contact: Contact, points: int, reason: str) -> Award:
    return Award(contact.core.log_id + 1, None, None, points, reason)


def _reason(command: Command, unless_given: str) -> str:
    """Return the reason as given, an empty one too (S50)."""
    return unless_given if command.reason is None else command.reason


def _refuse(message: str) -> Decision:
    return Decision("rejected", None, rejected=Rejected("invalid_command", message))
