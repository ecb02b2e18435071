"""A trivial Handler: counts records per key.  With it delivery is proved before scoring rides on it.

A record ``due:<ms>`` also asks for a tick ``ms`` after its timestamp; ``bad`` is a dead letter, ``boom`` a bug.
State: ``n<key>`` -> count; ``d<20-digit due time><key>`` -> empty.  Outputs: one per record, tick and sweep.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from stream_app.delivery import (
    Batch,
    Committed,
    Effects,
    ExactlyOnceApp,
    Job,
    MemoryStore,
    Outcomes,
    Output,
    Record,
    Store,
)
from stream_app.delivery.rocks import RocksStore
from stream_app.operations.phases import probe_from
from stream_app.operations.process import BrokerAnswers, run


class Counting:
    """One batch of counting."""

    def __init__(self, batch: Batch, committed: Committed, output: str) -> None:
        self.clock = batch.clock
        self._batch, self._committed, self._output = batch, committed, output
        self._changes: dict[bytes, bytes | None] = {}
        self._out: list[Output] = []
        self._outcomes = Outcomes()

    def _get(self, key: bytes) -> bytes | None:
        return self._changes[key] if key in self._changes else self._committed.get(key)

    def apply(self, source: str, records: Iterable[Record]) -> None:
        for record in records:
            if record.value == b"boom":
                raise ValueError("boom")
            limit = record.timestamp if self._batch.ceiling is None else min(record.timestamp, self._batch.ceiling)
            self.clock = max(self.clock, limit)
            if record.value == b"bad" or record.key is None:
                self._outcomes.dead_letter += 1
                continue
            self._outcomes.applied += 1
            count = int(self._get(b"n" + record.key) or b"0") + 1
            self._changes[b"n" + record.key] = b"%d" % count
            if record.value and record.value.startswith(b"due:"):
                due = record.timestamp + int(record.value[4:])
                self._changes[b"d%020d" % due + record.key] = b""
            origin = f"{source}-{self._batch.partition}-{record.offset}"
            self._out.append((record.key, b"%d" % count, [("id", origin.encode())]))

    def due(self, until: int, limit: int) -> int:
        keys = [key for key, _ in self._committed.scan(b"d") if key < b"d%020d" % (until + 1) and key[:1] == b"d"]
        keys += [key for key in self._changes if key[:1] == b"d" and key < b"d%020d" % (until + 1)]
        done = [key for key in sorted(keys) if self._get(key) is not None][:limit]
        for key in done:
            self._changes[key] = None
            self._out.append((key[21:], b"tick", [("id", b"tick-" + key)]))
        return len(done)

    def sweep(self, after: bytes, limit: int) -> bytes | None:
        last, n = None, 0
        for key, value in self._committed.scan(max(after, b"n")):
            if key[:1] != b"n":
                break
            if n == limit:
                return last
            last, n = key, n + 1
            self._out.append((key[1:], b"swept", [("id", b"sweep-%d-" % self._batch.version + key + b"=" + value)]))
        return None

    def finish(self) -> Effects:
        outputs: dict[str, list[Output]] = {self._output: self._out} if self._out else {}
        return Effects(outputs, self._changes, self._outcomes)


class Counter:
    """Counts; the rulebook version is the number in a file."""

    def __init__(self, output: str, version_file: Path | None = None) -> None:
        self._output, self._file = output, version_file

    def begin(self, batch: Batch, committed: Committed) -> Counting:
        return Counting(batch, committed, self._output)

    def version(self) -> int:
        return int(self._file.read_text()) if self._file is not None and self._file.exists() else 0

    def needs_sweep(self, before: int, now: int) -> bool:
        return True

    def next_due(self, committed: Committed) -> int | None:
        for key, _ in committed.scan(b"d"):
            return int(key[1:21]) if key[:1] == b"d" else None
        return None

    def committed(self, batch: Batch, effects: Effects) -> None:
        pass


def counter_job(name: str, bootstrap: str, partitions: int, folder: Path, store: str) -> Job:
    """Two sources, one output; a RocksDB store below ``folder`` or memory."""

    def open_store(partition: int) -> Store:
        return RocksStore(folder / f"store-{partition}") if store == "rocksdb" else MemoryStore()

    return Job(
        name=name, sources=(f"{name}.fast", f"{name}.events"), changelog=f"{name}-counts-changelog",
        journal=f"{name}.journal", partitions=partitions, handler=Counter(f"{name}.counted", folder / "version"),
        client={"bootstrap_servers": bootstrap}, probe=probe_from(os.environ), heartbeat_seconds=1.0, store=open_store,
    )  # fmt: skip


if __name__ == "__main__":
    import logging

    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")
    name, bootstrap, partitions, folder, store, instance = sys.argv[1:]
    job = counter_job(name, bootstrap, int(partitions), Path(folder), store)
    app = ExactlyOnceApp(
        job, table="counts", broker=bootstrap, data_dir=Path(folder), url=f"http://127.0.0.1/{instance or os.getpid()}",
        session_timeout_seconds=6.0, instance_id=instance or None,
    )  # fmt: skip
    run(app, [BrokerAnswers(dict(job.client))])
