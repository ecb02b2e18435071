"""Is it RFC 8259 at all, and how deep: asked only of records that the fast decoder refused or that may be too deep.

Laws: exact to the grammar, whatever decoders think: lone surrogate escapes, numbers of any size and any depth are
JSON; NaN, a byte order mark, invalid UTF-8, trailing commas and bytes after the end are not.  No recursion: linear.
"""

import re
from typing import Final

_STRING: Final = r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"'
_TOKEN: Final = re.compile(
    rf"[ \t\n\r]*(?:([\[\]{{}},:])|({_STRING})|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null))"
)
_SPACE: Final = " \t\n\r"
_TEXT_OR_BRACKET: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


def valid_json(data: bytes) -> bool:
    """Tell whether bytes are one JSON text."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    grammar = _Grammar()
    at, end = 0, len(text.rstrip(_SPACE))
    while at < end:
        token = _TOKEN.match(text, at, end)
        if token is None or not grammar.take(token[1] or ("s" if token[2] else "v")):
            return False
        at = token.end()
    return grammar.wants == "end"


def depth(data: bytes) -> int:
    """Return how deep arrays and objects nest; exact for JSON, whatever it holds in its strings."""
    deepest = now = 0
    for token in _TEXT_OR_BRACKET.findall(data):
        if token in {b"[", b"{"}:
            now += 1
            deepest = max(deepest, now)
        elif token in {b"]", b"}"}:
            now -= 1
    return deepest


class _Grammar:
    """A pushdown automaton over tokens: a bracket or mark, ``s`` for a string, ``v`` for another scalar."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.wants = "value"

    def take(self, mark: str) -> bool:
        """Take one mark in; False when it may not stand here."""
        wants = self.wants
        if mark in "sv" and wants in {"value", "first value"}:
            self._ended()
        elif mark == "s" and wants in {"key", "first key"}:
            self.wants = "colon"
        elif mark in "[{" and wants in {"value", "first value"}:
            self.open.append("]" if mark == "[" else "}")
            self.wants = "first value" if mark == "[" else "first key"
        elif mark == ":" and wants == "colon":
            self.wants = "value"
        elif mark == "," and wants == "comma":
            self.wants = "value" if self.open[-1] == "]" else "key"
        elif self.open and mark == self.open[-1] and wants in {"comma", "first value", "first key"}:
            self.open.pop()
            self._ended()
        else:
            return False
        return True

    def _ended(self) -> None:
        self.wants = "comma" if self.open else "end"
