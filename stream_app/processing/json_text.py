"""Is it RFC 8259 at all, and how deep: asked only of records that the fast decoder refused or that may be too deep.

Laws: exact to the grammar, whatever decoders think: lone surrogate escapes, numbers of any size and any depth are
JSON; NaN, a byte order mark, invalid UTF-8, trailing commas and bytes after the end are not.  No recursion: linear.
A record costs milliseconds whatever it holds: `json` reads what is not too deep for it, the rest is a table's.
"""

import json
import re
from itertools import accumulate
from typing import Final, NoReturn

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_STRING: Final = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"')
_SCALAR: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
_NO_SPACE: Final = str.maketrans("", "", " \t\n\r")
_ANY_TEXT: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NO_BRACKET: Final = bytes(set(range(256)) - set(b"[]{}"))
_RISE: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # as signed bytes

_STRING_MARK, _SCALAR_MARK = "\1", "\2"
# What may come (top value; array's first or next value, comma; object's first or next key, colon, value, comma; end)
# and a mark: what may come then.  A bracket that opens keeps what may come after it, one that closes returns to that.
_THEN: Final = {
    "t\1": "e", "t\2": "e", "f\1": ",", "f\2": ",", "n\1": ",", "n\2": ",", ",,": "n",
    "g\1": ":", "k\1": ":", "::": "v", "v\1": ";", "v\2": ";", ";,": "k",
}  # fmt: skip
_OPENS: Final = {
    value + mark: (after, first) for value, after in ("te", "f,", "n,", "v;") for mark, first in ("[f", "{g")
}
_CLOSES: Final = frozenset({"f]", ",]", "g}", ";}"})


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


_read: Final = json.JSONDecoder(parse_constant=_refuse, parse_int=str, parse_float=str).decode


def valid_json(data: bytes) -> bool:
    """Tell whether bytes are one JSON text."""
    try:
        _read(data.decode())
    except RecursionError:
        return _valid_deep(data.decode())
    except ValueError:
        return False
    return True


def depth(data: bytes) -> int:
    """Return how deep arrays and objects nest; exact for JSON, whatever it holds in its strings."""
    brackets = _ANY_TEXT.sub(b"", data).translate(_RISE, _NO_BRACKET)
    return max(accumulate(memoryview(brackets).cast("b")), default=0)


def _valid_deep(text: str) -> bool:
    """Tell whether a text is JSON, by a pushdown automaton: brackets, commas, colons, and marks for the rest."""
    if _CONTROL.search(text):
        return False  # nowhere in JSON, so they can stand for strings and scalars
    marks = _SCALAR.sub(_SCALAR_MARK, _STRING.sub(_STRING_MARK, text)).translate(_NO_SPACE)
    opened: list[str] = []
    wanted = "t"
    for mark in marks:
        step = wanted + mark
        if step in _OPENS:
            after, wanted = _OPENS[step]
            opened.append(after)
        elif step in _CLOSES:
            wanted = opened.pop()
        elif step in _THEN:
            wanted = _THEN[step]
        else:
            return False
    return wanted == "e"
