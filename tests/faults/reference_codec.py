"""Decoding for the reference, written from contract section 1 and 2 alone: bytes in, plain dicts or a reason out.

Laws: slow and obvious; stdlib only; shares nothing with the engine. A record is ``Reject`` for the first reason that
holds, in the contract's order: too_large, not_json, invalid_event (for commands unknown_command, invalid_command),
missing_key, key_mismatch, wrong_partition.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from tests.faults.reference_values import (
    Invalid,
    a_bool,
    a_profile,
    a_reason,
    a_string,
    a_tag,
    an_id,
    an_int64,
    an_object,
    optional,
    parse,
    time_or,
)  # fmt: skip

MAX_BYTES = 262_144
DAY_MS = 86_400_000
COMMAND_KINDS = ("adjust", "set", "tag", "untag", "reset", "enrol")


@dataclass(frozen=True)
class Record:
    role: str
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Reject:
    reason: str


def murmur2(data: bytes) -> int:
    """Java's murmur2, as the default partitioner uses it (the positive 31 bits)."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    rest = data[whole:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return (h ^ h >> 15) & 0x7FFFFFFF


def identity(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "orgId": an_id(body.get("orgId"), r"[A-Za-z0-9_-]{1,64}"),
        "contactId": an_id(body.get("contactId")),
    }


def engagement(body: dict[str, Any], timestamp: int) -> dict[str, Any]:
    kind = a_string(body.get("type"))
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", kind) or kind == "manual":
        raise Invalid("type")
    occurred_at = time_or(body.get("occurredAt"), timestamp)
    if timestamp >= 0 and occurred_at > timestamp + DAY_MS:
        raise Invalid("future")
    return identity(body) | {
        "is": "event",
        "type": kind,
        "eventId": optional(body.get("eventId"), an_id, None),
        "siteId": optional(body.get("siteId"), an_id, None),
        "properties": optional(body.get("properties"), an_object, {}),
        "at": occurred_at,
    }


def contacts(body: dict[str, Any], timestamp: int) -> dict[str, Any]:
    return identity(body) | {
        "is": "attributes",
        "email": optional(body.get("email"), a_string, None),
        "attributes": optional(body.get("attributes"), an_object, {}),
        "at": time_or(body.get("updatedAt"), timestamp),
    }


PAYLOADS: dict[str, dict[str, Any]] = {
    "adjust": {
        "points": an_int64,
        "reason": lambda value: optional(value, a_reason, None),
        "profileId": lambda value: optional(value, a_profile, "default"),
    },
    "set": {
        "score": an_int64,
        "reason": lambda value: optional(value, a_reason, None),
        "profileId": lambda value: optional(value, a_profile, "default"),
        "fireTriggers": lambda value: optional(value, a_bool, False),
    },
    "tag": {"tag": a_tag},
    "untag": {"tag": a_tag},
    "enrol": {"programId": an_id},
    "reset": {},
}


def command(body: dict[str, Any], timestamp: int) -> dict[str, Any]:
    payload = {name: check(body.get(name)) for name, check in PAYLOADS[body["kind"]].items()}
    return identity(body) | {
        "is": "command",
        "kind": body["kind"],
        "commandId": an_id(body.get("commandId")),
        "at": time_or(body.get("at"), timestamp),
        "by": optional(body.get("by"), lambda value: an_id(a_string(value)), None),
        **payload,
    }


def decode_body(record: Record) -> dict[str, Any] | Reject:
    document, sound = parse(record.value or b"")
    if record.role != "commands":
        shape, reason = (engagement if record.role == "engagement" else contacts), "invalid_event"
    else:
        shape, reason = command, "invalid_command"
        if sound and isinstance(document, dict) and document.get("kind") not in COMMAND_KINDS:
            return Reject("unknown_command")
    try:
        if not sound:
            raise Invalid("number or nesting")
        return shape(an_object(document), record.timestamp)
    except Invalid:
        return Reject(reason)


def erase_of(record: Record) -> dict[str, Any] | Reject:
    try:
        org_id, colon, contact_id = (record.key or b"").decode("utf-8").partition(":")
        ids = identity({"orgId": org_id, "contactId": contact_id})
    except (UnicodeDecodeError, Invalid):
        return Reject("key_mismatch")
    return ids | {"is": "erase", "at": record.timestamp} if colon else Reject("key_mismatch")


def read(record: Record) -> dict[str, Any] | Reject:
    if record.value is None and record.role == "contacts":
        return erase_of(record) if record.key is not None else Reject("missing_key")
    if record.value is None:
        return Reject("not_json")
    try:
        return decode_body(record)
    except ValueError:
        return Reject("not_json")


def decode(record: Record, partitions: int) -> dict[str, Any] | Reject:
    """Return the input of a record, or the first reason why it is none."""
    if record.value is not None and len(record.value) > MAX_BYTES:
        return Reject("too_large")
    result = read(record)
    if isinstance(result, Reject):
        return result
    if record.key is None:
        return Reject("missing_key")
    if record.key != f"{result['orgId']}:{result['contactId']}".encode():
        return Reject("key_mismatch")
    if murmur2(record.key) % partitions != record.partition:
        return Reject("wrong_partition")
    return result
