"""Throughput of leadstream, of its floor (delivery without scoring) and of stock Faust, on the same preloaded topic.

Laws: each run starts from nothing; leadstream and floor read all of the load, stock a window after its warm-up.
Reads the preloaded topic; writes topics of the peers.
"""

import sys
from typing import Any, Final, Literal

from bench.meter import Figures, Progress, Sample, journal_span, sizes
from bench.place import SOURCE, Place

DRAIN_SECONDS: Final = 900.0
START_SECONDS: Final = 120.0
FLOOR_WORKER: Final = (sys.executable, "-m", "bench.floor_worker")
STOCK_WORKER: Final = (sys.executable, "-m", "bench.stock_worker")

Guarantee = Literal["exactly_once", "at_least_once"]


def first_moving(samples: list[Sample]) -> Sample:
    """Return the first sample in which anything is committed, but never the last, which may have seen it all."""
    return next((sample for sample in samples[:-1] if sample.events), samples[-2])


def leadstream(place: Place, workers: int, events: int) -> tuple[dict[str, Any], dict[str, float]]:
    """Score the whole load; return (figures, sizes)."""
    prefix = f"ls{workers}"
    figures = _drain(place, prefix, "leadstream exactly once", workers, events, place.prepare(prefix))
    return figures, sizes(place, prefix, events)


def floor(place: Place, events: int, measured: dict[str, float]) -> dict[str, Any]:
    """Deliver the whole load without scoring it, writing as many records and bytes as leadstream did."""
    environ = place.prepare("floor") | {
        "BENCH_OUTPUT_TOPIC": "floor.score-changed",
        "BENCH_OUTPUTS_PER_EVENT": str(measured["outputs_per_event"]),
        "BENCH_OUTPUT_BYTES": str(round(measured["bytes_per_output"])),
        "BENCH_CHANGE_BYTES": str(round(measured["bytes_per_changelog_record"])),
    }
    return _drain(place, "floor", "floor: delivery only", 1, events, environ, FLOOR_WORKER)


def _drain(
    place: Place, prefix: str, peer: str, workers: int, events: int, environ: dict[str, str], *command: tuple[str, ...]
) -> dict[str, Any]:
    members = [place.worker(f"{prefix}-{number}", environ, *command) for number in range(workers)]
    samples = Progress(place, prefix, members).watch(lambda seen: seen[-1].events >= events, DRAIN_SECONDS)
    for member in members:
        member.stop()
    timed = journal_span(place, prefix)
    return Figures.of(peer, workers, first_moving(samples), samples[-1], timed).as_dict()


def stock(place: Place, guarantee: Guarantee, warm_up_seconds: float, seconds: float) -> dict[str, Any]:
    """Let stock Faust score for a while; return the figures of the window after the warm-up."""
    name = f"stock-{guarantee.replace('_', '-')}"
    place.create(f"{name}.score-changed", f"{name}.threshold-crossed")
    environ = {
        "BENCH_NAME": name, "BENCH_BOOTSTRAP": place.bootstrap, "BENCH_SOURCE": SOURCE, "BENCH_GUARANTEE": guarantee,
        "BENCH_PARTITIONS": str(place.partitions),
    }  # fmt: skip
    member = place.start(name, STOCK_WORKER, environ)
    progress = Progress(place, name, [member])
    first = progress.watch(lambda seen: seen[-1].events > 0, START_SECONDS)[-1]
    wanted = warm_up_seconds + seconds
    samples = progress.watch(lambda seen: seen[-1].at - first.at >= wanted, wanted + START_SECONDS)
    member.stop()
    window = [sample for sample in samples if sample.at - first.at >= warm_up_seconds]
    return Figures.of(f"stock Faust {guarantee}", 1, window[0], window[-1]).as_dict()
