"""A worker that is killed in the middle of a restore into RocksDB goes on from what it has, to the exact state."""

import asyncio
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from stream_app.delivery.opening import RESTORE_CHUNK
from stream_app.delivery.rocks import RocksStore
from tests.conftest import Broker
from tests.connected import counter_fleet as fleet_of
from tests.connected.counter_accounts import exact
from tests.connected.waiting import until

KEYS = 3_000


async def sent(bootstrap: str, name: str, seconds: float) -> None:
    """Send for a while: counts of KEYS keys, and due times that come and go."""
    enough = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, enough.set)
    await fleet_of.load(bootstrap, name, enough, rate=2_000, keys=KEYS)


async def changelog(bootstrap: str, name: str) -> list[Any]:
    return await fleet_of.read_all(bootstrap, f"{name}-counts-changelog", 1)


def state(rows: list[Any]) -> dict[bytes, bytes]:
    """What the records of a changelog come to."""
    newest = {row.key: row.value for row in rows}
    return {key: value for key, value in newest.items() if value is not None}


@pytest.mark.timeout(240)
async def test_a_worker_killed_in_the_middle_of_a_restore_goes_on_to_the_exact_state(
    broker: Broker, scratch_prefix: str, tmp_path: Path
) -> None:
    name, bootstrap = scratch_prefix, broker.bootstrap
    await fleet_of.make_topics(bootstrap, name, 1)
    fleet = fleet_of.Fleet(bootstrap, name, 1, tmp_path, "rocksdb", static=True)
    folder = tmp_path / "worker-0" / "store-0"
    try:
        fleet.start(0)
        await sent(bootstrap, name, seconds=3)
        await fleet_of.drained(bootstrap, name, 1)
        fleet.kill_all()
        shutil.rmtree(folder)

        fleet.start(0, crash="loaded:1")
        await fleet.crashed(0)
        store, rows = RocksStore(folder), await changelog(bootstrap, name)
        base, loaded = store.checkpoint(), dict(store.scan(b""))
        store.close()
        assert base is not None and 0 < len(loaded) <= RESTORE_CHUNK < len(state(rows))
        rest = [row for row in rows if row.offset >= base.offset - 1]  # one record back shows which changelog it is

        fleet.start(0)
        await sent(bootstrap, name, seconds=1)
        await fleet_of.drained(bootstrap, name, 1)
        fleet.processes[0].send_signal(signal.SIGTERM)
        await until(lambda: fleet.processes[0].poll() is not None, seconds=15)
    finally:
        fleet.kill_all()
    restored = re.findall(r"open, restored (\d+) records", fleet.log(0))
    assert restored == ["0", str(len(rest))] and "wiped" not in fleet.log(0)
    store = RocksStore(folder)
    assert dict(store.scan(b"")) == state(await changelog(bootstrap, name))
    store.close()
    await exact(bootstrap, name, 1)
