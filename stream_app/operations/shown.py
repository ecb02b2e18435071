"""Bytes as people may see them: keys and values of records as text that a terminal takes, state records decoded.

Laws: nothing that is shown holds a control character; what cannot be decoded is shown as escaped bytes, never an error.
"""

from typing import Any, Final

import msgspec

from schemas.ids import contact_key
from schemas.journal import PARTITION_RECORD_KEY, PartitionRecord
from schemas.state import COMMANDS, CORE, FACTS, HASH_BYTES, ONCE, SEGMENT, SEPARATOR, VISITS, Core, Once, Visits
from schemas.times import MAX_TIME, format_time
from stream_app.processing.sections import decode_facts

SECTION_NAMES: Final = {CORE: "core", COMMANDS: "commands", FACTS: "facts", VISITS: "visits"}
NUMBERED_NAMES: Final = {SEGMENT: "seen ", ONCE: "once "}  # before the segment's number or the rule's id
HASHES: Final = frozenset(("recent", "hashes", "clicks"))
TIMES: Final = frozenset(("born_at", "last_at", "told", "at", "due", "opened_at"))


def safe_line(text: str) -> str:
    """Return text without control characters, which would act on a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def safe_text(data: bytes | None, limit: int | None = None) -> str | None:
    """Return bytes as text without control characters, cut after ``limit`` characters; None stays None."""
    if data is None:
        return None
    text = safe_line(data.decode(errors="backslashreplace"))
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
    """Return the value of a state record decoded, as JSON may hold it; as escaped text when it cannot be decoded."""
    if value is None:
        return None
    try:
        return _shown(_decoded(key, value))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return safe_text(value)


def _decoded(key: bytes, value: bytes) -> Any:
    """Return a state record as the struct, or the list of hashes, that its key says it is."""
    section = key.partition(SEPARATOR)[2]
    if key == PARTITION_RECORD_KEY:
        return msgspec.to_builtins(msgspec.json.decode(value, type=PartitionRecord))
    if section == FACTS:
        return decode_facts(value)
    kind = {CORE: Core, VISITS: Visits, ONCE: Once}.get(section if section in SECTION_NAMES else section[:1])
    return _hashes(value) if kind is None else msgspec.msgpack.decode(value, type=kind)


def camel(row: dict[str, Any]) -> dict[str, Any]:
    """Spell the names of a row as JSON does elsewhere."""
    return {
        "".join([first, *map(str.capitalize, rest)]): row[name] for name in row for first, *rest in [name.split("_")]
    }


def _shown(value: Any) -> Any:
    """Return a decoded value as JSON may hold it: bytes outside of hashes are the signed sums of a decay."""
    if isinstance(value, msgspec.Struct):
        return camel({name: _field(name, item) for name, item in msgspec.structs.asdict(value).items()})
    if isinstance(value, dict):
        return {name: _shown(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_shown(item) for item in value]
    return int.from_bytes(value, signed=True) if isinstance(value, bytes) else value


def _field(name: str, value: Any) -> Any:
    if name in HASHES:
        return _hashes(value)
    if name == "times":
        return [shown_time(at) for at in value]
    return shown_time(value) if name in TIMES and value is not None else _shown(value)


def _hashes(data: bytes) -> list[str]:
    return [data[at : at + HASH_BYTES].hex() for at in range(0, len(data), HASH_BYTES)]
