"""Applies edits one after the other, as the only writer of `config`.

Laws: what makes edits serial is the fence, not the membership: any worker may apply one, and a writer that was replaced
finds out when it writes; every plan is made after `config` was read to its end as of then, so a refusal is as true as a
write; after an error the right to write is taken anew and the edit tried again, unless its record turns out to be
committed.  Decision 0006.
Reads the topic ``config`` through the worker's follower; writes it.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from aiokafka.errors import KafkaError  # pyright: ignore[reportMissingTypeStubs] untyped library

from schemas.config_headers import Headers
from stream_app.authoring.changes import Change
from stream_app.authoring.config_log import ConfigLog
from stream_app.authoring.edit_plans import plan_edit
from stream_app.authoring.edits import Done, Edit, Failed, Planned
from stream_app.scoring.rulebook import ConfigRecord

LIMIT_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 300.0
PAUSES_MS: Final = (50, 200, 800, 3200)  # at most; two that fence each other must fall out of step

logger = logging.getLogger(__name__)


class ConfigUnavailable(Exception):
    """Kafka did not let an edit through; ``maybe_written``: nobody knows whether it was committed."""

    def __init__(self, maybe_written: bool) -> None:
        super().__init__("the outcome of the edit is unknown" if maybe_written else "nothing was written")
        self.maybe_written = maybe_written


class Session(Protocol):
    """The right to write ``config``, see ``config_topic.ConfigSession``."""

    async def end(self) -> int:
        """Return the last stable offset as of now."""
        ...

    async def commit(self, changes: Sequence[Change], sent: list[ConfigRecord], headers: Headers) -> None:
        """Write changes; once their records are in ``sent`` an error leaves open whether they were committed."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...


class Reader(Protocol):
    """The part of ``ConfigFollower`` that editing takes."""

    async def read_to(self, end: int, version: int) -> ConfigLog:
        """Wait until an offset and a version are read and return what the log says."""
        ...

    def holds(self, record: ConfigRecord) -> bool:
        """Tell whether a record that was sent has been read."""
        ...


@dataclass(slots=True)
class _Trial:
    """What is known of an edit under way: the records that may be committed, and their plan."""

    sent: list[ConfigRecord] = field(default_factory=list[ConfigRecord])
    planned: Planned | None = None


class Editor:
    """The writer of ``config``; opens at the first edit, closes when idle or told to; ``now`` is in ms."""

    def __init__(
        self,
        open_session: Callable[[], Awaitable[Session]],
        reader: Reader,
        now: Callable[[], int],
        *,
        limit_seconds: float = LIMIT_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
        pauses_ms: Sequence[int] = PAUSES_MS,
    ) -> None:
        self._open_session, self._reader, self._now = open_session, reader, now
        self._limit_seconds, self._idle_seconds, self._pauses_ms = limit_seconds, idle_seconds, pauses_ms
        self._lock = asyncio.Lock()
        self._session: Session | None = None
        self._written = 0
        self._idle: asyncio.Task[None] | None = None

    @property
    def writing(self) -> bool:
        """Whether the right to write is held, as far as is known."""
        return self._session is not None

    async def apply(self, edit: Edit) -> Done | Failed:
        """Apply an edit and return when its outcome is committed; ConfigUnavailable within about the limit."""
        trial = _Trial()
        self._rest()
        try:
            async with asyncio.timeout(self._limit_seconds), self._lock:
                return await self._persist(edit, trial)
        except (KafkaError, OSError) as error:  # TimeoutError is an OSError
            logger.warning("an edit of config was given up: %r", error)
            raise ConfigUnavailable(bool(trial.sent)) from error
        finally:
            self._rest(self._idle_seconds)

    async def close(self) -> None:
        """Give the right to write back after the edit under way; an edit to come takes it again."""
        self._rest()
        async with self._lock:
            await self._end_session()

    async def _persist(self, edit: Edit, trial: _Trial) -> Done | Failed:
        for pause_ms in self._pauses_ms:
            try:
                return await self._once(edit, trial)
            except (KafkaError, OSError) as error:
                logger.info("config is written by another, or out of reach; once more: %r", error)
            await asyncio.sleep(secrets.randbelow(pause_ms) / 1000)
        return await self._once(edit, trial)

    async def _once(self, edit: Edit, trial: _Trial) -> Done | Failed:
        try:
            self._session = session = self._session or await self._open_session()
            # INVARIANT: an_edit_is_planned_on_all_that_is_committed
            log = await self._reader.read_to(await session.end(), self._written)
            if trial.planned is not None and trial.sent and self._reader.holds(trial.sent[-1]):
                return self._done(trial.planned, trial.sent[-1])  # an earlier try was committed after all
            trial.sent.clear()
            planned = plan_edit(log, edit, self._now())
            if not isinstance(planned, Planned):
                return planned
            trial.planned = planned
            await session.commit(planned.changes, trial.sent, () if planned.mark is None else planned.mark.headers())
            return self._done(planned, trial.sent[-1])
        except BaseException:
            await self._end_session()
            raise

    def _done(self, planned: Planned, record: ConfigRecord) -> Done:
        done = planned.done(record)
        self._written = done.version
        return done

    async def _end_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _rest(self, seconds: float | None = None) -> None:
        """Close after so long without an edit; None: do not."""
        if self._idle is not None and self._idle is not asyncio.current_task():
            self._idle.cancel()
        self._idle = None if seconds is None else asyncio.create_task(self._close_after(seconds), name="editor-idle")

    async def _close_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.close()
