"""Shows in which phase every partition of a worker is, and ends the worker in a chosen one: for fault tests.

LEADSTREAM_PHASE_FILE names a file that holds one byte per partition, kept up to date through shared memory, so that it
can be read after kill -9; a point that is written into it (`arm`) kills this process with SIGKILL when it is reached.
LEADSTREAM_CRASH=<point>:<nth>[:<delay ms>] does so from the start: at the nth time, after the delay.  Off, and free of
cost, without them.
"""

import mmap
import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final, get_args

from stream_app.delivery import Probe
from stream_app.delivery.probe import Point

PHASE_BYTES: Final[Mapping[Point, bytes]] = {
    "idle": b"i", "opening": b"o", "fenced": b"o", "restoring": b"r", "loaded": b"r", "waiting": b"p", "applying": b"a",
    "sending": b"t", "sent": b"t", "committing": b"c", "committed": b"c", "merging": b"m", "rebalancing": b"b",
}  # fmt: skip
PHASE_FILE_BYTES: Final = 1024
ARMED: Final = PHASE_FILE_BYTES - 1  # the byte that holds the number of a point, 0 for none
NUMBERS: Final[Mapping[str, int]] = {point: number for number, point in enumerate(get_args(Point), start=1)}


def arm(file: Path, point: Point | None) -> None:
    """Let the process that keeps this phase file die at a point; None takes that back."""
    with file.open("r+b") as opened:
        opened.seek(ARMED)
        opened.write(bytes([NUMBERS[point] if point else 0]))


class PhaseProbe:
    """Writes phases and crashes on demand."""

    def __init__(self, file: Path | None, crash: str | None) -> None:
        self._map = None
        if file is not None:
            file.write_bytes(b"i" * ARMED + b"\0")
            with file.open("r+b") as opened:
                self._map = mmap.mmap(opened.fileno(), PHASE_FILE_BYTES)
        self._point, self._left, self._delay_ms = "", 0, 0
        if crash:
            point, nth, *delay = crash.split(":")
            self._point, self._left, self._delay_ms = point, int(nth), int(delay[0]) if delay else 0

    def reached(self, partition: int, point: Point) -> None:
        """Note the phase; die when it is the chosen one."""
        if self._map is not None:
            if point in PHASE_BYTES:  # ingest has partitions of its own
                self._map[partition : partition + 1] = PHASE_BYTES[point]
            if self._map[ARMED] == NUMBERS[point]:
                self._die()
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                self._die()

    def _die(self) -> None:
        if self._delay_ms:
            threading.Timer(self._delay_ms / 1000, os.kill, (os.getpid(), signal.SIGKILL)).start()
        else:
            os.kill(os.getpid(), signal.SIGKILL)


def probe_from(environ: Mapping[str, str]) -> Probe | None:
    """Return the probe that the environment asks for, None when it asks for none."""
    file, crash = environ.get("LEADSTREAM_PHASE_FILE"), environ.get("LEADSTREAM_CRASH")
    if file is None and crash is None:
        return None
    return PhaseProbe(Path(file) if file else None, crash)
