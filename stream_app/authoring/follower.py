"""Follow the `config` topic for as long as the process lives, and keep the rulebook of every version and all bodies.

Laws: records are folded in offset order, each once; an outage of the broker is waited out, never an end; a log whose
beginning is gone, or that has shrunk, is no history to replay from: it is told as ``trouble`` and nothing is folded.
A bug met on the way stands as ``trouble`` until the process ends, for what is read then is not all that was written.
Every record is kept, so that the rulebook of any version read can be built again.
Reads the topic ``config``; writes nothing.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from stream_app.authoring.config_log import ConfigLog
from stream_app.authoring.config_records import ConfigRecords
from stream_app.authoring.config_topic import Consumer, config_consumer, config_partition, config_record
from stream_app.delivery.aiokafka_clients import stop_consumer
from stream_app.delivery.recovery import RETRIED, cancel_was_asked_for
from stream_app.delivery.tasks import ended
from stream_app.scoring.rulebook import EMPTY_RULEBOOK, ConfigRecord, Rulebook, fold
from stream_app.settings import Settings

AGAIN_SECONDS: Final = 0.5
POLL_MS: Final = 200  # how soon it is seen that what ends the log are markers

logger = logging.getLogger(__name__)


class ConfigFollower:
    """Reads ``config`` on the running loop; ``trouble`` says why it cannot, None while all is well.

    ``log`` is what it says: also what the rulebook leaves out, for those who show and edit it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._partition = config_partition(settings)
        self._current = EMPTY_RULEBOOK
        self._records = ConfigRecords()
        self._position = 0  # everything before it is folded
        self.log = ConfigLog()
        self._changed = asyncio.Condition()
        self._caught_up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.trouble: str | None = None

    @property
    def version(self) -> int:
        """The newest version read: its record's offset + 1, 0 while there is none."""
        return self._current.version

    async def start(self) -> None:
        """Begin to follow; returns at once, whether or not a broker answers."""
        if self._task is None:
            self._task = asyncio.create_task(self._follow_for_ever(), name="config-follower")

    async def stop(self) -> None:
        """End following; what was read stays readable."""
        task, self._task = self._task, None
        if task is not None:
            await ended(task, again_seconds=AGAIN_SECONDS)

    def current(self) -> Rulebook:
        """Return the rulebook of the newest version read."""
        return self._current

    def at(self, version: int) -> Rulebook:
        """Return the rulebook in force at a version; LookupError when that is not read yet."""
        if version == self.version:
            return self._current
        if version > self.version:
            raise LookupError(f"rulebook version {version} is not read yet, only {self.version}")
        return fold(EMPTY_RULEBOOK, self._records.before(version)).rulebook

    async def wait_for(self, version: int) -> Rulebook:
        """Wait until a version is read and return the newest rulebook; bound it with ``asyncio.timeout``."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.version >= version)
        return self._current

    async def read_to(self, end: int, version: int) -> ConfigLog:
        """Wait until an offset and a version are read and return what the log says; bound it."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._position >= end and self.version >= version)
        return self.log

    async def has_read(self, version: int, seconds: float) -> bool:
        """Wait for a version for at most so long; tell whether it is read."""
        try:
            async with asyncio.timeout(seconds):
                await self.wait_for(version)
        except TimeoutError:
            return False
        return True

    def holds(self, record: ConfigRecord) -> bool:
        """Tell whether a record that was sent has been read, at its offset, as it was sent."""
        found = self._records.find(record.offset)
        return found is not None and found[:3] == record[:3]

    @property
    def complete(self) -> bool:
        """Whether the end that the topic had at the first connection is read."""
        return self._caught_up.is_set()

    async def caught_up(self) -> Rulebook:
        """Wait until the end that the topic had at the first connection is read, and return the newest rulebook."""
        await self._caught_up.wait()
        return self._current

    async def _follow_for_ever(self) -> None:
        while True:
            consumer = config_consumer(self._settings)
            try:
                await consumer.start()
                await self._follow(consumer)
            except RETRIED as error:
                self._tell(f"{self._partition.topic} cannot be read at offset {self.version}: {error!r}")
            except asyncio.CancelledError as error:
                if self._task is None or cancel_was_asked_for():
                    raise
                self._tell(f"{self._partition.topic} cannot be read at offset {self.version}: {error!r}")
            except Exception as error:
                # INVARIANT: rules_that_cannot_be_followed_any_more_are_told
                logger.exception("a bug in the fold of %s", self._partition.topic)
                why = type(error).__name__  # what it says may be of somebody's rule: for the log alone
                self._tell(f"{self._partition.topic} is not followed beyond {self.version}: {why}; restart the worker")
                return
            finally:
                await stop_consumer(consumer)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _follow(self, consumer: Consumer) -> None:
        """Read on from the last record; returns never, raises when the connection or the log is of no use."""
        consumer.assign([self._partition])
        consumer.seek(self._partition, self.version)
        end = (await consumer.end_offsets([self._partition]))[self._partition]
        while True:
            await self._reach(await consumer.position(self._partition))
            if self._position >= end:
                self._caught_up.set()
            taken = await consumer.getmany(self._partition, timeout_ms=POLL_MS)
            self.trouble = None
            if records := taken.get(self._partition):
                await self._take([config_record(record) for record in records])

    async def _reach(self, position: int) -> None:
        if position > self._position:  # a new connection begins behind the markers already passed
            async with self._changed:
                self._position = position
                self._changed.notify_all()

    async def _take(self, records: Sequence[ConfigRecord]) -> None:
        folded = fold(self._current, records)
        for record in folded.ignored:
            logger.warning("config offset %d is ignored, %s: %r", record.offset, record.reason, record.key)
        async with self._changed:
            self._records.add(records)
            for record in records:
                self.log.add(record)
            self._current = folded.rulebook
            self._changed.notify_all()

    def _tell(self, trouble: str) -> None:
        if trouble != self.trouble:
            logger.error("%s", trouble)
        self.trouble = trouble
