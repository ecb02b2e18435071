"""The hot path of one worker, step by step: microseconds per event, measured in this process on preloaded records.

Laws: each batch is run once as it is, once with its calls recorded, and then every recorded step is run again alone, on
the same arguments and state, the cost of a bare call taken off; only then is the batch merged.  So steps are real work
in real order of batches, without the cost of a profiler in them; times are CPU times of this thread.
Reads one partition of the preloaded topic and a leadstream's ``config``; writes nothing.
"""

import asyncio
import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from bench.meter import read_log
from bench.place import SOURCE, Place
from schemas.journal import PARTITION_RECORD_KEY
from stream_app.delivery import Batch, Effects, Job, MemoryStore
from stream_app.delivery.aiokafka_fetch import Take
from stream_app.delivery.aiokafka_send import build_batch
from stream_app.delivery.batches import NO_HEADERS
from stream_app.delivery.reader import SourceReader
from stream_app.delivery.stores import Checkpoint
from stream_app.operations.process import tune_collector
from stream_app.processing.handler import ScoringHandler
from stream_app.scoring.rulebook import EMPTY_RULEBOOK, ConfigRecord, Rulebook, fold
from stream_app.settings import declared_topics

BATCH_RECORDS: Final = 4000
BATCH_BYTES: Final = 900_000
# step, module, name: what is recorded and run again; steps of one name are added up
STEPS: Final = (
    ("decode", None, "event"),
    ("load sections", "stream_app.processing.sections", "load"),
    ("decide (with dedupe)", "stream_app.processing.work", "decide_on_time"),
    ("dedupe", "stream_app.scoring.decide", "id_hash"),
    ("dedupe", "stream_app.scoring.decide", "seen"),
    ("dedupe", "stream_app.scoring.decide", "remember"),
    ("encode outputs", "stream_app.processing.work", "_encode"),
    ("store sections", "stream_app.processing.sections", "store"),
)
HANDLER: Final = ("decode", "load sections", "dedupe", "decide", "encode outputs", "store sections")


