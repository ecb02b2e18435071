"""Delivery alone, with a counter on it: each record counts exactly once whatever ends the workers."""

import asyncio
import collections
import signal
from pathlib import Path

import pytest

from tests.conftest import Broker
from tests.connected import counter_fleet as fleet_of
from tests.connected.waiting import until

PARTITIONS = 4


async def exact(bootstrap: str, name: str) -> None:
    """Every good record is counted once, in order per key; journals have no gap; accounts add up."""
    inputs = [r for t in ("fast", "events") for r in await fleet_of.read_all(bootstrap, f"{name}.{t}", PARTITIONS)]
    good = [r for r in inputs if r.value != b"bad"]
    outputs = await fleet_of.read_all(bootstrap, f"{name}.counted", PARTITIONS)
    ids = collections.Counter(dict(r.headers)["id"] for r in outputs if r.value not in (b"tick", b"swept"))
    assert ids == collections.Counter(f"{r.topic}-{r.partition}-{r.offset}".encode() for r in good)
    per_key: dict[bytes, int] = collections.defaultdict(int)
    for row in outputs:
        if row.value not in (b"tick", b"swept"):
            per_key[row.key] += 1
            assert int(row.value) == per_key[row.key]
    ticks = collections.Counter(dict(r.headers)["id"] for r in outputs if r.value == b"tick")
    asked = collections.Counter(
        b"tick-d%020d" % (r.timestamp + 100) + r.key for r in good if r.value.startswith(b"due:")
    )
    assert set(ticks) == set(asked)
    assert max(ticks.values()) == 1
    for entries in (await fleet_of.journals(bootstrap, name, PARTITIONS)).values():
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
        reached: dict[str, int] = {}
        for entry in entries:
            for part in entry.inputs:
                assert part.from_ == reached.get(part.topic, part.from_)
                reached[part.topic] = part.to
    for record in (await fleet_of.partition_records(bootstrap, name, PARTITIONS)).values():
        for topic, counter in record.counters.items():
            counted = counter.applied + counter.duplicate + counter.no_effect + counter.dead_letter + counter.gaps
            assert record.sources[topic] - counter.start == counted


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("store", "static"), [("memory", False), ("rocksdb", True)])
async def test_each_record_counts_once_under_kills_in_every_phase(
    broker: Broker, scratch_prefix: str, tmp_path: Path, store: str, static: bool
) -> None:
    name, bootstrap = scratch_prefix, broker.bootstrap
    await fleet_of.make_topics(bootstrap, name, PARTITIONS)
    fleet = fleet_of.Fleet(bootstrap, name, PARTITIONS, tmp_path, store, static)
    enough = asyncio.Event()
    sending = asyncio.create_task(fleet_of.load(bootstrap, name, enough, rate=400))
    try:
        fleet.start(1)
        for crash in (
            "restoring:2",
            "sending:3",
            "sent:5",
            "committing:4",
            "committing:6:1",
            "committed:3",
            "merging:5",
        ):
            fleet.start(2, crash)
            await fleet.crashed(2)
        fleet.start(2)
        await until(lambda: "open, restored" in fleet.log(2), seconds=60)
        fleet.processes[1].send_signal(signal.SIGSTOP)
        await asyncio.sleep(8)  # longer than the session timeout of 6 s: the other takes over
        fleet.processes[1].send_signal(signal.SIGCONT)
        enough.set()
        assert await sending > 5_000
        await fleet_of.drained(bootstrap, name, PARTITIONS)
        for process in fleet.processes.values():
            process.send_signal(signal.SIGTERM)
        await until(lambda: all(p.poll() is not None for p in fleet.processes.values()), seconds=15)
        assert [p.returncode for p in fleet.processes.values()] == [0, 0]
    finally:
        sending.cancel()
        fleet.kill_all()
    await exact(bootstrap, name)
