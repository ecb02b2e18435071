"""What pending due times cost: memory per contact, the handler with and without silence rules, and a wave that is due.

Run: ``python -m bench.due_times memory [CONTACTS]`` | ``pending [CONTACTS]`` | ``rate [EVENTS [CONTACTS]]`` |
``late [EVENTS [CONTACTS]]`` | ``wave [CONTACTS]``.  CPU time and resident memory, no Kafka; ``memory`` is the index
alone, beside one and the same record; ``pending`` lets the handler score one event of each contact, in a process for
each book; ``rate`` interleaves batches of both books, so that a noisy machine meets both alike, of events that are told
of when they happen; in ``late`` all happened before their contact was known: many an alarm is set anew (decision 0014).
"""

import gc
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from bench.handler_speed import BATCH, records
from schemas.times import DAY_MS
from stream_app.delivery.handler import Batch
from stream_app.delivery.rocks import RocksStore
from stream_app.delivery.stores import Checkpoint, MemoryStore, Store
from stream_app.processing.due_index import due_of
from tests.scoring_kit import ENGAGEMENT, SET_R, T0, Engine, FakeRecord, rulebook

SILENCES: list[dict[str, Any]] = [
    {"id": 20 + n, "name": f"Silent {days}", "points": -5, "inactivity": {"days": days, "repeat": True}}
    for n, days in enumerate((30, 60))
]
BOOKS = {"without": SET_R, "with": (*SET_R, *SILENCES)}
SLICE = 500


def resident() -> int:
    """Return this process's resident memory in bytes."""
    gc.collect()
    return psutil.Process().memory_info().rss


def memory(contacts: int = 1_000_000) -> None:
    """Print what an entry of the index costs beside the contact's record."""
    core = _core_of_a_contact_with_an_alarm()
    for name, store in (("without", MemoryStore()), ("with", MemoryStore(due_of))):
        before = resident()
        for start in range(0, contacts, 10_000):
            rows = [(f"1:contact-{n}\0c".encode(), bytes(bytearray(core))) for n in range(start, start + 10_000)]
            store.load(rows, Checkpoint(start, 0))
        loaded = resident()
        began = time.perf_counter()
        longest, last = 0.0, began
        for _ in store.index(2000):
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
        rest = time.perf_counter() - last
        took = time.perf_counter() - began
        print(  # noqa: T201
            f"{name:8} {(loaded - before) / contacts:6.1f} bytes a contact, index "
            f"{(resident() - loaded) / contacts:5.1f} more, made in {took:.2f} s, "
            f"longest slice {longest * 1e3:.0f} ms, heap {rest * 1e3:.0f} ms"
        )


def _core_of_a_contact_with_an_alarm() -> bytes:
    engine = Engine(rulebook(*SET_R, *SILENCES))
    engine.run(ENGAGEMENT, *records(0, 1, Random(1))[:3])
    return next(value for key, value in engine.state.data.items() if key.endswith(b"\0c"))


def pending(contacts: int = 1_000_000) -> None:
    """Print what contacts with a pending silence take in memory, beside the same contacts without."""
    took: dict[str, float] = {}
    for name in BOOKS:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            stored, dues, resident_bytes = pool.apply(_fill, (name, contacts))
        took[name] = resident_bytes / contacts
        print(f"{name:8} {took[name]:6.1f} bytes a contact, {stored / contacts:.1f} of state, {dues:,} due times")  # noqa: T201
    print(f"a pending silence {took['with'] - took['without']:6.1f} bytes")  # noqa: T201


def _fill(name: str, contacts: int) -> tuple[int, int, int]:
    """Score one event of each contact; return (bytes of state, due times, bytes that the process grew by)."""
    engine, store, dice = Engine(rulebook(*BOOKS[name])), MemoryStore(due_of), Random(1)
    _batch(engine, store, 0, records(0, contacts, dice)[:1])
    before = resident()
    for start in range(0, contacts, BATCH):
        _batch(engine, store, start, records(start, contacts, dice))
    after = resident()
    stored = sum(len(key) + len(value) for rows in store.walk(10_000) for key, value in rows)
    return stored, sum(1 for _ in store.dues()), after - before


