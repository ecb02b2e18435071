"""Sections of contacts between the store's bytes and the core's Contact (schemas/state, decision 0002).

Laws: only changed sections are written, told by identity; a section that would be empty is deleted; an erased contact
leaves no record behind, whatever the window setting was when they were written.
Reads state records; writes into a dict of changes.
"""

from collections.abc import Iterable
from typing import Any, Final, Protocol, cast

import msgspec

from schemas.state import (
    COMMANDS,
    CORE,
    FACTS,
    HAS_COMMANDS,
    HAS_FACTS,
    HAS_VISITS,
    ONCE,
    SCHEMA_VERSION,
    SEGMENT,
    SEPARATOR,
    VISITS,
    Core,
    Facts,
    Once,
    Visits,
)  # fmt: skip
from stream_app.scoring.contact import NO_FACTS, NO_ONCE, Contact
from stream_app.scoring.dedupe import SEGMENT_BYTES, segments_kept

CORE_SUFFIX: Final = SEPARATOR + CORE
FACTS_SUFFIX: Final = SEPARATOR + FACTS
COMMANDS_SUFFIX: Final = SEPARATOR + COMMANDS
SEGMENT_SUFFIX: Final = SEPARATOR + SEGMENT
ONCE_SUFFIX: Final = SEPARATOR + ONCE
VISITS_SUFFIX: Final = SEPARATOR + VISITS

WIDE_INTEGER: Final = 1  # MessagePack extension type: an integer beyond 64 bits, as decimal text

Changes = dict[bytes, bytes | None]


class Readable(Protocol):
    """State that sections are read from: committed, or what a batch under way has made of it."""

    def get(self, key: bytes, /) -> bytes | None:
        """Return the value of a state record, or None."""
        ...


decode_core: Final = msgspec.msgpack.Decoder(Core).decode
_decode_once: Final = msgspec.msgpack.Decoder(Once).decode
_decode_visits: Final = msgspec.msgpack.Decoder(Visits).decode
_encode: Final = msgspec.msgpack.Encoder().encode


def _wide_integer(code: int, data: memoryview) -> Any:
    return int(data.tobytes()) if code == WIDE_INTEGER else msgspec.msgpack.Ext(code, data.tobytes())


decode_facts: Final = msgspec.msgpack.Decoder(Facts, ext_hook=_wide_integer).decode


class NewerState(Exception):
    """A record of state that a newer program wrote: this one must not go on (delivery law 8)."""


def load(state: Readable, key: bytes, window: int) -> Contact | None:
    """Return core and remembered segments of a contact, None when it is unknown.

    `complete`, `recall` and `look_back` add what only some inputs need.
    """
    data = state.get(key + CORE_SUFFIX)
    if data is None:
        return None
    core = decode_core(data)
    if core.schema_version > SCHEMA_VERSION:
        raise NewerState(f"a contact has state of version {core.schema_version}, this program knows {SCHEMA_VERSION}")
    if not core.segments:
        return Contact(core)
    numbers = range(max(0, core.segments - segments_kept(window)), core.segments)
    return Contact(core, b"".join(state.get(_segment(key, number)) or b"" for number in numbers))


def complete(state: Readable, key: bytes, contact: Contact) -> tuple[Contact, int]:
    """Return a loaded contact with its commands and facts, and how many bytes these have."""
    has = contact.core.has
    commands = state.get(key + COMMANDS_SUFFIX) if has & HAS_COMMANDS else None
    facts = state.get(key + FACTS_SUFFIX) if has & HAS_FACTS else None
    known = decode_facts(facts) if facts else NO_FACTS
    full = Contact(contact.core, contact.older, commands or b"", known, contact.once, contact.visits)
    return full, len(commands or b"") + len(facts or b"")


def recall(state: Readable, key: bytes, rule_ids: Iterable[int]) -> dict[int, Once]:
    """Return the once sections of these rules, all of which exist."""
    return {rule_id: _decode_once(state.get(_once(key, rule_id)) or b"") for rule_id in rule_ids}


