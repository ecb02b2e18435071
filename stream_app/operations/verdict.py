"""What `state verify` says about one partition."""

from typing import Any, Final, Literal

import msgspec

SHOWN_DIFFERENCES: Final = 10


class Reach(msgspec.Struct, rename="camel"):
    """How far back something is retained; ``first`` is a seq or an offset, ``at`` the time of the first record."""

    first: int | None = None
    at: str | int | None = None


class Difference(msgspec.Struct, rename="camel"):
    """One record that is not as the replay makes it; null where there is none."""

    where: str
    contact: str | None
    section: str | None
    replayed: Any
    live: Any


class OutputCount(msgspec.Struct, rename="camel"):
    """Records of one output: compared, and no longer retained."""

    compared: int
    not_retained: int


class Verdict(msgspec.Struct, rename="camel"):
    """Of one partition: the same up to batch ``seq``, different, or impossible to tell, and why."""

    partition: int
    verdict: Literal["same", "different", "impossible"] = "same"
    why: str = ""
    seq: int = 0
    records: int = 0
    state_records: int = 0
    state_not_compared: int = 0
    outputs: dict[str, OutputCount] = {}
    journal: Reach = msgspec.field(default_factory=Reach)
    inputs: dict[str, Reach] = {}
    difference_count: int = 0
    differences: list[Difference] = []

    def differ(self, difference: Difference) -> None:
        """Note a difference; only the first ones are kept."""
        self.verdict = "different"
        self.difference_count += 1
        if len(self.differences) < SHOWN_DIFFERENCES:
            self.differences.append(difference)
