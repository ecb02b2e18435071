"""When state records fall due: the index beside a store, in (due time, key) order.

Laws: derived from the records alone (`DueOf`), so it can always be made again; an entry counts only while its record
still says so: what is outdated is dropped when it comes to the front, never searched for, so that a due time that moves
costs nothing but its new entry, and a record without one nothing at all.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import heapify, heappop, heappush
from types import MappingProxyType
from typing import Final

DueOf = Callable[[bytes, bytes], int | None]  # (key, value) of a state record -> milliseconds, None for never
Due = tuple[int, bytes]

NOTHING_DUE: Final[Mapping[bytes, int]] = MappingProxyType({})


def never_due(key: bytes, value: bytes) -> int | None:
    """Return None: the records of a program without due times."""
    return None


def entry(due: int, key: bytes) -> bytes:
    """Return a due time and the key of its record as bytes that sort by both."""
    return due.to_bytes(8) + key


def split(packed: bytes) -> Due:
    """Return what `entry` was made of."""
    return int.from_bytes(packed[:8]), packed[8:]


class DueHeap:
    """The index of a store in memory: one bytes object a due time."""

    def __init__(self, due_of: DueOf, get: Callable[[bytes], bytes | None]) -> None:
        self._due_of, self._get = due_of, get
        self._heap: list[bytes] = []

    def add(self, dues: Mapping[bytes, int]) -> None:
        """Take in due times that are new, by key."""
        for key, due in dues.items():
            heappush(self._heap, entry(due, key))

    def rebuild(self, slices: Iterable[Iterable[tuple[bytes, bytes]]]) -> Iterator[None]:
        """Make the index again from all records; yields after each slice of them."""
        due_of, found = self._due_of, list[bytes]()
        for rows in slices:
            found += [entry(due, key) for key, value in rows if (due := due_of(key, value)) is not None]
            yield
        heapify(found)
        self._heap = found

    def __iter__(self) -> Iterator[Due]:
        """Yield what is due, in order; nothing may be added meanwhile."""
        heap = self._heap
        while heap and not self._counts(heap[0]):
            heappop(heap)
        front = [(heap[0], 0)] if heap else []
        while front:
            packed, at = heappop(front)
            for child in (2 * at + 1, 2 * at + 2):
                if child < len(heap):
                    heappush(front, (heap[child], child))
            if self._counts(packed):
                yield split(packed)

    def clear(self) -> None:
        """Forget everything."""
        self._heap.clear()

    def _counts(self, packed: bytes) -> bool:
        due, key = split(packed)
        value = self._get(key)
        return value is not None and self._due_of(key, value) == due
