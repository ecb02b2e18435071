"""The `config` topic in memory: a log that sessions write to, fence each other on, and fail on when told to."""

import asyncio
from collections.abc import Callable, Sequence

from aiokafka.errors import KafkaConnectionError, KafkaError, ProducerFenced

from schemas.config_headers import Headers
from stream_app.authoring.changes import Change
from stream_app.authoring.config_log import ConfigLog
from stream_app.authoring.editor import Editor
from stream_app.authoring.edits import Done, Edit, Failed
from stream_app.scoring.rulebook import ConfigRecord

NOW = 1_772_375_400_000


class MemoryConfig:
    """The topic, its follower, and an editor of it; a marker stands after each transaction."""

    def __init__(self) -> None:
        self.records: list[ConfigRecord] = []
        self.end = 0
        self.log = ConfigLog()
        self.complete = True
        self.lagging = False
        self.down = False
        self.writer: MemorySession | None = None
        self.opened = 0
        self.now = NOW
        self.before_commit: Callable[[], None] = lambda: None
        self.after_commit: Callable[[], None] = lambda: None
        self.editor = Editor(self.open, self, lambda: self.now, limit_seconds=5, pauses_ms=[1])

    async def open(self) -> "MemorySession":
        self.answer()
        self.opened += 1
        self.writer = MemorySession(self)
        return self.writer

    async def apply(self, edit: Edit) -> Done | Failed:
        return await self.editor.apply(edit)

    def append(self, key: bytes, value: bytes | None, headers: Headers = ()) -> ConfigRecord:
        record = ConfigRecord(key, value, self.end, self.now, headers)
        self.records.append(record)
        self.end += 1
        self.log.add(record)
        return record

    def answer(self) -> None:
        if self.down:
            raise KafkaConnectionError("no broker")

    async def read_to(self, end: int, version: int) -> ConfigLog:
        assert self.end >= end and self.log.version >= version
        return self.log

    def holds(self, record: ConfigRecord) -> bool:
        return any(one[:3] == record[:3] for one in self.records)

    async def has_read(self, version: int, seconds: float) -> bool:
        assert seconds > 0
        return not self.lagging and self.log.version >= version


class MemorySession:
    """The right to write, until another session is opened."""

    def __init__(self, config: MemoryConfig) -> None:
        self.config = config

    async def end(self) -> int:
        self.config.answer()
        await asyncio.sleep(0)
        return self.config.end

    async def commit(self, changes: Sequence[Change], sent: list[ConfigRecord], headers: Headers) -> None:
        self.config.answer()
        await asyncio.sleep(0)
        if self.config.writer is not self:
            raise ProducerFenced
        end = self.config.end
        sent += [ConfigRecord(change.key.encode(), change.value, end + n) for n, change in enumerate(changes)]
        self.config.before_commit()
        for record in sent:
            self.config.append(record.key, record.value, headers if record is sent[-1] else ())
        self.config.end += 1
        self.config.after_commit()

    async def close(self) -> None:
        if self.config.writer is self:
            self.config.writer = None


def once(error: KafkaError) -> Callable[[], None]:
    """Return a hook that fails the first time it is called."""
    errors = [error]

    def fail() -> None:
        if errors:
            raise errors.pop()

    return fail
