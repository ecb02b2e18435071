"""The faults of a campaign: what is injected, in which order, and how recovery is seen.

Laws: one seed gives one plan; a chain starts with a kill at random (or SIGTERM) and goes on with restarts that crash at
a named point, so that phases are certain; recovery ends when every partition has committed a batch again and every
worker is ready.
"""

import time
from dataclasses import dataclass
from random import Random
from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import Literal

from tests.faults.harness import PHASES, SESSION_SECONDS, Deployment, JournalWatcher, Worker, until
from tests.faults.loader import Sender

CRASH_SECONDS = 60.0
RECOVERY_SECONDS = 120.0
SETTLE_SECONDS = 0.3
CHAIN_LENGTH = 3
POINTS = ("committing", "restoring", "sent", "committing:3", "restoring:3", "sending", "committed", "sending:2")
POINT_PHASES = {"sending": "t", "sent": "t", "committing": "c", "committed": "c", "restoring": "r"}
TELLING = "ctromapi"  # of several partitions, the phase that a kill is counted under


@dataclass(frozen=True)
class Step:
    """``chain``: end a worker by ``first``, restart it to crash at each of ``points``; ``stop``; ``broker``."""

    kind: Literal["chain", "stop", "broker"]
    worker: int = 0
    first: Literal["kill", "term"] = "kill"
    points: tuple[str, ...] = ()

    @property
    def guessed_seconds(self) -> float:
        """How long it takes until all has recovered, for pacing the load."""
        return {"chain": 10.0 + 6 * len(self.points), "stop": 22.0, "broker": 8.0}[self.kind]


@dataclass
class Injection:
    """One fault that happened; ``phases`` has one letter per partition, "" when the worker had not got that far."""

    kind: str
    worker: int | None
    phases: str = ""
    recovery_seconds: float | None = None
    note: str = ""
    point: str = ""

    @property
    def counts(self) -> bool:
        return self.worker is None or any(letter in self.phases for letter in TELLING.replace("i", ""))

    @property
    def phase(self) -> str:
        sure = POINT_PHASES.get(self.point, "")
        return next((PHASES[letter] for letter in sure + TELLING if letter in self.phases), "unknown")

    def line(self) -> str:
        recovery = "" if self.recovery_seconds is None else f", recovered in {self.recovery_seconds:.1f} s"
        where = "" if self.worker is None else f" worker {self.worker} [{self.phases}]"
        return f"{self.kind}{where}{recovery}{' - ' + self.note if self.note else ''}"


def with_count(point: str, random: Random) -> str:
    """``committing:3`` (a delay of 3 ms) -> ``committing:<nth>:3``."""
    name, _, delay = point.partition(":")
    nth = 1 if name == "restoring" else random.randint(2, 30)
    return f"{name}:{nth}:{delay}" if delay else f"{name}:{nth}"


def plan(seed: int, workers: int, kills: int, stops: int, broker_kills: int) -> list[Step]:
    """Steps with exactly so many kills (random ones and at points), stops and broker kills, in a seeded order."""
    random = Random(seed)  # noqa: S311 - a repeatable plan
    steps: list[Step] = []
    used = 0
    while kills > 0:
        points = [POINTS[(used + i) % len(POINTS)] for i in range(min(CHAIN_LENGTH, kills) - 1)]
        used += len(points)
        kills -= len(points) + 1
        steps.append(Step("chain", random.randrange(workers), "kill", tuple(with_count(p, random) for p in points)))
    steps += [Step("stop", random.randrange(workers)) for _ in range(stops)]
    steps += [Step("broker") for _ in range(broker_kills)]
    random.shuffle(steps)
    return steps


class Injector:
    """Carries out steps on a deployment under load."""

    def __init__(self, deployment: Deployment, watcher: JournalWatcher, sender: Sender, seed: int) -> None:
        self.deployment, self.watcher, self.sender = deployment, watcher, sender
        self.random = Random(seed + 1)  # noqa: S311 - a repeatable plan
        self.ended_by_themselves = 0

    def run(self, step: Step, injections: list[Injection]) -> None:
        """Carry out a step, append what happened, and return when all has recovered."""
        time.sleep(self.random.uniform(0.5, 2.5))  # the moment of the fault is part of the dice
        if step.kind == "broker":
            injections.append(self.kill_broker())
        elif step.kind == "stop":
            injections.append(self.stop(self.deployment.workers[step.worker]))
        else:
            self.chain(step, injections)
        injections[-1].recovery_seconds = self.recover()

    def kill_broker(self) -> Injection:
        phases = " ".join(worker.phases for worker in self.deployment.workers)
        self.deployment.kafka.kill()
        time.sleep(self.random.uniform(0.5, 3))
        self.deployment.kafka.start()
        return Injection("broker kill -9", None, phases)

    def stop(self, worker: Worker) -> Injection:
        """Freeze a worker until the group has given its partitions away, then let the zombie go on."""
        worker.send(SIGSTOP)
        phases = worker.phases
        time.sleep(SESSION_SECONDS + self.random.uniform(3, 6))
        worker.send(SIGCONT)
        return Injection("SIGSTOP beyond session", worker.number, phases)

    def chain(self, step: Step, injections: list[Injection]) -> None:
        worker = self.deployment.workers[step.worker]
        if step.first == "kill":
            injections.append(Injection("kill -9 at random", worker.number, worker.kill()))
        else:
            phases = worker.phases
            injections.append(Injection("SIGTERM", worker.number, phases, note=f"exit code {worker.terminate()}"))
        for point in step.points:
            worker.start(crash=point)
            injections.append(self.await_crash(worker, point))
        worker.start()

    def await_crash(self, worker: Worker, point: str) -> Injection:
        name = point.partition(":")[0]
        kind = f"kill -9 {name}" + (" + delay" if point.count(":") > 1 else "")
        try:
            until(lambda: not worker.running, CRASH_SECONDS, point, 0.01)
        except TimeoutError:
            return Injection("kill -9 at random", worker.number, worker.kill(), note=f"{point} was not reached")
        code = worker.process.returncode if worker.process is not None else 0
        if code != -SIGKILL:
            self.ended_by_themselves += 1
            return Injection("ended by itself", worker.number, worker.phases, note=f"exit code {code} before {point}")
        return Injection(kind, worker.number, worker.phases, note=point, point=name)

    def recover(self) -> float:
        """Wait until every partition commits again and every worker is ready; restart workers that gave up."""
        moment = time.monotonic() + SETTLE_SECONDS

        def recovered() -> bool:
            self.ended_by_themselves += self.deployment.restart_ended()
            return self.commits_again(moment) and all(worker.ready() for worker in self.deployment.workers)

        until(recovered, RECOVERY_SECONDS, "every partition commits again and every worker is ready", 0.05)
        return time.monotonic() - moment + SETTLE_SECONDS

    def commits_again(self, moment: float) -> bool:
        """Tell whether every partition has committed since; where the load has ended, whether nothing is left."""
        if self.watcher.moved_since(moment):
            return True
        return not self.sender.is_alive() and self.watcher.lag(self.deployment.ends()) == 0
