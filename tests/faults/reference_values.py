"""JSON, times, ids and payload fields for the reference, written from contract section 1 and 2 alone.

Laws: stdlib only; a check returns the value or raises Invalid; ``parse`` raises ValueError for what is not RFC 8259.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

MAX_DEPTH = 128
INT64 = range(-(2**63), 2**63)


class Invalid(Exception):
    """The payload is JSON but not what it should be."""


def depth_of(text: str) -> int:
    """The deepest nesting of brackets outside strings."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", text)
    depth = deepest = 0
    for character in bare:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def parse(value: bytes) -> tuple[Any, bool]:
    """Return (document, sound): sound is False for numbers beyond a float's range or nesting above 128.

    ValueError when it is not RFC 8259.
    """
    text = value.decode("utf-8")
    huge: list[str] = []

    def number(digits: str) -> float:
        result = float(digits)
        if result in (float("inf"), float("-inf")):
            huge.append(digits)
        return result

    def integer(digits: str) -> int:
        if len(digits) > 4000:
            huge.append(digits)
            return 0
        return int(digits)

    def constant(name: str) -> float:
        raise ValueError(name)

    try:
        document = json.loads(text, parse_float=number, parse_int=integer, parse_constant=constant)
    except RecursionError:
        return None, False
    return document, not huge and depth_of(text) <= MAX_DEPTH


TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)


def parse_time(text: Any) -> int:
    """Milliseconds of an RFC 3339 time, cut; Invalid when it is none or before 1970."""
    match = TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise Invalid("time")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, sign, off_hours, off_minutes = match.groups()[6:]
    if int(off_hours or 0) > 23 or int(off_minutes or 0) > 59:
        raise Invalid("offset")
    try:
        local = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise Invalid("time") from error
    offset = timedelta(hours=int(off_hours or 0), minutes=int(off_minutes or 0))
    seconds = (local - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    seconds -= (-1 if sign == "-" else 1) * int(offset.total_seconds())
    milliseconds = seconds * 1000 + int(((fraction or "") + "000")[:3])
    if milliseconds < 0:
        raise Invalid("before 1970")
    return milliseconds


def format_time(milliseconds: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03d}Z"


def an_id(value: Any, pattern: str = r"[^\x00-\x1f\x7f-\x9f]{1,128}") -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise Invalid("id")
    return value


def optional(value: Any, check: Any, default: Any) -> Any:
    return default if value is None else check(value)


def an_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Invalid("object")
    return value


def a_string(value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid("string")
    return value


def an_int64(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value not in INT64:
        raise Invalid("int64")
    return value


def a_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Invalid("bool")
    return value


def a_reason(value: Any) -> str:
    if len(a_string(value)) > 500:
        raise Invalid("reason")
    return value


def a_profile(value: Any) -> str:
    if not re.fullmatch(r"[a-z0-9_-]{1,64}", a_string(value)):
        raise Invalid("profileId")
    return value
