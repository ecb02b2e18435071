"""What one worker takes over a long run: memory, file descriptors, threads, and disk, and whether that stays flat.

Laws: the slope is the least-squares line through all samples after the warm-up, of one process alone: where it was
started again, of its last life; a store's disk moves in teeth, so a line says more than two samples would.
Reads /proc of a worker that runs, and its data folder.
"""

import contextlib
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import psutil

from tests.faults.harness import Worker

SAMPLE_SECONDS = 5.0
WARM_UP_SHARE = 1 / 6
UNITS = {"memory": "MiB", "descriptors": "", "threads": "", "disk": "MiB"}
MIB = 1 << 20


@dataclass(frozen=True)
class Taken:
    """One sample: seconds since the run began, whose process, and what it takes; MiB where bytes are meant."""

    at: float
    pid: int
    memory: float
    descriptors: int
    threads: int
    disk: float


@dataclass(frozen=True)
class Trend:
    """One measure over a run: its mean and how much it grows in an hour by the line through it."""

    measure: str
    average: float
    per_hour: float

    def line(self) -> str:
        unit = UNITS[self.measure]
        share = self.per_hour / self.average if self.average else 0.0
        return f"{self.measure:<12} {self.average:10.1f} {unit:<4} {self.per_hour:+9.2f} an hour ({share:+.1%})"


class Gauge(threading.Thread):
    """Samples one worker in the background."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(name="gauge", daemon=True)
        self.worker = worker
        self.samples: list[Taken] = []
        self.begun = time.monotonic()
        self.halted = threading.Event()

    def run(self) -> None:
        while not self.halted.wait(SAMPLE_SECONDS):
            with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError):
                self.samples.append(self.sample())

    def sample(self) -> Taken:
        pid = 0 if self.worker.process is None else self.worker.process.pid
        process = psutil.Process(pid)
        with process.oneshot():
            memory, descriptors, threads = process.memory_info().rss, process.num_fds(), process.num_threads()
        taken = disk_bytes(self.worker.data) / MIB
        return Taken(time.monotonic() - self.begun, pid, memory / MIB, descriptors, threads, taken)

    def halt(self) -> None:
        self.halted.set()
        self.join(10)


def disk_bytes(folder: Path) -> int:
    """The sizes of the files of a folder; one that goes away meanwhile takes nothing."""
    total = 0
    for file in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += file.lstat().st_size
    return total


def trends(samples: Sequence[Taken]) -> list[Trend]:
    """The trend of each measure over the last process, after its warm-up; none from fewer than three samples."""
    mine = [sample for sample in samples if sample.pid == samples[-1].pid]
    warm = [s for s in mine if s.at >= mine[0].at + (mine[-1].at - mine[0].at) * WARM_UP_SHARE]
    if len(warm) < 3:
        return []
    times = [sample.at / 3600 for sample in warm]
    return [trend(measure, times, [getattr(sample, measure) for sample in warm]) for measure in UNITS]


def trend(measure: str, hours: Sequence[float], values: Iterable[float]) -> Trend:
    """Fit a line by least squares."""
    taken = list(values)
    middle, average = mean(hours), mean(taken)
    width = sum((hour - middle) ** 2 for hour in hours)
    slope = sum((h - middle) * (v - average) for h, v in zip(hours, taken, strict=True)) / width
    return Trend(measure, average, slope)
