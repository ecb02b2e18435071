"""The score log of one partition on local disk: a RocksDB with the changes of each contact, newest first.

Laws: the mark of what the rows stand for is written with or after them, so whatever a crash leaves is read on from its
mark (there is no write-ahead log: a crash costs the newest rows, which are read again, and rows may be written twice);
a key is contact NUL inverted last log id, its value the bytes of the ScoreChanged; what fails here is a LogBroken.
Everything blocks: it is called from the score log's thread only.  Writes below one folder; reads nothing else.
"""

import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from rocksdict import (
    AccessType,
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteOptions,
)

from schemas.outputs import ScoreChanged
from stream_app.delivery.handler import Record
from stream_app.processing.json_reader import REFUSED
from stream_app.reading.award_rows import ROWS_KEPT, Run

NUL: Final = b"\x00"
MARK_KEY: Final = b"\x00mark-2"  # the number is the layout's: another layout has no mark and is read again
WRITE_BUFFER_BYTES: Final = 2 << 20
CACHE_BYTES: Final = 4 << 20  # blocks of 4 KiB: rows that were asked for of late, and those that trims looked at
TRIM_EVERY: Final = 128
_LAST: Final = 2**64 - 1

LogRecord = tuple[bytes, bytes | None]  # key and value of a score-changed record


class LogBroken(Exception):
    """The local log cannot be read or written: the disk is full, or a file is damaged."""


class LogLocked(LogBroken):
    """Another process has the local log open."""


class LogStalled(LogBroken):
    """The disk is behind: the same write is to be tried again in a while."""


class Mark(msgspec.Struct, array_like=True, frozen=True):
    """What a log stands for: score-changed up to and with the record at ``offset``, of which ``digest`` is made."""

    offset: int
    digest: bytes

    @staticmethod
    def of(record: Record) -> "Mark":
        """Return the mark of a log whose last record this is."""
        said = blake2b(b"%d %b\0" % (record.timestamp, record.key or b""), digest_size=8)
        said.update(record.value or b"")
        return Mark(record.offset, said.digest())


class Ledger(NamedTuple):
    """How many rows of a contact there are, and the sum of their points by profile."""

    rows: int
    points: dict[str, int]


class _LogId(msgspec.Struct, rename="camel", gc=False):
    log_id: int


class _Paid(msgspec.Struct, rename="camel", gc=False):
    log_id: int
    points: int


class _Change(msgspec.Struct, rename="camel", gc=False):
    """What a sum looks at in a change."""

    profile_id: str
    awards: list[_Paid]


class _Head(msgspec.Struct, gc=False):
    """What a write looks at in a change."""

    id: str = ""
    awards: list[_LogId] = []

    @property
    def cause(self) -> str:
        """What the ids of all changes of one cause begin with, whichever profiles they are of."""
        return self.id.rpartition("/")[0]


_decode_head: Final = msgspec.json.Decoder(_Head).decode
_decode_paid: Final = msgspec.json.Decoder(_Change).decode
_decode_change: Final = msgspec.json.Decoder(ScoreChanged).decode
_decode_mark: Final = msgspec.msgpack.Decoder(Mark).decode
_encode_mark: Final = msgspec.msgpack.Encoder().encode


@contextmanager
def _breaking() -> Generator[None]:
    try:
        yield
    except Exception as error:  # all that rocksdict raises is an Exception with RocksDB's sentence in it
        said = str(error)
        kind = LogLocked if "/LOCK:" in said else LogStalled if "Write stall" in said else LogBroken
        raise kind(said) from error


def _head(value: bytes) -> _Head:
    """Return what a change says, nothing for what is not one: this topic's reader judges nothing."""
    try:
        return _decode_head(value)
    except REFUSED:
        return _Head()


def _paid(value: bytes) -> _Change:
    """Return what a change paid, nothing for what is not one."""
    try:
        return _decode_paid(value)
    except REFUSED:
        return _Change("", [])


def shared_cache() -> Any:
    """Return a block cache for all logs of a worker."""
    return Cache(CACHE_BYTES)


