"""What a fault has to work with: the deployment under load, dice, and the record of what was injected.

Laws: recovery ends when all that was acknowledged a moment after the fault is committed, and every worker is ready; a
kill counts only when a phase was logged; what a fault saw that must not be is a finding of its own; so is a fault that
was asked for and did not come about.
"""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from signal import SIGKILL

from confluent_kafka import KafkaException

from stream_app.delivery.probe import Point
from tests.faults.deployment import Deployment
from tests.faults.harness import Worker, until
from tests.faults.logs import Place
from tests.faults.meter import Meter
from tests.faults.sender import Sender
from tests.faults.writes import Writers

CRASH_SECONDS = 60.0
RECOVERY_SECONDS = 150.0
SETTLE_SECONDS = 0.3
PHASES = {
    "i": "idle", "o": "opening", "r": "restoring", "p": "waiting", "a": "applying", "t": "transaction open",
    "c": "in commit", "m": "merging", "b": "rebalancing",
}  # fmt: skip
POINT_PHASES = {
    "sending": "t", "sent": "t", "committing": "c", "committed": "c", "restoring": "r", "rebalancing": "b",
    "opening": "o", "fenced": "o", "loaded": "r", "merging": "m", "applying": "a", "waiting": "p",
}  # fmt: skip
TELLING = "ctrombapi"  # of several partitions, the phase that a kill is counted under


@dataclass
class Injection:
    """One fault that happened; ``phases`` has one letter per partition, "" when the worker had not got that far.

    ``at`` in seconds since the run began; ``wrong`` says what the fault itself saw that must not be; ``happened`` is
    False where it did not come about as it is described.
    """

    fault: str
    at: float
    worker: int | None = None
    phases: str = ""
    point: str = ""
    recovery_seconds: float | None = None
    note: str = ""
    wrong: str = ""
    happened: bool = True

    @property
    def counts(self) -> bool:
        """What did not happen as described is no fault, nor is a blow to a worker that held nothing."""
        return self.happened and self.strikes

    @property
    def strikes(self) -> bool:
        return self.worker is None or bool(self.point) or any(p in self.phases for p in TELLING.replace("i", ""))

    @property
    def phase(self) -> str:
        if self.point.startswith("ingest"):
            return self.point
        sure = POINT_PHASES.get(self.point, "")
        return next((PHASES[letter] for letter in sure + TELLING if letter in self.phases), "none")

    def line(self) -> str:
        recovery = "" if self.recovery_seconds is None else f", recovered in {self.recovery_seconds:.1f} s"
        where = "" if self.worker is None else f" worker {self.worker} [{self.phases}]"
        uncounted = "" if self.counts else "not counted"
        said = "".join(f" - {text}" for text in (self.note, self.wrong, uncounted) if text)
        return f"{self.at:7.1f} s  {self.fault}{where}{recovery}{said}"


@dataclass
class Field:
    """A deployment under load; ``short`` asks long faults to be quick."""

    deployment: Deployment
    meter: Meter
    sender: Sender
    writers: Writers
    random: Random
    short: bool = False
    injections: list[Injection] = field(default_factory=list)
    ended_by_themselves: int = 0

    def struck(
        self, fault: str, worker: Worker | None = None, phases: str = "", point: str = "", note: str = ""
    ) -> Injection:
        """Note a fault that has just happened; ``phases`` defaults to those that the worker left."""
        number, left = (None, phases) if worker is None else (worker.number, phases or worker.phases)
        made = Injection(fault, time.monotonic() - self.meter.begun, number, left, point, note=note)
        self.injections.append(made)
        return made

    def failed(self, fault: str, why: str) -> None:
        """Note what took too long: a finding, and no fault that happened."""
        injection = self.struck(fault)
        injection.wrong, injection.happened = why, False

    def any_worker(self) -> Worker:
        return self.random.choice(self.deployment.mortal)

    def ready_worker(self, among: Sequence[Worker] = ()) -> Worker:
        """A worker that is ready and holds partitions, of those that may be ended unless told otherwise."""
        chosen: list[Worker] = []

        def found() -> bool:
            self.restart_ended()
            chosen[:] = [w for w in among or self.deployment.mortal if w.phases.strip("i") and w.ready()]
            return bool(chosen)

        until(found, RECOVERY_SECONDS, "a worker that is ready", 0.1)
        return self.random.choice(chosen)

    def restart_ended(self) -> None:
        self.ended_by_themselves += self.deployment.restart_ended()

    def pause(self, least: float, most: float) -> None:
        """Let the load run for a while: how long is part of the dice."""
        time.sleep(self.random.uniform(least, most))

    def crash_at(self, fault: str, worker: Worker, point: Point) -> None:
        """Wait for the death of a worker that is to die at a point; where it does not, kill it."""
        try:
            until(lambda: not worker.running, CRASH_SECONDS, point, 0.005)
        except TimeoutError:
            worker.kill()
            self.struck("kill", worker, note=f"{point} was not reached in {CRASH_SECONDS:g} s")
            return
        if worker.exit_code == -SIGKILL:
            self.struck(fault, worker, point=point)
        else:
            self.ended_by_themselves += 1
            self.struck("ended by itself", worker, note=f"exit code {worker.exit_code} before {point}")

    def recover(self) -> None:
        """Wait until all that was sent so far is committed and all are ready; the newest injection gets the seconds."""
        moment = time.monotonic()
        time.sleep(SETTLE_SECONDS)
        ends = self.ends()

        def recovered() -> bool:
            self.restart_ended()
            return self.meter.lag(ends) == 0 and all(worker.ready() for worker in self.deployment.workers)

        try:
            until(recovered, RECOVERY_SECONDS, "all that was sent is committed, and every worker is ready", 0.05)
        except TimeoutError as late:
            raise TimeoutError(f"{late}; behind: {self.meter.behind(ends)}") from late
        if self.injections and self.injections[-1].recovery_seconds is None:
            self.injections[-1].recovery_seconds = round(time.monotonic() - moment, 2)

    def ends(self) -> dict[Place, int]:
        """The ends of all sources, as soon as a broker tells them."""
        found: list[dict[Place, int]] = []

        def told() -> bool:
            with contextlib.suppress(KafkaException):
                found.append(self.deployment.ends())
            return bool(found)

        until(told, RECOVERY_SECONDS, "a broker tells the ends of the sources", SETTLE_SECONDS)
        return found[0]


def not_struck(asked: Sequence[str], mix: bool, injections: Sequence[Injection]) -> list[str]:
    """Faults that were asked for by name and of which none counts; of a mix, whether there was any fault at all."""
    counted = {injection.fault for injection in injections if injection.counts}
    if mix:
        return [] if counted or not asked else ["mix"]
    return sorted(set(asked) - counted)