class Fixed:
    """The rulebook as it is in ``config`` now."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook

    def current(self) -> Rulebook:
        """Return it."""
        return self._rulebook

    def at(self, version: int) -> Rulebook:
        """Return it."""
        return self._rulebook


@dataclass
class Steps:
    """Seconds by step and the events they were spent on."""

    events: int = 0
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    def add(self, step: str, seconds: float) -> None:
        """Add to a step."""
        self.seconds[step] = self.seconds.get(step, 0.0) + seconds

    def rows(self) -> list[dict[str, Any]]:
        """Return the table: decide without its dedupe, and what of the handler no step accounts for."""
        us = {step: seconds / self.events * 1e6 for step, seconds in self.seconds.items()}
        us["decide"] = us.pop("decide (with dedupe)") - us["dedupe"]
        us["handler: loop, overlay, effects"] = us.pop("handler as a whole") - sum(us[step] for step in HANDLER)
        order = ("fetch iterate", *HANDLER, "handler: loop, overlay, effects", "build batch", "merge")
        return [{"step": step, "us_per_event": round(us[step], 3)} for step in order]


def hot_path(place: Place, prefix: str, events: int) -> list[dict[str, Any]]:
    """Return (step, us per event) over the second half of one partition of the load."""
    return asyncio.run(_hot_path(place, prefix, events))


async def _hot_path(place: Place, prefix: str, events: int) -> list[dict[str, Any]]:
    handler, store, steps = _handler(place, prefix), MemoryStore(), Steps()
    job = Job(
        name="hot-path", sources=(SOURCE,), changelog="none", journal="none", partitions=place.partitions,
        handler=handler, client={"bootstrap_servers": [place.bootstrap]},
    )  # fmt: skip
    reader = SourceReader(job, 0)
    await reader.start({SOURCE: 0})
    seq = done = 0
    warm = events // place.partitions // 2
    tune_collector()
    while True:
        take = reader.take_now(BATCH_RECORDS)
        if take is None:
            await reader.wait(2)
            take = reader.take_now(BATCH_RECORDS)
        if take is None:
            break
        seq += 1
        batch = Batch(0, seq, "records", 0, handler.version())
        done += _one(handler, store, batch, take, steps if done >= warm else Steps())
    await reader.stop()
    return steps.rows()


def _handler(place: Place, prefix: str) -> ScoringHandler:
    topics = declared_topics(place.settings(prefix))
    config = read_log(place, topics.config.name, partitions=1)
    records = [ConfigRecord(m.key() or b"", m.value(), m.offset() or 0) for m in config]
    return ScoringHandler(
        partitions=place.partitions, engagement=[SOURCE], contacts=topics.contacts.name, commands=topics.commands.name,
        score_changed=topics.score_changed.name, threshold_crossed=topics.threshold_crossed.name,
        dead_letters=topics.dead_letters.name, rulebooks=Fixed(fold(EMPTY_RULEBOOK, records).rulebook),
    )  # fmt: skip


def _one(handler: ScoringHandler, store: MemoryStore, batch: Batch, take: Take, steps: Steps) -> int:
    """Run one batch three times and merge it; return its events."""
    begun = time.thread_time()
    records = list(take.records())
    steps.add("fetch iterate", time.thread_time() - begun)
    begun = time.thread_time()
    _work(handler, store, batch, records)
    steps.add("handler as a whole", time.thread_time() - begun)
    calls: list[tuple[str, Callable[..., Any], list[tuple[Any, ...]]]] = []
    with ExitStack() as stack:
        for step, module, name in STEPS:
            owner = handler._plan.codec if module is None else importlib.import_module(module)
            calls.append((step, *stack.enter_context(recorded(owner, name))))
        effects = _work(handler, store, batch, records)
    for step, function, arguments in calls:
        steps.add(step, max(0.0, _timed(function, arguments) - _timed(_nothing, arguments)))
    _deliver(store, effects, steps)
    steps.events += len(records)
    return len(records)


def _work(handler: ScoringHandler, store: MemoryStore, batch: Batch, records: list[Any]) -> Effects:
    work = handler.begin(batch, store)
    for first in range(0, len(records), 500):
        work.apply(SOURCE, records[first : first + 500])
    return work.finish()


def _deliver(store: MemoryStore, effects: Effects, steps: Steps) -> None:
    """Time what delivery does with effects beside sending them."""
    begun = time.thread_time()
    changelog = [(key, value, NO_HEADERS) for key, value in {**effects.changes, PARTITION_RECORD_KEY: b""}.items()]
    for records in (*effects.outputs.values(), changelog):
        first = 0
        while first < len(records):
            _, first = build_batch(BATCH_BYTES, "lz4", records, first, 0)
    steps.add("build batch", time.thread_time() - begun)
    begun = time.thread_time()
    store.apply(effects.changes, Checkpoint(0, 0))
    steps.add("merge", time.thread_time() - begun)


@contextmanager
def recorded(owner: Any, name: str) -> Iterator[tuple[Callable[..., Any], list[tuple[Any, ...]]]]:
    """Yield (function, arguments of its calls) while the function is called through its owner."""
    function, calls = getattr(owner, name), list[tuple[Any, ...]]()
    own = name in vars(owner)

    def record(*arguments: Any) -> Any:
        calls.append(arguments)
        return function(*arguments)

    setattr(owner, name, record)
    try:
        yield function, calls
    finally:
        if own:
            setattr(owner, name, function)
        else:
            delattr(owner, name)


def _timed(function: Callable[..., Any], calls: list[tuple[Any, ...]]) -> float:
    begun = time.thread_time()
    for arguments in calls:
        function(*arguments)
    return time.thread_time() - begun


def _nothing(*arguments: Any) -> None:
    pass