def look_back(state: Readable, key: bytes) -> Visits:
    """Return the visits section, which exists."""
    return _decode_visits(state.get(key + VISITS_SUFFIX) or b"")


def store(key: bytes, before: Contact | None, after: Contact, changes: Changes) -> None:
    """Write what changed between two states of a contact."""
    core = after.core
    if before is None:
        before = _NOTHING
    if core is not before.core:
        changes[key + CORE_SUFFIX] = _encode(core)
    if core.segments != before.core.segments:
        _store_segments(key, before, after, changes)
    if after.commands is not before.commands:
        changes[key + COMMANDS_SUFFIX] = after.commands or None
    if after.facts is not before.facts:
        changes[key + FACTS_SUFFIX] = _encode_facts(after.facts) if core.has & HAS_FACTS else None
    if after.once is not before.once or core.once is not before.core.once:
        _store_once(key, before, after, changes)
    if after.visits is not before.visits or (core.has ^ before.core.has) & HAS_VISITS:
        changes[key + VISITS_SUFFIX] = _encode(after.visits) if core.has & HAS_VISITS else None


def forgotten(before: Contact | None, after: Contact) -> int:
    """Return how many values fell out of a contact's memories between two states."""
    known = NO_ONCE if before is None else before.once
    return sum(
        memory.forgotten - (known[rule_id].forgotten if rule_id in known else 0)
        for rule_id, memory in after.once.items()
        if memory is not known.get(rule_id)
    )


def erase(state: Readable, key: bytes, stored: Contact, changes: Changes) -> None:
    """Delete every record of a contact as it is stored; scans its segments one by one."""
    names = [SEGMENT_SUFFIX + b"%d" % number for number in range(stored.core.segments)]
    names += [ONCE_SUFFIX + b"%d" % rule_id for rule_id in stored.core.once]
    for suffix in (CORE_SUFFIX, COMMANDS_SUFFIX, FACTS_SUFFIX, VISITS_SUFFIX, *names):
        if state.get(key + suffix) is not None:
            changes[key + suffix] = None


def _encode_facts(facts: Facts) -> bytes:
    try:
        return _encode(facts)
    except OverflowError:  # attributes are JSON, whose integers have any size
        return _encode(msgspec.structs.replace(facts, attributes=_with_wide_integers(facts.attributes)))


def _with_wide_integers(value: Any) -> Any:
    """Return a JSON value with each integer beyond 64 bits as an extension."""
    if isinstance(value, dict):
        return {name: _with_wide_integers(inner) for name, inner in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_with_wide_integers(inner) for inner in cast("list[Any]", value)]
    wide = isinstance(value, int) and not -(2**63) <= value < 2**64
    return msgspec.msgpack.Ext(WIDE_INTEGER, b"%d" % value) if wide else value


def _store_segments(key: bytes, before: Contact, after: Contact, changes: Changes) -> None:
    """Write new segments that are still remembered, delete those that no longer are."""
    total, had = after.core.segments, before.core.segments
    first = total - len(after.older) // SEGMENT_BYTES
    for number in range(had - len(before.older) // SEGMENT_BYTES, min(first, had)):
        changes[_segment(key, number)] = None
    for number in range(max(first, had), total):
        start = (number - first) * SEGMENT_BYTES
        changes[_segment(key, number)] = after.older[start : start + SEGMENT_BYTES]


def _store_once(key: bytes, before: Contact, after: Contact, changes: Changes) -> None:
    """Write memories that have grown, delete those that are gone."""
    for rule_id in before.core.once:
        if rule_id not in after.core.once:
            changes[_once(key, rule_id)] = None
    for rule_id, memory in after.once.items():
        if memory is not before.once.get(rule_id):
            changes[_once(key, rule_id)] = _encode(memory)


def _segment(key: bytes, number: int) -> bytes:
    return key + SEGMENT_SUFFIX + b"%d" % number


def _once(key: bytes, rule_id: int) -> bytes:
    return key + ONCE_SUFFIX + b"%d" % rule_id


_NOTHING: Final = Contact(Core(SCHEMA_VERSION, 0, 0, 0, {}, {}))