def late(events: int = 1_600_000, contacts: int = 1_000_000) -> None:
    """Print what `rate` does of events that happened before their contact was known."""
    rate(events, contacts, live=False)


def rate(events: int = 1_600_000, contacts: int = 1_000_000, *, live: bool = True) -> None:
    """Print the CPU time of an event of known contacts with and without silence rules.

    Batches of both take turns, now the one first and now the other.
    """
    engines = {name: (Engine(rulebook(*book)), MemoryStore(due_of), Random(1)) for name, book in BOOKS.items()}
    costs: dict[str, list[float]] = {name: [] for name in engines}
    order = list(engines)
    gc.set_threshold(50_000, 50, 100)
    for start in range(0, events, BATCH):
        order.reverse()
        for name in order:
            engine, store, dice = engines[name]
            batch = records(start, contacts, dice, live=live)
            began = time.process_time()
            _batch(engine, store, start, batch)
            if start >= contacts:
                costs[name].append((time.process_time() - began) / BATCH * 1e6)
    for name, all_costs in costs.items():
        print(f"{name:8} median {statistics.median(all_costs):6.2f} us  best {min(all_costs):6.2f} us")  # noqa: T201
    ratios = [b / a for a, b in zip(costs["without"], costs["with"], strict=True)]
    quarter, half, three = statistics.quantiles(ratios)
    print(f"ratios of neighbouring batches: median {half:.3f}, quartiles {quarter:.3f} and {three:.3f}")  # noqa: T201


def _batch(engine: Engine, store: Store, seq: int, batch: list[FakeRecord]) -> None:
    """Run a batch of events as a partition does: in slices, its effects merged into the store."""
    work = engine.handler.begin(Batch(0, seq, "records", 0, engine.handler.version()), store)
    for at in range(0, len(batch), SLICE):
        work.apply(ENGAGEMENT, batch[at : at + SLICE])
    _merge(store, work.finish(), seq)


def wave(contacts: int = 100_000) -> None:
    """Print how a wave of due contacts passes, in clock batches of 500, on both stores."""
    with TemporaryDirectory() as folder:
        stores: list[tuple[str, Callable[[], Store]]] = [
            ("memory", lambda: MemoryStore(due_of)), ("rocksdb", lambda: RocksStore(Path(folder), due_of)),
        ]  # fmt: skip
        for name, make in stores:
            _wave(name, make(), contacts)


def _wave(name: str, store: Store, contacts: int) -> None:
    engine, dice, seq = Engine(rulebook(*SET_R, *SILENCES)), Random(1), 0
    for start in range(0, contacts, BATCH):
        _batch(engine, store, seq, records(start, contacts, dice))
        seq += 1
    until, longest, outputs, batches = T0 + 31 * DAY_MS, 0.0, 0, 0
    began = time.process_time()
    while (due := engine.handler.next_due(store)) is not None and due <= until:
        start_of_batch = time.process_time()
        work = engine.handler.begin(Batch(0, seq, "clock", until, engine.handler.version()), store)
        work.due(until, SLICE)
        effects = work.finish()
        seq, batches = _merge(store, effects, seq), batches + 1
        outputs += sum(map(len, effects.outputs.values()))
        longest = max(longest, time.process_time() - start_of_batch)
    took = time.process_time() - began
    print(  # noqa: T201
        f"{name:8} {outputs} outputs in {batches} clock batches, {took:.1f} s: {took / outputs * 1e6:.0f} us each; "
        f"the loop was held {longest * 1e3:.0f} ms at most"
    )
    store.close()


def _merge(store: Store, effects: Any, seq: int) -> int:
    store.apply(effects.changes, Checkpoint(seq + 1, 0), effects.dues)
    return seq + 1


if __name__ == "__main__":
    runs = {"memory": memory, "pending": pending, "rate": rate, "late": late, "wave": wave}
    runs[sys.argv[1]](*map(int, sys.argv[2:]))
