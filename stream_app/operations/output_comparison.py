"""Compare the records that a replay says were sent to one output with those that are there, in order, byte for byte.

Laws: what retention has taken is counted as not compared, never as a difference; a record that had been there when the
comparison was asked for and that no batch explains is a difference; later ones are none, the partition goes on.
Reads one partition of an output topic.
"""

from collections.abc import Callable, Sequence
from typing import Any

from stream_app.delivery.handler import Output
from stream_app.operations.log_cursor import Cursor

Differ = Callable[[str, bytes | None, Any, Any], None]
Ours = Callable[[Any], bool]


class OutputComparison:
    """One output of one partition; ``cut`` tells that its beginning is no longer retained.

    ``early`` is its end before the state was read: all before it belongs to batches that are replayed; records that
    are not ``ours`` are others', and passed over.
    """

    def __init__(self, live: Cursor, early: int, cut: bool, differ: Differ, ours: Ours = lambda _: True) -> None:
        self.compared = 0
        self.not_retained = 0
        self._live = live
        self._early = early
        self._aligned = not cut
        self._differ = differ
        self._ours = ours

    async def expect(self, outputs: Sequence[Output]) -> None:
        """Compare the next outputs of the replay."""
        for key, value, headers in outputs:
            wanted = (key, value, tuple(headers))
            row = await self._peek()
            found = None if row is None else (row.key, row.value, tuple(row.headers))
            if not self._aligned:
                self._aligned = found == wanted
                if not self._aligned:
                    self.not_retained += 1
                    continue
            self.compared += 1
            await self._live.next()
            if found != wanted:
                self._differ(self._live.place.topic, key, wanted, found)

    async def finish(self) -> None:
        """Take what the replay does not explain."""
        while (row := await self._live.next(self._early)) is not None:
            if self._ours(row):
                self._differ(self._live.place.topic, row.key, None, (row.key, row.value, tuple(row.headers)))

    async def _peek(self) -> Any:
        while (row := await self._live.peek()) is not None and not self._ours(row):
            await self._live.next()
        return row
