"""Kinds of values that options and arguments take: ids as the topics take them, texts, finite numbers.

Laws: a value that is none is wrong use (exit code 2), before anything is asked or sent.
"""

import math
from collections.abc import Callable
from typing import Any, Final

import click

from schemas.ids import text_id, text_org


class _Id(click.ParamType):
    """An id that a record key can hold; what the command line gives that is not UTF-8 is none."""

    def __init__(self, name: str, read: Callable[[str], str]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the id."""
        try:
            value.encode()
            return self._read(value)
        except UnicodeEncodeError:
            self.fail("an id is UTF-8", param, ctx)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _Text(click.ParamType):
    """A text that a record can hold: what the command line gives that is not UTF-8 is none."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text."""
        text = str(value)
        try:
            text.encode()
        except UnicodeEncodeError:
            self.fail("a text is UTF-8", param, ctx)
        return text


class FiniteRange(click.FloatRange):
    """A range of numbers, to which neither NaN nor infinity belongs."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number", param, ctx)
        return number


ORG: Final = _Id("org", text_org)
CONTACT: Final = _Id("contact", text_id)
TEXT: Final = _Text()
