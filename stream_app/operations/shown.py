"""Bytes as people may see them: keys and values of records as text that a terminal takes, state records decoded.

Laws: nothing that is shown holds a control character; what cannot be decoded is shown as escaped bytes, never an error.
"""

from typing import Any, Final

import msgspec

from schemas.ids import contact_key
from schemas.journal import PARTITION_RECORD_KEY, PartitionRecord
from schemas.state import COMMANDS, CORE, FACTS, HASH_BYTES, ONCE, SEGMENT, SEPARATOR, Core, Once
from schemas.times import MAX_TIME, format_time
from stream_app.processing.sections import decode_facts

SECTION_NAMES: Final = {CORE: "core", COMMANDS: "commands", FACTS: "facts"}
NUMBERED_NAMES: Final = {SEGMENT: "seen ", ONCE: "once "}  # before the segment's number or the rule's id


def safe_text(data: bytes | None, limit: int | None = None) -> str | None:
    """Return bytes as text without control characters, cut after ``limit`` characters; None stays None."""
    if data is None:
        return None
    text = data.decode(errors="backslashreplace")
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if limit is None or len(text) <= limit else text[:limit] + "..."


def shown_time(at: int) -> str | int:
    """Return milliseconds as RFC 3339 text; as they are when no year has them."""
    return format_time(at) if 0 <= at <= MAX_TIME else at


def contact_prefix(org: str, contact: str = "") -> bytes:
    """Return what all state keys of a contact begin with; of an org when there is no contact."""
    return contact_key(org, contact) + (SEPARATOR if contact else b"")


def shown_key(key: bytes) -> dict[str, Any]:
    """Return whose record a state key names, and which section."""
    if key == PARTITION_RECORD_KEY:
        return {"contact": None, "section": "partition record"}
    contact, _, section = key.partition(SEPARATOR)
    name = SECTION_NAMES.get(section) or f"{NUMBERED_NAMES.get(section[:1], '')}{safe_text(section)}"
    return {"contact": safe_text(contact), "section": name}


def shown_state(key: bytes, value: bytes | None) -> Any:
    """Return the value of a state record decoded; as escaped text when it cannot be."""
    if value is None:
        return None
    section = key.partition(SEPARATOR)[2]
    try:
        if key == PARTITION_RECORD_KEY:
            return msgspec.to_builtins(msgspec.json.decode(value, type=PartitionRecord))
        if section == CORE:
            return _core(msgspec.msgpack.decode(value, type=Core))
        if section == FACTS:
            return _named(decode_facts(value))
        return _once(msgspec.msgpack.decode(value, type=Once)) if section[:1] == ONCE else _hashes(value)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return safe_text(value)


def camel(row: dict[str, Any]) -> dict[str, Any]:
    """Spell the names of a row as JSON does elsewhere."""
    return {
        "".join([first, *map(str.capitalize, rest)]): row[name] for name in row for first, *rest in [name.split("_")]
    }


def _core(core: Core) -> dict[str, Any]:
    return _named(core) | {
        "bornAt": shown_time(core.born_at), "lastAt": shown_time(core.last_at), "recent": _hashes(core.recent),
        "profiles": {name: _named(profile) for name, profile in core.profiles.items()},
    }  # fmt: skip


def _once(once: Once) -> dict[str, Any]:
    return _named(once) | {"hashes": _hashes(once.hashes)}


def _named(value: msgspec.Struct) -> dict[str, Any]:
    fields = msgspec.structs.asdict(value)
    return camel({name: list(item) if isinstance(item, tuple) else item for name, item in fields.items()})


def _hashes(data: bytes) -> list[str]:
    return [data[at : at + HASH_BYTES].hex() for at in range(0, len(data), HASH_BYTES)]
