"""Stores of one partition: committed state records, bytes to bytes, in the very bytes of the changelog.

Laws: a store holds committed data only, together with the changelog offset it stands for, written at once (delivery
law 7); nothing reads what a batch under way will write.  Keys iterate in byte order.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from stream_app.delivery.due_times import NOTHING_DUE, Due, DueHeap, DueOf, never_due

Change = tuple[bytes, bytes | None]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a store stands for: the changelog up to ``offset`` (exclusive), written at ``at`` (milliseconds)."""

    offset: int
    at: int


class Store(Protocol):
    """Committed state of one partition."""

    def get(self, key: bytes, /) -> bytes | None:
        """Return a value, or None."""
        ...

    def scan(self, after: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, value) in key order, from the first key greater than ``after``."""
        ...

    def walk(self, records: int) -> Iterator[list[tuple[bytes, bytes]]]:
        """Yield every record once, in slices and any order; batches may commit between two slices."""
        ...

    def load(self, changes: Iterable[Change], checkpoint: Checkpoint) -> None:
        """Take changelog records in while restoring; None deletes; later records win."""
        ...

    def index(self, records: int) -> Iterator[None]:
        """Make the due times of what was loaded findable, in slices; nothing may commit meanwhile."""
        ...

    def apply(
        self, changes: Mapping[bytes, bytes | None], checkpoint: Checkpoint, dues: Mapping[bytes, int] = NOTHING_DUE
    ) -> None:
        """Take the changes of one committed batch in, all or nothing; ``dues`` are due times that are new, by key."""
        ...

    def dues(self) -> Iterator[Due]:
        """Yield (due time, key) of all records that fall due, in order; nothing may commit meanwhile."""
        ...

    def checkpoint(self) -> Checkpoint | None:
        """Return what the store stands for, None when it is empty."""
        ...

    def wipe(self) -> None:
        """Forget everything."""
        ...

    def close(self) -> None:
        """Release what the store holds; it is not used afterwards."""
        ...


class MemoryStore:
    """A dict; restored from the whole changelog at every open."""

    def __init__(self, due_of: DueOf = never_due) -> None:
        self._data: dict[bytes, bytes] = {}
        self._order: list[bytes] = []
        self._unsorted: list[bytes] = []
        self._checkpoint: Checkpoint | None = None
        self.get: Callable[[bytes], bytes | None] = self._data.get
        self._dues = DueHeap(due_of, self._data.get)

    def scan(self, after: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, value) in key order; sorts what has come since the last scan."""
        data = self._data
        if self._unsorted:
            self._order = sorted(data)  # without what was deleted since
            self._unsorted = []
        order = self._order
        for i in range(bisect_right(order, after), len(order)):
            value = data.get(order[i])
            if value is not None:
                yield order[i], value

    def walk(self, records: int) -> Iterator[list[tuple[bytes, bytes]]]:
        """Yield every record that is there now and still there when its slice comes; sorts nothing."""
        data, keys = self._data, iter(list(self._data))
        while slice_ := list(islice(keys, records)):
            yield [(key, value) for key in slice_ if (value := data.get(key)) is not None]

    def load(self, changes: Iterable[Change], checkpoint: Checkpoint) -> None:
        """Take changelog records in."""
        data, new = self._data, self._unsorted
        for key, value in changes:
            if value is None:
                data.pop(key, None)
            else:
                if key not in data:
                    new.append(key)
                data[key] = value
        self._checkpoint = checkpoint

    def index(self, records: int) -> Iterator[None]:
        """Find all due times anew."""
        return self._dues.rebuild(self.walk(records))

    def apply(
        self, changes: Mapping[bytes, bytes | None], checkpoint: Checkpoint, dues: Mapping[bytes, int] = NOTHING_DUE
    ) -> None:
        """Take the changes of one committed batch in."""
        self.load(changes.items(), checkpoint)
        self._dues.add(dues)

    def dues(self) -> Iterator[Due]:
        """Yield what is due, in order."""
        return iter(self._dues)

    def checkpoint(self) -> Checkpoint | None:
        """Return what the store stands for."""
        return self._checkpoint

    def wipe(self) -> None:
        """Forget everything."""
        self._data.clear()
        self._order.clear()
        self._unsorted.clear()
        self._dues.clear()
        self._checkpoint = None

    def close(self) -> None:
        """Do nothing: memory goes with the object."""
