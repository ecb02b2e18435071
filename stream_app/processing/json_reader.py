"""The tolerant path: bytes become a JSON object, or a Rejected that tells not_json from a misfit.

Laws: all of the text is decoded, so what is in unknown fields counts too; of duplicate keys the last wins; integers of
any size stay integers; numbers out of range and nesting above 128 are a misfit, not not_json.
"""

from typing import Any, Final, Literal, TypeVar, cast

import msgspec

from schemas.events import Rejected
from stream_app.processing.json_text import depth, valid_json

MAX_DEPTH: Final = 128
SHALLOW_BYTES: Final = 2 * MAX_DEPTH + 1  # too short for 129 levels

REFUSED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
NULL_VALUE: Final = Rejected("not_json", "the value is null")
NOT_JSON: Final = Rejected("not_json", "the value is not JSON as of RFC 8259")

Misfit = Literal["invalid_event", "invalid_command"]
Shape = TypeVar("Shape")

_decode_any: Final = msgspec.json.Decoder().decode


def too_deep(value: bytes) -> bool:
    """Tell whether a JSON text nests deeper than MAX_DEPTH."""
    return value.count(b"[") + value.count(b"{") > MAX_DEPTH and depth(value) > MAX_DEPTH


def read_object(value: bytes, misfit: Misfit) -> dict[str, Any] | Rejected:
    """Return the object that the bytes are."""
    try:
        tree = _decode_any(value)
    except REFUSED as error:
        return Rejected(misfit, str(error)) if valid_json(value) else NOT_JSON
    if not isinstance(tree, dict):
        return Rejected(misfit, "the value is not an object")
    if too_deep(value):
        return Rejected(misfit, f"the value nests deeper than {MAX_DEPTH} levels")
    return cast("dict[str, Any]", tree)


def shaped(tree: dict[str, Any], shape: type[Shape], misfit: Misfit) -> Shape | Rejected:
    """Return an object as a wire struct."""
    try:
        return msgspec.convert(tree, shape)
    except msgspec.ValidationError as error:
        return Rejected(misfit, str(error))
