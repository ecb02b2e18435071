"""The memory of rules with ``oncePer``: for which values of a property they have paid a contact (S13, D3).

Laws: two values are one exactly when filters call them the same (S11, D2): type-strict, numbers by value, order counts
in arrays only; null and an array are values like any other, a missing property is none; the bound is exact: the newest
ONCE_VALUES, first in, first out, and what is forgotten is counted; the property's name is part of what is remembered.
Source: decision 0005.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from schemas.state import HASH_BYTES, ONCE_VALUES, SCHEMA_VERSION, Once
from stream_app.scoring.dedupe import holds, id_hash
from stream_app.scoring.filters import MISSING, Properties, reach

Memories = Mapping[int, Once]
Digest = Callable[[Properties], bytes | None]

_spell: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def compile_once(name: str) -> Digest:
    """Return what turns an event's properties into the hash of its value, None when it has none (D3)."""
    path = name.split(".")

    def digest(properties: Properties) -> bytes | None:
        value = reach(properties, name, path)
        return None if value is MISSING else value_hash(name, value)

    return digest


def value_hash(name: str, value: Any) -> bytes:
    """Return the 8 bytes that stand for a value of a property."""
    return id_hash(_spell([name, _plain(value)]))


def known(memory: Once | None, digest: bytes) -> bool:
    """Tell whether a value is remembered."""
    return memory is not None and holds(memory.hashes, digest)


def remember(memory: Once | None, digest: bytes) -> Once:
    """Return the memory after a new value; the oldest beyond ONCE_VALUES is forgotten."""
    if memory is None:
        return Once(SCHEMA_VERSION, 0, digest)
    hashes = memory.hashes + digest
    excess = max(0, len(hashes) // HASH_BYTES - ONCE_VALUES)
    return Once(SCHEMA_VERSION, memory.forgotten + excess, hashes[excess * HASH_BYTES :])


def _plain(value: Any) -> Any:
    """Return a JSON value whose whole numbers are integers, so that equal numbers are spelled alike."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, list):
        return [_plain(element) for element in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in cast("dict[str, Any]", value).items()}
    return value
