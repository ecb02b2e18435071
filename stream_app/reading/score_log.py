"""The score log of every contact of this worker's partitions: the newest rows from memory, older ones from local disk.

Laws: rows on disk are shown only when they are of this very topic and hold every erase that was committed; scoring
never waits for them, and a log that is locked, broken, slow or behind is not complete, never an error.
All that blocks runs in one thread, so that nothing is closed while it is read.
Reads RecentAwards and the local logs; ``ScoreLogFollower`` fills them.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from schemas.outputs import ScoreChanged
from stream_app.reading.award_rows import Asked, KnownRows, Run
from stream_app.reading.recent_awards import RecentAwards
from stream_app.reading.score_log_store import (
    Ledger,
    LogBroken,
    LogLocked,
    LogRecord,
    LogStalled,
    LogStore,
    Mark,
    delete,
    shared_cache,
)

READ_SECONDS: Final = 2.0
STALL_SECONDS: Final = 0.2
CATCH_UP_SECONDS: Final = 5.0
DAY_SECONDS: Final = 24 * 60 * 60
TTL_SLACK_DAYS: Final = 30  # the topic keeps whole segments: some rows are there longer than its retention
MAX_TTL_SECONDS: Final = 2**31 - 1
FIRST_DELAY_SECONDS: Final = 1.0
LONGEST_DELAY_SECONDS: Final = 300.0

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(slots=True, eq=False)
class Held:
    """One open log: it has all of score-changed in ``[begin, position)`` that is still kept there.

    ``proven``: the record of its mark was seen in the topic; ``end`` is the topic's when it was opened; ``broken`` why
    it could not be read.
    """

    store: LogStore
    begin: int
    position: int
    end: int
    proven: bool
    rows: int = 0
    broken: str = ""


@dataclass(frozen=True, slots=True)
class _Wait:
    until: float
    delay: float


@dataclass(frozen=True, slots=True)
class Ledgers:
    """What one log has of contacts, by key; ``begin`` is the first offset of score-changed that it may have."""

    begin: int
    by_key: Mapping[bytes, Ledger]


@dataclass(frozen=True, slots=True)
class LogFigures:
    """One log as metrics show it; ``lag`` is offsets of score-changed that it does not have yet."""

    partition: int
    rows: int
    lag: int


class ScoreLog:
    """Implements AwardLog; ``held`` are the logs by partition, one folder each below ``folder``.

    ``read`` counts the records that were written to logs, ``failures`` the times that one broke.
    """

    def __init__(self, recent: RecentAwards, folder: Path, days: int) -> None:
        self.held: dict[int, Held] = {}
        self.failures = 0
        self.read = 0
        self._recent = recent
        self._folder = folder
        self._ttl = min((days + TTL_SLACK_DAYS) * DAY_SECONDS, MAX_TTL_SECONDS)
        self._cache: Any = None
        self._waiting: dict[int, _Wait] = {}
        self._thread = ThreadPoolExecutor(1, "score-log")

    # ------------------------------------------------------------------ asked by readers
    async def rows(self, partition: int, seq: int, key: bytes, log_id: int, asked: Asked) -> KnownRows:
        """Return a contact's rows, from memory alone where the log on disk cannot be used."""
        newest = self._recent.newest(partition, seq, key)
        known = _run(log_id, asked, newest)
        held, frontier = self.held.get(partition), self._recent.frontier(partition, seq)
        in_memory = KnownRows(known.rows, known.reached)
        # INVARIANT: rows_of_an_erased_contact_are_never_shown
        if known.reached or held is None or not held.proven or frontier is None or held.position < frontier.erased:
            return in_memory
        current, run = held.position >= frontier.end, _run(log_id, asked, newest)
        try:
            read, ended = await asyncio.wait_for(self._do(held.store.fill, key, run), READ_SECONDS)
        except TimeoutError:
            return in_memory
        except LogBroken as error:
            held.broken = str(error)
            return in_memory
        if self._recent.erased(partition) != frontier.erased:  # an erase was committed while the disk was read
            return in_memory
        if run.broken:
            complete = False
        elif ended and not run.reached:  # what is older was deleted by the topic's retention
            complete = held.begin > 0 and (current or read > 0)
        else:
            complete = True
        return KnownRows(run.rows, complete)

    async def ledgers(self, partition: int, seq: int, asked: Mapping[bytes, int]) -> Ledgers | None:
        """Return the sums of contacts' rows as the topic has them, each up to a log id.

        None unless the log on disk soon has all that was committed up to ``seq``, so that a row that is missing is.
        """
        held, frontier = self.held.get(partition), self._recent.frontier(partition, seq)
        if held is None or frontier is None or not await self._reaches(held, frontier.end):
            return None

        def read() -> dict[bytes, Ledger]:
            return {key: held.store.ledger(key, log_id) for key, log_id in asked.items()}

        try:
            by_key = await self._do(read)
        except LogBroken as error:
            held.broken = str(error)
            return None
        erased = self._recent.erased(partition) != frontier.erased  # meanwhile: rows of two lives may be in a sum
        return None if erased or self.held.get(partition) is not held else Ledgers(held.begin, by_key)

    async def _reaches(self, held: Held, end: int) -> bool:
        """Wait a short while until a log has read up to an offset; scoring goes on meanwhile, and so may the log."""
        deadline = time.monotonic() + CATCH_UP_SECONDS
        while held.position < end and not held.broken and time.monotonic() < deadline:
            await asyncio.sleep(CATCH_UP_SECONDS / 50)
        return held.position >= end and held.proven and not held.broken

    def figures(self) -> list[LogFigures]:
        """Return how every log stands."""
        return [
            LogFigures(p, held.rows, max(0, max(held.end, self._recent.end(p)) - held.position))
            for p, held in sorted(self.held.items())
        ]

    # ------------------------------------------------------------------ told by the follower
    async def open(self, partition: int) -> LogStore:
        """Open the log of a partition; it is shown once it is in ``held``."""
        if self._cache is None:
            self._cache = shared_cache()
        return await self._do(LogStore, self._where(partition), self._cache, self._ttl)

    async def write(self, held: Held, records: Sequence[LogRecord], mark: Mark) -> None:
        """Write records behind those that it has, as soon as the disk takes them."""
        while True:
            try:
                held.rows = await self._do(held.store.write, records, mark)
                break
            except LogStalled:
                await asyncio.sleep(STALL_SECONDS)
        held.position = mark.offset + 1
        self.read += len(records)

    async def let_go(self, partition: int) -> None:
        """Close the log of a partition; it stays on disk as a base."""
        held = self.held.pop(partition, None)
        if held is not None:
            await self._ended(partition, held.store.close)

    async def drop(self, partition: int, store: LogStore | None = None) -> None:
        """Close the log of a partition, if it is open, and delete it."""
        held = self.held.pop(partition, None)
        store = held.store if held is not None else store
        if store is not None:
            await self._ended(partition, store.abandon)
        await self._ended(partition, delete, self._where(partition))

    async def broke(self, partition: int, error: LogBroken) -> None:
        """Delete a log that broke, unless it is another's: its space is free; `waits` until it is to be tried again."""
        before = self._waiting.get(partition)
        delay = FIRST_DELAY_SECONDS if before is None else min(2 * before.delay, LONGEST_DELAY_SECONDS)
        self._waiting[partition] = _Wait(time.monotonic() + delay, delay)
        self.failures += 1
        logger.warning("score log of partition %d: %s: tried again in %.0f s", partition, error, delay)
        if not isinstance(error, LogLocked):
            await self.drop(partition)

    def healed(self, partition: int) -> None:
        """Learn that a log is whole: the next failure of it waits no longer than the first."""
        self._waiting.pop(partition, None)

    def waits(self, partition: int) -> bool:
        """Tell whether a log broke so short a while ago that it is not to be tried."""
        wait = self._waiting.get(partition)
        return wait is not None and wait.until > time.monotonic()

    async def _ended(self, partition: int, work: Callable[P, None], /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            await self._do(work, *args, **kwargs)
        except LogBroken as error:
            logger.warning("score log of partition %d: not closed well: %s", partition, error)

    def _where(self, partition: int) -> Path:
        return self._folder / str(partition)

    async def _do(self, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*args, **kwargs))


def _run(log_id: int, asked: Asked, newest: Iterable[ScoreChanged]) -> Run:
    run = Run(log_id, asked)
    run.extend(newest)
    return run
