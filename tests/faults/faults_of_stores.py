"""Faults that happen to local disks: stores deleted, older, newer than the changelog; a disk that is full.

Laws: a store is changed only while its worker is down; whatever is mounted is unmounted.
"""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from stream_app.delivery.rocks import RocksStore
from stream_app.delivery.stores import Checkpoint
from tests.faults.harness import Worker, until
from tests.faults.injections import Field

START_SECONDS = 60.0
FULL_SECONDS = 45.0
DISK_MB = 64
AHEAD = 1_000_000


def stores(field: Field, worker: Worker) -> Path:
    return worker.data / "state" / field.deployment.options.app_id


def store_deleted(field: Field) -> None:
    """Kill a worker and delete all that it has on disk."""
    worker = field.ready_worker()
    worker.kill()
    shutil.rmtree(worker.data)
    field.struck("store-deleted", worker)
    worker.start()


def store_stale(field: Field) -> None:
    """Kill a worker, let it run on, kill it again and put the first store back."""
    worker = field.ready_worker()
    worker.kill()
    kept = worker.home / "kept"
    shutil.copytree(worker.data, kept)
    field.struck("kill", worker, note="its store is kept")
    worker.start()
    field.recover()
    field.pause(2, 6)
    worker.kill()
    shutil.rmtree(worker.data)
    shutil.move(kept, worker.data)
    field.struck("store-stale", worker)
    worker.start()


def store_newer(field: Field) -> None:
    """Kill a worker and make its stores stand for more than the changelog has, with a contact that nobody knows."""
    worker = field.ready_worker()
    worker.kill()
    changed: list[str] = []
    for folder in sorted(stores(field, worker).iterdir()):
        store = RocksStore(folder)
        if (known := store.checkpoint()) is not None:
            store.load([(b"1:nobody\x00c", b"newer")], Checkpoint(known.offset + AHEAD, known.at))
            changed.append(folder.name)
        store.close()
    field.struck("store-newer", worker, note=f"partitions {', '.join(changed)}")
    worker.start()


def disk_full(field: Field) -> None:
    """Give a worker a small disk, fill it while it works, then give the old disk back."""
    worker = field.ready_worker()
    worker.kill()
    field.struck("kill", worker, note="gets another disk")
    mount(worker.data)
    try:
        worker.start()
        until(worker.ready, START_SECONDS, "ready on a small disk", 0.1)
        fill(worker.data)
        injection = field.struck("disk-full", worker)
        try:
            took = until(lambda: worker.ask("GET", "/ready")[0] == 503, FULL_SECONDS, "/ready is 503 on a full disk")
            injection.note = f"/ready is 503 on a full disk, after {took:.1f} s"
            field.pause(3, 6)
        except TimeoutError as late:
            injection.wrong, injection.happened = str(late), False
        worker.kill()
    finally:
        unmount(worker)
    worker.start()


def mount(folder: Path) -> None:
    subprocess.run(("mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)), check=True)


def unmount(worker: Worker) -> None:
    worker.kill()
    subprocess.run(("umount", str(worker.data)), check=True)


def fill(folder: Path) -> None:
    """Write until nothing more fits."""
    with (folder / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(bytes(1 << 16))


def may_mount() -> bool:
    return os.geteuid() == 0
