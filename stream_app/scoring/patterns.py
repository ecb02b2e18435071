"""Addresses of pages with wildcards (S25): ``*`` matches any run of characters, every other one only itself.

Laws: matching costs at most one pass over the text per ``*``; of many patterns only those are tried whose literal start
is how the text starts: one bisection finds them, however many there are.
"""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Generic, TypeVar

from schemas.pages import WILDCARD

Named = TypeVar("Named")


class Pattern:
    """One pattern, compiled; ``start`` is what stands before its first wildcard, all of it when there is none."""

    __slots__ = ("_end", "_inner", "_literal", "_shortest", "start")

    def __init__(self, text: str) -> None:
        self.start, star, rest = text.partition(WILDCARD)
        *inner, self._end = rest.split(WILDCARD)
        self._literal = not star
        self._inner = tuple(filter(None, inner))
        self._shortest = len(self.start) + len(self._end)

    def matches(self, text: str) -> bool:
        """Tell whether all of a text is as the pattern says."""
        if self._literal:
            return text == self.start
        if len(text) < self._shortest or not text.startswith(self.start) or not text.endswith(self._end):
            return False
        at, end = len(self.start), len(text) - len(self._end)
        for piece in self._inner:  # the first place is the best one: it leaves most for the pieces after it
            at = text.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return True


class PatternIndex(Generic[Named]):
    """What goes by patterns, found by a text.

    ``_starts`` are the patterns' literal starts, sorted.  Every start that a text begins with is a prefix of the last
    start that is not behind the text; so each keeps, in ``_shorter``, the place of its own longest prefix, -1 for none.
    """

    __slots__ = ("_named", "_shorter", "_starts")

    def __init__(self, named: Iterable[tuple[str, Named]]) -> None:
        by_start: dict[str, list[tuple[Pattern, Named]]] = {}
        for text, what in named:
            pattern = Pattern(text)
            by_start.setdefault(pattern.start, []).append((pattern, what))
        self._starts = sorted(by_start)
        self._named = [by_start[start] for start in self._starts]
        self._shorter: list[int] = []
        for at, start in enumerate(self._starts):
            self._shorter.append(self._longest(start, at - 1))

    def find(self, text: str) -> list[Named]:
        """Return what goes by the patterns that a text matches, in no order."""
        found: list[Named] = []
        at = self._longest(text, bisect_right(self._starts, text) - 1)
        while at >= 0:
            found += [what for pattern, what in self._named[at] if pattern.matches(text)]
            at = self._shorter[at]
        return found

    def _longest(self, text: str, at: int) -> int:
        """Return the place of the longest start that a text begins with, from a place on downwards."""
        while at >= 0 and not text.startswith(self._starts[at]):
            at = self._shorter[at]
        return at
