"""The RocksDB store: committed state on local disk, so that a restart reads only the tail of the changelog.

Laws: a batch and the checkpoint it leads to are one WriteBatch, so after kill -9 the store is a valid, if older, base;
it is never newer than the changelog unless the changelog was cut, and then `opening` wipes it.  The index of due times
is part of it and of that write; keys that begin with two NULs are the store's own.
Writes below one folder per partition; reads nothing else.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

from rocksdict import BlockBasedOptions, Cache, Options, Rdict, ReadOptions, WriteBatch

from stream_app.delivery.due_times import NOTHING_DUE, Due, DueOf, entry, never_due, split
from stream_app.delivery.stores import Change, Checkpoint

CHECKPOINT_KEY: Final = b"\x00\x00checkpoint"
DUE_PREFIX: Final = b"\x00\x00due"
DUE_END: Final = b"\x00\x00duf"
FIRST_KEY: Final = b"\x00\x01"
WRITE_BUFFER_BYTES: Final = 4 << 20
BLOCK_CACHE_BYTES: Final = 16 << 20


def _options() -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_max_write_buffer_number(2)
    options.set_keep_log_file_num(2)
    table = BlockBasedOptions()
    table.set_block_cache(Cache(BLOCK_CACHE_BYTES))
    table.set_bloom_filter(10, False)
    options.set_block_based_table_factory(table)
    return options


class RocksStore:
    """One RocksDB below ``folder``; small caches, because there is one per partition."""

    def __init__(self, folder: Path, due_of: DueOf = never_due) -> None:
        self._folder = folder
        self._due_of = due_of
        self._due_from = DUE_PREFIX  # no entry lies before it: a seek past what was dropped is slow
        self._db: Any = self._open()
        self.get: Callable[[bytes], bytes | None] = self._db.get

    def _open(self) -> Any:
        self._folder.mkdir(parents=True, exist_ok=True)
        return Rdict(str(self._folder), _options())

    def scan(self, after: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, value) in key order, without the store's own."""
        passing: Any = ReadOptions()
        passing.fill_cache(False)  # a walk over all would drive out what batches read again
        iterator = self._db.iter(passing)
        iterator.seek(max(after + b"\x00", FIRST_KEY))
        while iterator.valid():
            yield iterator.key(), iterator.value()
            iterator.next()
        iterator.status()  # raises where it ended early, at what cannot be read

    def walk(self, records: int) -> Iterator[list[tuple[bytes, bytes]]]:
        """Yield every record in slices; an iterator holds the lock of a closed store, so none outlives its slice."""
        after = b""
        while rows := list(islice(self.scan(after), records)):
            yield rows
            after = rows[-1][0]

    def load(self, changes: Iterable[Change], checkpoint: Checkpoint) -> None:
        """Write changes, their due times and the checkpoint at once."""
        changes = list(changes)
        due_of = self._due_of
        dues = {k: due for k, value in changes if value is not None and (due := due_of(k, value)) is not None}
        self._write(changes, checkpoint, dues)

    def index(self, records: int) -> Iterator[None]:
        """Do nothing: the index is kept."""
        return iter(())

    def apply(
        self, changes: Mapping[bytes, bytes | None], checkpoint: Checkpoint, dues: Mapping[bytes, int] = NOTHING_DUE
    ) -> None:
        """Write the changes of one committed batch, its new due times and its checkpoint at once."""
        self._write(changes.items(), checkpoint, dues)

    def dues(self) -> Iterator[Due]:
        """Yield what is due, in order; what is outdated before the first of it is deleted."""
        self._drop_outdated()
        for packed in self._packed_dues():
            if self._counts(packed):
                yield split(packed)

    def _write(self, changes: Iterable[Change], checkpoint: Checkpoint, dues: Mapping[bytes, int]) -> None:
        # INVARIANT: a_batch_and_its_checkpoint_are_one_write
        batch: Any = WriteBatch(raw_mode=True)
        for key, value in changes:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        for key, due in dues.items():
            name = DUE_PREFIX + entry(due, key)
            batch.put(name, b"")
            self._due_from = min(self._due_from, name)
        batch.put(CHECKPOINT_KEY, b"%d %d" % (checkpoint.offset, checkpoint.at))
        self._db.write(batch)

    def _drop_outdated(self) -> None:
        outdated: list[bytes] = []
        first = DUE_END
        for packed in self._packed_dues():
            if self._counts(packed):
                first = DUE_PREFIX + packed
                break
            outdated.append(packed)
        self._due_from = first
        for packed in outdated:
            self._db.delete(DUE_PREFIX + packed)

    def _packed_dues(self) -> Iterator[bytes]:
        iterator = self._db.iter(ReadOptions())
        iterator.seek(self._due_from)
        while iterator.valid() and (name := iterator.key()).startswith(DUE_PREFIX):
            yield name[len(DUE_PREFIX) :]
            iterator.next()
        iterator.status()

    def _counts(self, packed: bytes) -> bool:
        due, key = split(packed)
        value = self._db.get(key)
        return value is not None and self._due_of(key, value) == due

    def checkpoint(self) -> Checkpoint | None:
        """Return what the store stands for."""
        raw = self._db.get(CHECKPOINT_KEY)
        if raw is None:
            return None
        offset, at = raw.split()
        return Checkpoint(int(offset), int(at))

    def wipe(self) -> None:
        """Delete the folder and start an empty store in it."""
        self._db.close()
        shutil.rmtree(self._folder)
        self._db = self._open()
        self.get = self._db.get
        self._due_from = DUE_PREFIX

    def close(self) -> None:
        """Close the database and release its lock."""
        self._db.close()
