"""What a soak samples, and the line through it."""

import os
import sys
from pathlib import Path

import pytest

from tests.faults.deployment import Deployment, Options
from tests.faults.fault_table import usable
from tests.faults.gauge import Gauge, Taken, trends
from tests.faults.harness import Worker
from tests.faults.report import soaked
from tests.faults.test_report import run


def hour(grows: float, pid: int = 1, begins: float = 0.0) -> list[Taken]:
    """An hour of samples whose memory grows by so many MiB, after a start-up that grows much faster."""
    at = [begins + second for second in range(0, 3601, 60)]
    return [
        Taken(s, pid, 100 + grows * (s - begins) / 3600 - (50 if s - begins < 500 else 0), 40 + i % 2, 9, 12.0)
        for i, s in enumerate(at)
    ]


def test_the_slope_is_that_of_the_line_after_warm_up() -> None:
    memory, descriptors, threads, disk = trends(hour(30.0))
    assert memory.per_hour == pytest.approx(30.0)
    assert abs(descriptors.per_hour) < 0.5
    assert (threads.per_hour, threads.average, disk.per_hour) == (0.0, 9.0, 0.0)


def test_only_the_last_process_counts() -> None:
    samples = hour(500.0) + hour(6.0, pid=2, begins=3700.0)
    assert trends(samples)[0].per_hour == pytest.approx(6.0)
    assert trends(samples[:2]) == []


def test_the_report_tells_slopes_and_lives() -> None:
    made = run(1)
    made.taken = hour(30.0)
    text = "\n".join(soaked([made.line(), run(2).line()]))
    assert "soak of 1.00 h, seed 1, worker 0, 1 process(es)" in text
    assert "+30.00 an hour (+2" in text


def test_a_sample_is_of_the_running_process(tmp_path: Path) -> None:
    worker = Worker(0, tmp_path, dict(os.environ), (sys.executable, "-c", "import time; time.sleep(60)"), 1)
    worker.data.mkdir()
    (worker.data / "file").write_bytes(b"x" * 3_000_000)
    worker.start()
    try:
        taken = Gauge(worker).sample()
    finally:
        worker.kill()
    assert worker.process is not None and taken.pid == worker.process.pid
    assert taken.memory > 0 and taken.descriptors >= 3 and taken.threads >= 1
    assert taken.disk == pytest.approx(3_000_000 / 2**20, rel=0.05)


def test_a_soak_spares_the_first_worker(tmp_path: Path) -> None:
    options = Options(soak=True)
    assert usable(["burst", "kill"], options)[0] == ["kill"]
    deployment = Deployment(tmp_path, options)
    deployment.workers = [Worker(n, tmp_path, {}, ("true",), 1) for n in range(3)]
    assert [worker.number for worker in deployment.mortal] == [1, 2]