class LogStore:
    """One log below ``folder``; rows older than ``ttl_seconds`` go some time after (0: never)."""

    def __init__(self, folder: Path, cache: Any, ttl_seconds: int) -> None:
        with _breaking():
            self._db = _opened(folder, cache, ttl_seconds)
            raw = self._db.get(MARK_KEY)
            if raw is None and next(_scan(self._db, b"", _LAST), None) is not None:  # of another layout
                self._db.close()
                shutil.rmtree(folder)
                self._db = _opened(folder, cache, ttl_seconds)
            self.mark: Mark | None = None if raw is None else _decode_mark(raw)
        self._write_options: Any = WriteOptions()
        self._write_options.disable_wal = True  # the type stub calls it a method, it is an attribute
        self._write_options.no_slowdown = True  # rocksdict writes under the interpreter's lock: it must never wait

    def write(self, records: Sequence[LogRecord], mark: Mark) -> int:
        """Take records in, in the order of the topic, with what the log stands for then; return about how many rows."""
        # INVARIANT: a_mark_is_never_ahead_of_its_rows
        with _breaking():
            writing = _Writing(self._db, self._write_options)
            for key, value in records:
                if value is None:
                    writing.forget(key)
                elif (head := _head(value)).awards:
                    writing.put(key, value, head)
            writing.batch.put(MARK_KEY, _encode_mark(mark))
            writing.flush()
            self.mark = mark
            return self._db.property_int_value("rocksdb.estimate-num-keys") or 0

    def fill(self, key: bytes, run: Run) -> tuple[int, bool]:
        """Add a contact's changes to a run until it has enough; return how many, and whether the log had no more.

        It does not end amid a cause that paid several profiles in turn: a run that is broken then has a hole.
        """
        added, prefix = 0, key + NUL
        with _breaking():
            for place, value in _scan(self._db, prefix, run.next_id):
                run.add(_decode_change(value))
                added += 1
                last = _LAST - int.from_bytes(place[len(prefix) :], "big")  # log ids only fall from here on
                if run.enough and (not run.broken or last < run.next_id):
                    return added, False
        return added, True

    def ledger(self, key: bytes, log_id: int) -> Ledger:
        """Return the sum of a contact's rows up to a log id, each counted once; what is no change has none."""
        paid: dict[int, tuple[str, int]] = {}
        with _breaking():
            for _, value in _scan(self._db, key + NUL, log_id, keep=False):
                change = _paid(value)
                paid.update({row.log_id: (change.profile_id, row.points) for row in change.awards})
        points: dict[str, int] = {}
        for profile_id, its in paid.values():
            points[profile_id] = points.get(profile_id, 0) + its
        return Ledger(len(paid), points)

    def close(self) -> None:
        """Write what is in memory, close and release the lock."""
        with _breaking():
            try:
                self._db.flush()
            finally:
                self._db.close()

    def abandon(self) -> None:
        """Close without writing what is in memory."""
        with _breaking():
            self._db.close()


def delete(folder: Path) -> None:
    """Delete the folder of a log that is not open."""
    with _breaking():
        if folder.exists():
            shutil.rmtree(folder)


class _Writing:
    """One write in the making: a batch, and the contacts of which rows are in it."""

    def __init__(self, db: Any, options: Any) -> None:
        self.batch: Any = WriteBatch(raw_mode=True)
        self._db, self._options = db, options
        self._touched: set[bytes] = set()

    def put(self, key: bytes, value: bytes, head: _Head) -> None:
        """Put a change in; the first cause of a contact begins its log anew, and now and then old rows are trimmed."""
        ids = [award.log_id for award in head.awards]
        first, last = min(ids), max(ids)
        if first == 1:  # log ids go by rule, changes by profile (decision 0012): others of its cause may be here
            self.forget(key, but=head.cause)
        elif last > ROWS_KEPT and last // TRIM_EVERY != (first - 1) // TRIM_EVERY:
            self._delete(key + NUL, last - ROWS_KEPT)
        self.batch.put(key + NUL + (_LAST - last).to_bytes(8, "big"), value)
        self._touched.add(key)

    def forget(self, key: bytes, but: str | None = None) -> None:
        """Delete all of a contact, also what is in this batch, but for the changes of one cause."""
        if key in self._touched:
            self.flush()
        self._delete(key + NUL, _LAST, but)

    def flush(self) -> None:
        """Write the batch and begin another."""
        self._db.write(self.batch, self._options)
        self.batch = WriteBatch(raw_mode=True)
        self._touched.clear()

    def _delete(self, prefix: bytes, newest: int, but: str | None = None) -> None:
        for key, value in _scan(self._db, prefix, newest):
            if but is None or _head(value).cause != but:
                self.batch.delete(key)


def _scan(db: Any, prefix: bytes, newest: int, *, keep: bool = True) -> Iterator[tuple[bytes, bytes]]:
    """Yield (key, value) of a contact's changes from log id ``newest`` down; ``keep`` what was read in the cache."""
    options: Any = ReadOptions()
    options.fill_cache(keep)
    iterator = db.iter(options)
    iterator.seek(prefix + (_LAST - newest).to_bytes(8, "big"))
    while iterator.valid():
        key = iterator.key()
        if not key.startswith(prefix):
            return
        yield key, iterator.value()
        iterator.next()
    iterator.status()


def _opened(folder: Path, cache: Any, ttl_seconds: int) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    return Rdict(str(folder), _options(cache), access_type=AccessType.with_ttl(ttl_seconds))


def _options(cache: Any) -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_max_write_buffer_number(2)
    options.set_keep_log_file_num(2)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_bottommost_compression_type(DBCompressionType.zstd())
    table = BlockBasedOptions()
    table.set_block_cache(cache)
    options.set_block_based_table_factory(table)
    return options
