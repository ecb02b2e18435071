"""Faults that happen to workers: killed at random and at named points, told to end, frozen, joined, upgraded.

Laws: each leaves its worker running again; a kill at a named point happens at that point and nowhere else.
"""

import shutil
import time
from signal import SIGCONT, SIGSTOP

from stream_app.delivery.probe import Point
from tests.faults.harness import ROOT, Worker, until
from tests.faults.injections import Field, Injection

TERM_SECONDS = 15.0
START_SECONDS = 90.0
REFUSE_SECONDS = 60.0
TAKE_OVER_SECONDS = 90.0
WORKING = tuple("patcm")  # phases of a partition that is open


def kill(field: Field) -> None:
    worker = field.any_worker()
    field.pause(0.1, 2)
    worker.kill()
    field.struck("kill", worker)
    worker.start()


class KillAt:
    """Kill a worker at a point that it comes by while it runs."""

    def __init__(self, fault: str, point: Point) -> None:
        self.fault: str = fault
        self.point: Point = point

    def __call__(self, field: Field) -> None:
        worker = field.ready_worker()
        field.pause(0, 1)
        worker.arm(self.point)
        field.crash_at(self.fault, worker, self.point)
        worker.start()


class KillOpening:
    """Kill a worker, and again at a point of its next start."""

    def __init__(self, fault: str, point: Point) -> None:
        self.fault: str = fault
        self.point: Point = point

    def __call__(self, field: Field) -> None:
        worker = field.any_worker()
        worker.kill()
        field.struck("kill", worker)
        if self.point == "loaded":  # so that all of the changelog is restored, not its last records only
            shutil.rmtree(worker.data, ignore_errors=True)
        worker.start(crash=f"{self.point}:1")
        field.crash_at(self.fault, worker, self.point)
        worker.start()


def kill_rebalance(field: Field) -> None:
    """Kill a worker in the rebalance that a newcomer causes."""
    worker, guest = field.ready_worker(), field.deployment.guest
    worker.arm("rebalancing")
    guest.start()
    field.crash_at("kill-rebalance", worker, "rebalancing")
    worker.start()
    field.recover()
    until(guest.ready, START_SECONDS, "the newcomer is ready", 0.1)
    end(field, guest, field.struck("join-leave", guest, note="joined for kill-rebalance"))


def end(field: Field, worker: Worker, injection: Injection) -> None:
    """End a worker by SIGTERM; that takes at most 15 s and gives exit code 0."""
    begun = time.monotonic()
    code = worker.terminate(TERM_SECONDS * 2)
    took = time.monotonic() - begun
    injection.note += f" exit code {code} in {took:.1f} s"
    if code != 0 or took > TERM_SECONDS:
        injection.wrong = "SIGTERM must end a worker within 15 s with exit code 0"


def term(field: Field) -> None:
    worker = field.ready_worker()
    end(field, worker, field.struck("term", worker))
    worker.start()


def zombie(field: Field) -> None:
    """Freeze a worker until others work on all its partitions, then let it go on."""
    worker = field.ready_worker(field.deployment.workers)
    worker.send(SIGSTOP)
    injection = field.struck("zombie", worker)
    begun = time.monotonic()
    try:
        until(lambda: taken_over(field, worker), TAKE_OVER_SECONDS, "others work on the partitions of a frozen worker")
        taken = time.monotonic() - begun
        field.pause(1, 4)
    except TimeoutError as late:
        injection.wrong, injection.happened = str(late), False
        return
    finally:
        worker.send(SIGCONT)
    injection.note = f"others had its partitions after {taken:.1f} s, frozen {time.monotonic() - begun:.1f} s"


def taken_over(field: Field, frozen: Worker) -> bool:
    """Whether each partition that a worker has is worked on by another."""
    field.restart_ended()
    others = [worker.phases for worker in field.deployment.workers if worker is not frozen and worker.running]
    held = [number for number, phase in enumerate(frozen.phases) if phase != "i"]
    return bool(held) and all(any(phases[number : number + 1] in WORKING for phases in others) for number in held)


def burst(field: Field) -> None:
    """Kill all workers at once."""
    for worker in field.deployment.workers:
        worker.kill()
    for worker in field.deployment.workers:
        field.struck("burst", worker)
        worker.start()


def join_leave(field: Field) -> None:
    """One more worker joins under load, works, and leaves."""
    guest = field.deployment.guest
    guest.start()
    until(guest.ready, START_SECONDS, "the newcomer is ready", 0.1)
    field.pause(1, 4)
    end(field, guest, field.struck("join-leave", guest))


def ingest_kill(field: Field) -> None:
    """Kill a worker that has just sent, is committing or has committed what it re-keyed."""
    points: tuple[Point, ...] = ("ingest sent", "ingest committing", "ingest committed")
    KillAt("ingest-kill", field.random.choice(points))(field)


def partition_count(field: Field) -> None:
    """A worker with another partition count must refuse to start."""
    guest = field.deployment.guest
    before, count = guest.log_size, field.deployment.options.partitions + 1
    guest.start(LEADSTREAM_PARTITIONS=str(count))
    injection = field.struck("partition-count")
    try:
        until(lambda: not guest.running, REFUSE_SECONDS, "refused")
    except TimeoutError:
        guest.kill()
    injection.note = f"exit code {guest.exit_code}"
    if guest.exit_code != 1 or not guest.said("partitions", before):
        injection.wrong = f"a worker with {count} partitions was not refused"


def rolling_upgrade(field: Field) -> None:
    """Replace one worker by the other version for a while: both versions side by side, then back."""
    worker, other = field.ready_worker(), field.deployment.options.other
    for path in (str(other), str(ROOT)):
        injection = field.struck("rolling-upgrade", worker, note=f"to {path}")
        end(field, worker, injection)
        worker.start(PYTHONPATH=path)
        field.recover()
        field.pause(4, 8)


def rest_writes(field: Field) -> None:
    """Write over HTTP as fast as it goes, and kill a worker in the middle."""
    calm, field.writers.per_second = field.writers.per_second, 200.0
    try:
        field.pause(2, 4)
        worker = field.any_worker()
        worker.kill()
        field.struck("rest-writes", worker)
        worker.start()
        field.pause(2, 4)
    finally:
        field.writers.per_second = calm
