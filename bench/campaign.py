"""One run of everything, in order, on one broker; each part adds to the result as it ends.

Reads and writes: a temporary folder, removed at the end; the result goes to the caller.
"""

import os
import platform
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import restore, throughput
from bench.hot_path import hot_path
from bench.latency import latency
from bench.load import preload
from bench.place import SOURCE, Place

Result = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """How much is measured."""

    events: int
    contacts: int
    partitions: int
    workers: tuple[int, ...]
    stock_seconds: float
    warm_up_seconds: float
    latency_seconds: float


def run(options: Options, command: str, tell: Callable[[str], None], keep: Callable[[Result], None]) -> Result:
    """Measure everything; ``keep`` gets the result after each part, so that a broken run leaves what it had."""
    result: Result = {"command": command, "options": asdict(options), "machine": machine(), "throughput": []}
    with tempfile.TemporaryDirectory(prefix="leadstream-bench-") as folder:
        with Place(Path(folder), options.partitions) as place:
            tell(f"preloading {options.events:,} events")
            place.create(SOURCE)
            load = (place.bootstrap, SOURCE, options.partitions, options.events, options.contacts)
            result["event_bytes"] = round(preload(*load), 1)
            for part in (_peers, _restores, _single):
                part(place, options, result, tell)
                keep(result)
    return result


def _peers(place: Place, options: Options, result: Result, tell: Callable[[str], None]) -> None:
    rows: list[Result] = result["throughput"]
    for workers in options.workers:
        tell(f"leadstream, {workers} worker(s)")
        row, measured = throughput.leadstream(place, workers, options.events)
        rows.append(row)
        result.setdefault("sizes", measured)
    tell("floor")
    rows.append(throughput.floor(place, options.events, result["sizes"]))
    for guarantee in ("exactly_once", "at_least_once"):
        tell(f"stock Faust {guarantee}")
        rows.append(throughput.stock(place, guarantee, options.warm_up_seconds, options.stock_seconds))


def _restores(place: Place, options: Options, result: Result, tell: Callable[[str], None]) -> None:
    contacts = result["sizes"]["contacts"]
    tell("restore from the changelog")
    rows = [restore.from_changelog(place, f"ls{options.workers[0]}", contacts)]
    tell("RocksDB and kill -9")
    figures, row = restore.after_kill(place, options.events, contacts)
    result["throughput"].append(figures)
    result["restore"] = [*rows, row]


def _single(place: Place, options: Options, result: Result, tell: Callable[[str], None]) -> None:
    tell("latency")
    result["latency"] = latency(place, options.latency_seconds, options.contacts)
    tell("hot path")
    result["hot_path"] = hot_path(place, f"ls{options.workers[0]}", options.events)


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor(), "cores": len(os.sched_getaffinity(0)),
        "python": sys.version.split()[0], "system": platform.platform(),
        "load_before": os.getloadavg()[0], "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
