"""JSON, times, ids and payload fields for the reference, written from contract section 1 and 2 alone.

Laws: stdlib only; a check returns the value or raises Invalid; ``parse`` raises ValueError for what is not RFC 8259.
How a value is remembered (``value_mark``) is decision 0005's.
"""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

MAX_DEPTH = 128
MAX_DIGITS = 4300
MAX_TIME = 253_402_300_799_999
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
        if len(digits.lstrip("-")) > MAX_DIGITS:
            huge.append(digits)
            return 0
        return int(digits)

    def constant(name: str) -> float:
        raise ValueError(name)

    try:
        document = json.loads(text, parse_float=number, parse_int=integer, parse_constant=constant)
    except RecursionError:
        check_deep(text, constant)
        return None, False
    return document, not huge and depth_of(text) <= MAX_DEPTH and not lone_surrogate(text)


def check_deep(text: str, constant: Any) -> None:
    """ValueError when a text is not RFC 8259: each array and object by itself, its inner ones as 0."""
    open_ones = [""]
    for piece in re.findall(r'"(?:[^"\\]|\\.)*"|[^"\[\]{}]+|.', text, re.DOTALL):
        if piece in ("[", "{"):
            open_ones.append(piece)
        elif piece in ("]", "}") and len(open_ones) > 1:
            json.loads(open_ones.pop() + piece, parse_int=len, parse_constant=constant)
            open_ones[-1] += " 0 "
        else:
            open_ones[-1] += piece
    if len(open_ones) > 1:
        raise ValueError("left open")
    json.loads(open_ones[0], parse_int=len, parse_constant=constant)


def lone_surrogate(text: str) -> bool:
    """Whether a string holds half a surrogate pair: JSON, but no text that UTF-8 could carry on."""
    if not re.search(r"\\u[dD][89a-fA-F]", text):
        return False
    strings = re.findall(r'"(?:[^"\\]|\\.)*"', text)
    return any("\ud800" <= character <= "\udfff" for string in strings for character in json.loads(string))


TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)


def parse_time(text: Any) -> int:
    """Milliseconds of an RFC 3339 time, cut; Invalid when it is none, or its year or instant is not in 1970-9999."""
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
    if year < 1970 or not 0 <= milliseconds <= MAX_TIME:
        raise Invalid("before 1970 or after 9999")
    return milliseconds


def time_or(value: Any, timestamp: int) -> int:
    """The time, of an absent one the record's; Invalid when it has none."""
    if value is not None:
        return parse_time(value)
    if not 0 <= timestamp <= MAX_TIME:
        raise Invalid("no time")
    return timestamp


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


def a_tag(value: Any) -> str:
    if not 1 <= len(a_string(value)) <= 128:
        raise Invalid("tag")
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


def spelled(value: Any) -> str:
    """The one spelling of a JSON value: equal values (D2) have the same, others never."""
    if isinstance(value, dict):
        members = [f"{json.dumps(name)}:{spelled(value[name])}" for name in sorted(value)]
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(spelled(element) for element in value) + "]"
    if isinstance(value, float) and value % 1 == 0:
        return str(int(value))
    return json.dumps(value)


def value_mark(name: str, value: Any) -> str:
    """What is remembered of a property's value, as hex."""
    return hashlib.blake2b(spelled([name, value]).encode()).hexdigest()[:16]
