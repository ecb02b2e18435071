"""One thing that is wrong or odd about what an author wrote, and its place.

Laws: a place is an RFC 6901 JSON pointer into the body; codes are closed words, messages are sentences for people; of
one body the first EXPLAINED are told.
"""

from dataclasses import dataclass
from typing import Final, Literal

EXPLAINED: Final = 100  # of one body; a body of 1 MiB may have 100,000

Severity = Literal["error", "warning"]
Step = str | int


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a body; ``pointer`` is an RFC 6901 JSON pointer into it."""

    pointer: str
    code: str
    message: str
    severity: Severity = "error"


def pointer(*steps: Step) -> str:
    """Return the JSON pointer of a path of field names and indexes."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def warning(code: str, message: str, *steps: Step) -> Problem:
    """Return what is odd about the value at a path."""
    return Problem(pointer(*steps), code, message, "warning")
