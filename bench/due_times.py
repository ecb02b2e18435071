"""What pending due times cost: memory per contact, the handler with and without silence rules, and a wave that is due.

Run: ``python -m bench.due_times memory [CONTACTS]`` | ``rate [EVENTS]`` | ``wave [CONTACTS]``.  CPU time and resident
memory of this process, no Kafka; ``rate`` interleaves batches of both books, so that a noisy machine meets both alike.
"""

import gc
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
from tests.scoring_kit import ENGAGEMENT, SET_R, T0, Engine, rulebook

SILENCES: list[dict[str, Any]] = [
    {"id": 20 + n, "name": f"Silent {days}", "points": -5, "inactivity": {"days": days, "repeat": True}}
    for n, days in enumerate((30, 60))
]
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


def rate(events: int = 400_000, contacts: int = 100_000) -> None:
    """Print the CPU time of an event with and without silence rules, in interleaved batches."""
    engines = {"without": Engine(rulebook(*SET_R)), "with": Engine(rulebook(*SET_R, *SILENCES))}
    dice = {name: Random(1) for name in engines}
    costs: dict[str, list[float]] = {name: [] for name in engines}
    gc.set_threshold(50_000, 50, 100)
    for start in range(0, events, BATCH):
        for name, engine in engines.items():
            batch = records(start, contacts, dice[name])
            began = time.process_time()
            work = engine.handler.begin(Batch(0, start, "records", 0, engine.handler.version()), engine.state)
            for at in range(0, BATCH, SLICE):
                work.apply(ENGAGEMENT, batch[at : at + SLICE])
            effects = work.finish()
            if start >= contacts:
                costs[name].append((time.process_time() - began) / BATCH * 1e6)
            engine.state.merge(effects)
    for name, all_costs in costs.items():
        print(f"{name:8} median {statistics.median(all_costs):6.2f} us  best {min(all_costs):6.2f} us")  # noqa: T201
    ratio = statistics.median(b / a for a, b in zip(costs["without"], costs["with"], strict=True))
    print(f"median of the ratios of neighbouring batches {ratio:.3f}")  # noqa: T201


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
        work = engine.handler.begin(Batch(0, seq, "records", 0, engine.handler.version()), store)
        work.apply(ENGAGEMENT, records(start, contacts, dice))
        seq = _merge(store, work.finish(), seq)
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
    {"memory": memory, "rate": rate, "wave": wave}[sys.argv[1]](*map(int, sys.argv[2:]))
