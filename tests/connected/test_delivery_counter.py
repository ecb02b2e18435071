"""Delivery alone, with a counter on it: each record counts exactly once whatever ends the workers."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.conftest import Broker
from tests.connected import counter_fleet as fleet_of
from tests.connected.counter_accounts import exact
from tests.connected.waiting import until

PARTITIONS = 4


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
    await exact(bootstrap, name, PARTITIONS)
