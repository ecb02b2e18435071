"""Compares the ledger in score-changed with the totals in committed state, contact by contact, without end (S2).

Laws: two numbers that were kept apart: awards as the topic has them, read into the local score log, and the total that
scoring carries on from batch to batch; only what can be compared is: the log has read all that is committed, and has
every row of the contact back to its first award, or must have; what differs is read again a while later before it
is told.  A partition that cannot be compared, for its state cannot be read, has no figure and is tried again; others go
on.  It gives way: a slice a second, which costs some ms; rows are read in the score log's thread.
Reads committed state and the local logs; writes nothing.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from schemas.state import CORE, SEPARATOR, Core, ProfileState
from schemas.times import DAY_MS
from stream_app.delivery.status import CommittedView, PartitionsView
from stream_app.delivery.tasks import ended, telling_of_its_end
from stream_app.reading.award_rows import ROWS_KEPT
from stream_app.reading.score_log import ScoreLog
from stream_app.reading.score_log_store import Ledger

logger = logging.getLogger(__name__)

STEP_SECONDS: Final = 1.0
AGAIN_SECONDS: Final = 5.0
SLICE_RECORDS: Final = 200
SLICE_ROWS: Final = 1000
DIFFERENCES_KEPT: Final = 1000

_CORE_SUFFIX: Final = SEPARATOR + CORE
_decode_core: Final = msgspec.msgpack.Decoder(Core).decode


@dataclass(slots=True)
class _Walk:
    """Where a pass over a partition stands, and by how much contacts differ that did when they were last compared.

    ``failed`` from when something could not be read until a whole pass has been made.
    """

    committed: CommittedView
    slices: Iterator[list[tuple[bytes, bytes]]]
    left: list[bytes] = field(default_factory=list[bytes])
    differ: dict[bytes, int] = field(default_factory=dict[bytes, int])
    failed: bool = False

    def begin(self, left: Iterable[bytes] = ()) -> None:
        """Begin another pass, with some contacts first."""
        self.slices, self.left = self.committed.walk(SLICE_RECORDS), list(left)


class LedgerAudit:
    """Compares the partitions that are held here, in turn; ``compared`` counts contacts; ``clock`` is Unix seconds."""

    def __init__(
        self, partitions: PartitionsView, log: ScoreLog, *, clock: Callable[[], float] = time.time,
        again_seconds: float = AGAIN_SECONDS,
    ) -> None:  # fmt: skip
        self.compared = 0
        self._partitions, self._log, self._clock, self._again = partitions, log, clock, again_seconds
        self._walks: dict[int, _Walk] = {}
        self._last = -1
        self._task: asyncio.Task[None] | None = None

    @property
    def differences(self) -> dict[int, int]:
        """By how many points, taken absolutely, ledger and totals differ, by partition that can be compared."""
        return {part: sum(walk.differ.values()) for part, walk in sorted(self._walks.items()) if not walk.failed}

    async def start(self) -> None:
        """Begin to compare; returns at once."""
        if self._task is None:
            self._task = asyncio.create_task(self._for_ever(), name="ledger-audit")
            self._task.add_done_callback(telling_of_its_end(logger, "the ledger is not compared any more"))

    async def stop(self) -> None:
        """End comparing."""
        task, self._task = self._task, None
        if task is not None:
            await ended(task)

    async def step(self) -> None:
        """Compare a slice of the next of the partitions that are open here."""
        running = sorted(status.partition for status in self._partitions.statuses() if status.phase == "running")
        self._walks = {partition: walk for partition, walk in self._walks.items() if partition in running}
        if not running:
            return
        self._last = next((partition for partition in running if partition > self._last), running[0])
        committed = self._partitions.committed(self._last)
        if committed is None:
            return
        walk = self._walks.get(self._last)
        if walk is None or walk.committed is not committed:
            walk = self._walks[self._last] = _Walk(committed, committed.walk(SLICE_RECORDS))
        try:
            _go_on(walk)
            await self._slice(self._last, walk)
        except Exception as error:
            if not walk.failed:
                logger.exception("ledger of partition %d is not compared: %s", self._last, type(error).__name__)
            walk.failed = True
            walk.begin()

    async def _for_ever(self) -> None:
        while True:
            await asyncio.sleep(STEP_SECONDS)
            await self.step()

    async def _slice(self, partition: int, walk: _Walk) -> None:
        found, walk.left = await self._compare(partition, walk.committed, walk.left)
        suspects = [key for key, difference in found.items() if difference and key not in walk.differ]
        if suspects:  # what was committed and what was read may have been of two moments
            await asyncio.sleep(self._again)
            for key in suspects:
                found.pop(key)
                found |= (await self._compare(partition, walk.committed, [key]))[0]
        for key, difference in found.items():
            if not difference:
                walk.differ.pop(key, None)
            elif key in walk.differ or len(walk.differ) < DIFFERENCES_KEPT:
                if key not in walk.differ:
                    logger.error("ledger of partition %d: a total is %d points off its awards", partition, difference)
                walk.differ[key] = difference

    async def _compare(
        self, partition: int, committed: CommittedView, keys: list[bytes]
    ) -> tuple[dict[bytes, int], list[bytes]]:
        """Return by how much those contacts differ that can be compared, and the keys that are left for the next step.

        A contact that is gone differs by nothing.
        """
        status = next((one for one in self._partitions.statuses() if one.partition == partition), None)
        if status is None or self._partitions.committed(partition) is not committed:
            return {}, []
        cores, left = _cores(committed, keys)
        asked = {key: core.log_id for key, core in cores.items() if core is not None and core.log_id <= ROWS_KEPT}
        ledgers = await self._log.ledgers(partition, status.seq, asked)
        found = {key: 0 for key, core in cores.items() if core is None}
        if ledgers is None:
            return found, left
        now = int(self._clock() * 1000)
        for key in asked:
            core = cores[key]
            if core is None:
                continue
            young = ledgers.begin == 0 and 0 <= now - core.born_at < DAY_MS
            points = difference(core, ledgers.by_key[key], whole=young)
            if points is not None:
                found[key] = points
                self.compared += 1
        return found, left


def _go_on(walk: _Walk) -> None:
    """Take the next contacts of a pass where none are left; at its end begin another."""
    if walk.left:
        return
    rows = next(walk.slices, None)
    if rows is None:
        walk.failed = False
        walk.begin(walk.differ)  # what differed is compared once more: some of it may have been erased
    else:
        walk.left = [name.removesuffix(_CORE_SUFFIX) for name, _ in rows if name.endswith(_CORE_SUFFIX)]


def _cores(committed: CommittedView, keys: list[bytes]) -> tuple[dict[bytes, Core | None], list[bytes]]:
    """Return the cores of the first contacts, as many as have some SLICE_ROWS rows, and the keys of the others."""
    cores, rows = dict[bytes, Core | None](), 0
    for key in keys:
        if rows >= SLICE_ROWS:
            break
        stored = committed.get(key + _CORE_SUFFIX)
        core = cores[key] = None if stored is None else _decode_core(stored)
        rows += 0 if core is None else min(core.log_id, ROWS_KEPT)
    return cores, keys[len(cores) :]


def difference(core: Core, ledger: Ledger, *, whole: bool) -> int | None:
    """Return by how many points totals and awards differ, over all profiles; None where rows may have been let go.

    ``whole`` tells that none can have been: then one that is missing is a difference of at least 1.
    """
    missing = ledger.rows != core.log_id
    if missing and not whole:
        return None
    profiles: Iterable[str] = {*core.profiles, *ledger.points}
    points = sum(
        abs(core.profiles.get(one, ProfileState()).total - ledger.points.get(one, 0)) for one in profiles
    )  # fmt: skip
    return max(points, 1) if missing else points
