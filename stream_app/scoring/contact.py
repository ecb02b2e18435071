"""One contact as the core sees it: frozen sections, shared when they do not change.

Laws: a section that did not change is the same object before and after (``is`` tells what to write, decision 0002);
``core.has`` says which sections beside the core and the segments exist.
"""

from typing import Final

import msgspec

from schemas.state import HAS_COMMANDS, HAS_FACTS, SCHEMA_VERSION, Core, Facts, ProfileState

NO_FACTS: Final = Facts(SCHEMA_VERSION)
NEW_PROFILE: Final = ProfileState()


class Contact(msgspec.Struct, frozen=True, gc=False):
    """Sections of a known contact.

    ``older`` are the full segments that are still remembered, oldest first; ``commands`` the command-id hashes.
    ``commands`` and ``facts`` may be left out (empty) for an input of which ``decide.needs_all`` is false.
    """

    core: Core
    older: bytes = b""
    commands: bytes = b""
    facts: Facts = NO_FACTS


def new_contact(clock: int) -> Contact:
    """Return a contact at its first input: score 0, born now (S3)."""
    return Contact(Core(SCHEMA_VERSION, clock, 0, 0, {}, {}))


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
