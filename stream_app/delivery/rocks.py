"""The RocksDB store: committed state on local disk, so that a restart reads only the tail of the changelog.

Laws: a batch and the checkpoint it leads to are one WriteBatch, so after kill -9 the store is a valid, if older, base;
it is never newer than the changelog unless the changelog was cut, and then `opening` wipes it.
Writes below one folder per partition; reads nothing else.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

from rocksdict import BlockBasedOptions, Cache, Options, Rdict, ReadOptions, WriteBatch

from stream_app.delivery.stores import Change, Checkpoint

CHECKPOINT_KEY: Final = b"\x00\x00checkpoint"
WRITE_BUFFER_BYTES: Final = 8 << 20
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

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._db: Any = self._open()
        self.get: Callable[[bytes], bytes | None] = self._db.get

    def _open(self) -> Any:
        self._folder.mkdir(parents=True, exist_ok=True)
        return Rdict(str(self._folder), _options())

    def scan(self, after: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, value) in key order, without the checkpoint."""
        iterator = self._db.iter(ReadOptions())
        iterator.seek(after + b"\x00")
        while iterator.valid():
            key = iterator.key()
            if key != CHECKPOINT_KEY:
                yield key, iterator.value()
            iterator.next()

    def walk(self, records: int) -> Iterator[list[tuple[bytes, bytes]]]:
        """Yield every record in slices; an iterator holds the lock of a closed store, so none outlives its slice."""
        after = b""
        while rows := list(islice(self.scan(after), records)):
            yield rows
            after = rows[-1][0]

    def load(self, changes: Iterable[Change], checkpoint: Checkpoint) -> None:
        """Write changes and checkpoint at once."""
        # INVARIANT: a_batch_and_its_checkpoint_are_one_write
        batch: Any = WriteBatch(raw_mode=True)
        for key, value in changes:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(CHECKPOINT_KEY, b"%d %d" % (checkpoint.offset, checkpoint.at))
        self._db.write(batch)

    def apply(self, changes: Mapping[bytes, bytes | None], checkpoint: Checkpoint) -> None:
        """Write the changes of one committed batch and its checkpoint at once."""
        self.load(changes.items(), checkpoint)

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

    def close(self) -> None:
        """Close the database and release its lock."""
        self._db.close()
