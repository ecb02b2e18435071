"""The sources of one partition as time goes on: what is there to be read, and what the clock may say of it (S60).

Laws: a record is there from its timestamp on; a source is read to its end while nothing that is there is left of it.
"""

from collections.abc import Mapping
from random import Random
from typing import Generic, Protocol, TypeVar


class Timed(Protocol):
    @property
    def timestamp(self) -> int: ...


T = TypeVar("T", bound=Timed)


class Sources(Generic[T]):
    """``wall`` is the wall time; ``wait_ms`` how long nothing is read, at most, once all that was there is."""

    def __init__(self, left: Mapping[str, list[T]], wall: int, wait_ms: int) -> None:
        self.left = {name: list(records) for name, records in left.items()}
        self.wall, self.wait_ms = wall, wait_ms
        self.newest = dict.fromkeys(left, 0)

    @property
    def done(self) -> bool:
        return not any(self.left.values())

    def unread(self) -> list[str]:
        return [name for name, records in self.left.items() if records and records[0].timestamp <= self.wall]

    def take(self, dice: Random, most: int) -> tuple[str, list[T]]:
        """Take some records of any source that has some; where none has, time goes by first."""
        if not self.unread():
            soonest = min(records[0].timestamp for records in self.left.values() if records)
            self.wall = soonest + dice.randint(0, self.wait_ms)
        name, size = dice.choice(sorted(self.unread())), dice.randint(1, most)
        there = [record for record in self.left[name][:size] if record.timestamp <= self.wall]
        self.left[name] = self.left[name][len(there) :]
        return name, there

    def ceiling(self, name: str) -> int:
        """How far what is taken of a source may move the clock; to be asked before `saw`."""
        return min([self.wall, *(self.newest[other] for other in self.unread() if other != name)])

    def saw(self, name: str, records: list[T]) -> None:
        self.newest[name] = max(self.newest[name], *(record.timestamp for record in records))

    def after(self, clock: int) -> int:
        """The clock when nothing more is being read."""
        return max(clock, min([self.wall, *(self.newest[name] for name in self.unread())]))
