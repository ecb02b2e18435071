"""Restore: how long a worker takes from a fence to its first batch, from the changelog alone and after kill -9.

Laws: times come from the worker's phase file, counts from its log; nothing is left to score when memory is restored.
Reads the phase file and log of workers.
"""

import re
import time
from typing import Any, Final

from bench.meter import Figures, Progress
from bench.place import Member, Place
from bench.throughput import DRAIN_SECONDS, first_moving

LOOK_SECONDS: Final = 0.005
LIMIT_SECONDS: Final = 300.0
RESTORED: Final = re.compile(r"partition \d+: open, restored (\d+) records")


def from_changelog(place: Place, prefix: str, contacts: float) -> dict[str, Any]:
    """Start a worker with a memory store on a changelog that is complete; return time and rate."""
    member, seconds = _started(place, f"{prefix}-restore", place.prepare(prefix))
    member.stop()
    return _row("memory store, changelog only", contacts, member, seconds)


def after_kill(place: Place, events: int, contacts: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """Kill a worker with a RocksDB store half way; return (its throughput until then, what the restart restored)."""
    prefix = "rocks"
    environ = place.prepare(prefix, store="rocksdb")
    member = place.worker(prefix, environ)
    samples = Progress(place, prefix, [member]).watch(lambda seen: seen[-1].events >= events * 0.6, DRAIN_SECONDS)
    member.kill()
    figures = Figures.of("leadstream exactly once, RocksDB", 1, first_moving(samples), samples[-1]).as_dict()
    again, seconds = _started(place, prefix, environ)
    again.stop()
    return figures, _row("RocksDB store, after kill -9", contacts, again, seconds)


def _started(place: Place, name: str, environ: dict[str, str]) -> tuple[Member, float]:
    """Start a worker; return it and the seconds from the first fence to the last partition's first batch."""
    phases = place.folder / name / "phases"
    phases.unlink(missing_ok=True)
    member = place.worker(name, environ | {"LEADSTREAM_PHASE_FILE": str(phases)})
    begun, ends = 0.0, time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < ends:
        now, found = time.monotonic(), phases.read_bytes()[: place.partitions] if phases.exists() else b""
        if not begun and set(found) & set(b"or"):
            begun = now
        if found and not set(found) & set(b"ior"):
            return member, now - begun
        member.check()
        time.sleep(LOOK_SECONDS)
    raise TimeoutError(f"{name} did not open within {LIMIT_SECONDS:g} s")


def _row(what: str, contacts: float, member: Member, seconds: float) -> dict[str, Any]:
    records = sum(int(count) for count in RESTORED.findall(member.log()))
    return {
        "what": what, "contacts": contacts, "records": records, "seconds": round(seconds, 2),
        "records_per_second": round(records / seconds),
    }  # fmt: skip
