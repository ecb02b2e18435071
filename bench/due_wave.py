"""A wave of contacts that fall due within a second, on a real worker: how it answers meanwhile, and who was paid.

Run: ``python -m bench.due_wave [CONTACTS] [STORE ...]``.  Starts an embedded broker and a worker in a temporary folder;
each contact's one event lies a day back, less the seconds that loading takes, and a rule pays for a day of silence.
Laws: the wave's times are the broker's; who asks is another process (due_asker); every award is read with
read_committed, from the first to two seconds after the last.
"""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.due_asker import Answer, Asker
from bench.due_traffic import Awards, Events
from bench.load import ORG
from bench.meter import Progress
from bench.place import LEADSTREAM, Member, Place, free_port
from schemas.times import DAY_MS

PARTITIONS: Final = 4
KEY: Final = "ls_bench_root"
SILENCE: Final = {"name": "Silent", "points": -5, "inactivity": {"days": 1}}
SPREAD_MS: Final = 1000
QUIET_SECONDS: Final = 10
LOADED_A_SECOND: Final = 5_000  # at least, on any machine
LIMIT_SECONDS: Final = 300.0
AFTER_SECONDS: Final = 2.0


def wave(place: Place, store: str, contacts: int) -> dict[str, Any]:
    """Let all contacts fall due at once; return what was seen."""
    prefix, port = f"wave-{store}", free_port()
    source = f"{prefix}.engagement"
    environ = place.prepare(prefix, engagement_topics=f"{source}:keyed", store=store) | {
        "LEADSTREAM_ROOT_KEY": KEY, "LEADSTREAM_WEB_PORT": str(port),
        "LEADSTREAM_DATA_DIR": str(place.folder / prefix / "data"),
    }  # fmt: skip
    put = [*LEADSTREAM, "rules", "put", "--org", ORG, "--yes", "-"]
    subprocess.run(put, env=environ, check=True, input=json.dumps([SILENCE]).encode(), stdout=subprocess.DEVNULL)
    member = place.start(prefix, (*LEADSTREAM, "worker"), environ)
    progress = Progress(place, prefix, [member], source)
    progress.watch(lambda seen: seen[-1].partitions == PARTITIONS, LIMIT_SECONDS)
    due_ms = int(time.time() * 1000) + (2 * QUIET_SECONDS + contacts // LOADED_A_SECOND) * 1000
    events = Events(place, source)
    for number in range(contacts):
        events.send(str(number), due_ms - DAY_MS + number % SPREAD_MS)
    events.flush()
    progress.watch(lambda seen: seen[-1].events >= contacts, LIMIT_SECONDS)
    time.sleep(max(0.0, due_ms / 1000 - QUIET_SECONDS - time.time()))
    if time.time() * 1000 > due_ms:
        raise RuntimeError("loading took longer than the contacts had: take fewer")
    seen = _watched(place, prefix, port, member, events, contacts)
    member.stop()
    return seen


def _watched(
    place: Place, prefix: str, port: int, member: Member, events: Events, contacts: int
) -> dict[str, Any]:  # fmt: skip
    awards, sent, done = Awards(place, prefix), dict[str, float](), threading.Event()
    live = threading.Thread(target=events.live, args=(sent, done), daemon=True)
    scores = [f"/v1/contacts/{number}/score?orgId={ORG}" for number in range(0, contacts, max(1, contacts // 997))]
    asker = Asker(port, KEY, {"live": ["/live"], "score": scores})
    before, cpu = _rebalances(port), member.cpu_seconds()
    awards.start()
    live.start()
    ends = time.monotonic() + LIMIT_SECONDS
    while len(awards.paid) < contacts and time.monotonic() < ends:
        member.check()
        time.sleep(0.2)
    cpu = member.cpu_seconds() - cpu
    time.sleep(AFTER_SECONDS)
    answers, rebalances = asker.stop(), _rebalances(port) - before
    done.set()
    live.join()
    time.sleep(AFTER_SECONDS)
    awards.done.set()
    awards.join()
    first, last = min(awards.paid_at) / 1000, max(awards.paid_at) / 1000
    late = [awards.seen[name] - at for name, at in sent.items() if name in awards.seen and first <= at <= last]
    return {
        "contacts": contacts, "paid once": sum(count == 1 for count in awards.paid.values()),
        "paid more than once": sum(count > 1 for count in awards.paid.values()),
        "seconds": last - first, "worker CPU seconds": cpu, "rebalances": rebalances,
        "live events a second": len(late) / max(0.001, last - first), "live events": late,
        "live events lost": len(sent.keys() - awards.seen.keys()),
        **{f"{name}, quiet": _between(rows, 0, first) for name, rows in answers.items()},
        **{f"{name}, wave": _between(rows, first, last) for name, rows in answers.items()},
        "not 200": sum(row.status != 200 for rows in answers.values() for row in rows),
    }  # fmt: skip


def _between(rows: list[Answer], first: float, last: float) -> list[float]:
    return [row.seconds for row in rows if row.at + row.seconds >= first and row.at <= last]


def _rebalances(port: int) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
        lines = answer.read().decode().splitlines()
    return sum(int(float(line.split()[1])) for line in lines if line.startswith("leadstream_rebalances_total "))


def _told(value: Any) -> str:
    """Return a figure, or of many times in seconds their p50, p99 and worst."""
    if not isinstance(value, list):
        return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
    times: list[float] = sorted(value)
    if not times:
        return "none"
    p50, p99, worst = (times[min(len(times) - 1, len(times) * share // 100)] * 1000 for share in (50, 99, 100))
    return f"{len(times)} times, ms: p50 {p50:.0f}, p99 {p99:.0f}, worst {worst:.0f}"


def main(contacts: int, *stores: str) -> None:
    """Measure and print."""
    print(f"load average before it {os.getloadavg()[0]:.2f}")  # noqa: T201
    with TemporaryDirectory(prefix="leadstream-wave-") as folder, Place(Path(folder), PARTITIONS) as place:
        for store in stores or ("memory", "rocksdb"):
            print(store)  # noqa: T201
            for name, value in wave(place, store, contacts).items():
                print(f"  {name:22} {_told(value)}")  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, *sys.argv[2:])
