"""A run of chaos: a load for some minutes, faults in it by a seeded plan, then the oracle reads the logs.

Laws: one seed gives one order of faults; a fault begins only under load; the verdict is the oracle's, of what was
acknowledged over HTTP, and of the faults themselves; a run that ends before has a finding that says so.
Reads and writes: one folder, one deployment.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.faults.authored import ORGS
from tests.faults.backlog import old_contacts, write_backlog
from tests.faults.deployment import Deployment, NotScratch, Options
from tests.faults.fault_table import FAULTS
from tests.faults.gauge import Gauge
from tests.faults.injections import Field, not_struck
from tests.faults.load import Load
from tests.faults.logs import read_logs
from tests.faults.meter import Meter
from tests.faults.oracle import check
from tests.faults.reads import Read, read_scores
from tests.faults.report import Run
from tests.faults.sender import Sender
from tests.faults.verdict import Verdict
from tests.faults.writes import Writers, compare_writes

PERIOD_SECONDS = 20.0
CALM_SHARE = 0.25
AT_ONCE_SHARE = 0.3
EDIT_SECONDS = 5.0
SOAK_EDIT_SECONDS = 60.0
CATCH_UP_SECONDS = 300.0
READS = 60  # contacts of each org of the load


@dataclass(frozen=True)
class Asked:
    """``faults`` by name; ``mix`` changes a random subset of them every 20 s, else they come in turn."""

    faults: list[str]
    mix: bool = False
    minutes: float = 1.0
    seed: int = 1
    per_second: float = 200.0


class Campaign:
    """One run over one deployment."""

    def __init__(self, folder: Path, options: Options, asked: Asked) -> None:
        self.deployment, self.options, self.asked = Deployment(folder, options), options, asked
        self.run = Run.begun(options, asked.seed, asked.mix)
        self.reads: list[Read] = []

    def go(self) -> Run:
        """Run to the end; what ends the run is a finding of it, and goes on."""
        try:
            return self.whole()
        except NotScratch:
            raise
        except BaseException as ended:
            self.run.verdict.add("wrong", "run", "ended before its verdict", f"{type(ended).__name__}: {ended}")
            raise

    def whole(self) -> Run:
        """Start everything, inject under load, catch up, end the workers, ask the oracle."""
        meter: Meter | None = None
        gauge: Gauge | None = None
        try:
            self.deployment.start(None if self.options.reference else self.write_backlog)
            meter = Meter(self.deployment)
            field = self.field(meter)
            self.run.injections = field.injections
            if self.options.soak:
                gauge = Gauge(self.deployment.workers[0])
                gauge.start()
            for thread in (meter, field.sender, *([] if self.options.reference else [field.writers])):
                thread.start()
            self.inject(field)
            if gauge is not None:
                gauge.halt()
                self.run.taken = gauge.samples
            self.catch_up(field)
            self.run.verdict = self.judge(field)
        finally:
            for watching in (meter, gauge):
                if watching is not None:
                    watching.halt()
            self.deployment.close()
        return self.run

    @property
    def soon_seconds(self) -> float:
        """By when contacts shall have fallen due."""
        return max(60.0, self.asked.minutes * 60)

    def write_backlog(self, bootstrap: str) -> None:
        self.run.sent += write_backlog(bootstrap, self.options.prefix, self.soon_seconds)

    def field(self, meter: Meter) -> Field:
        asked, options, deployment = self.asked, self.options, self.deployment
        load = Load(asked.seed, None, int(time.time() * 1000), soon_seconds=self.soon_seconds)
        sender = Sender(deployment.bootstrap, options.prefix, load, asked.per_second, options.counts)
        if not options.reference:
            sender.edit_seconds = SOAK_EDIT_SECONDS if options.soak else EDIT_SECONDS
        writers = Writers(deployment.workers, asked.seed)
        dice = Random(asked.seed + 1)  # noqa: S311 - a repeatable plan
        return Field(deployment, meter, sender, writers, dice, short=asked.mix or asked.minutes < 2)

    def inject(self, field: Field) -> None:
        """Strike until the minutes are over, and each fault at least once unless it is a mix."""
        ends = time.monotonic() + self.asked.minutes * 60
        todo = set(self.asked.faults)
        for name, at_once in self.plan():
            if time.monotonic() > ends and (self.asked.mix or not todo):
                break
            todo.discard(name)
            self.strike(field, name, at_once)
        try:
            field.recover()
        except TimeoutError as late:
            field.failed("recovery at the end", f"{late}\n{self.last_words()}")
            self.restart_all()
        self.run.ended_by_themselves = field.ended_by_themselves

    def plan(self) -> Iterator[tuple[str, bool]]:
        """Names of faults, and whether the next one comes at once, before all has recovered."""
        dice = Random(self.asked.seed)  # noqa: S311 - a repeatable plan
        while not self.asked.mix:
            yield from ((name, False) for name in self.asked.faults)
        while True:
            until = time.monotonic() + PERIOD_SECONDS
            if dice.random() < CALM_SHARE:
                sys.stderr.write("          calm\n")
                time.sleep(PERIOD_SECONDS)
                continue
            subset = dice.sample(self.asked.faults, min(len(self.asked.faults), dice.randint(1, 4)))
            while time.monotonic() < until:
                yield dice.choice(subset), dice.random() < AT_ONCE_SHARE

    def strike(self, field: Field, name: str, at_once: bool) -> None:
        """Let one fault happen; a recovery or a fault that takes too long is a finding, not the end of the run."""
        before = len(field.injections)
        try:
            FAULTS[name].strike(field)
            if not at_once:
                field.recover()
        except TimeoutError as late:
            field.failed(name, f"{late}\n{self.last_words()}")
            self.restart_all()
        for injection in field.injections[before:]:
            sys.stderr.write(injection.line() + "\n")

    def restart_all(self) -> None:
        for worker in (*self.deployment.workers, self.deployment.guest):
            worker.kill()
        if self.deployment.embedded:
            self.deployment.kafka.start()
        self.deployment.restart_ended()

    def last_words(self) -> str:
        return "\n".join(f"worker {w.number}: {w.last_words()[-600:]}" for w in self.deployment.workers)

    def catch_up(self, field: Field) -> None:
        """End the load, then wait until the journal covers every input and no sweep is under way."""
        field.writers.halt()
        field.sender.halted.set()
        field.sender.join(CATCH_UP_SECONDS)
        self.run.sent += field.sender.sent
        self.run.unacknowledged = len(field.sender.failed)
        begun = time.monotonic()
        while not field.meter.caught_up(ends := field.ends()):
            field.restart_ended()
            if time.monotonic() - begun > CATCH_UP_SECONDS:
                sys.stderr.write(f"lag is {field.meter.lag(ends)}; the oracle will name what is missing\n")
                break
            time.sleep(0.2)
        self.run.catch_up_seconds = time.monotonic() - begun
        self.run.timeline = field.meter.timeline
        self.reads = [] if self.options.reference else self.read()
        self.run.exit_codes = [worker.terminate() for worker in self.deployment.workers]

    def read(self) -> list[Read]:
        """Read scores at any worker, of contacts of before the workers, of the load, and of some that never were."""
        dice = Random(self.asked.seed)  # noqa: S311 - repeatable questions
        loaded = [f"{org}:{number}" for org in ORGS for number in range(1, READS)]
        never = [f"{org}:{name}" for org in ORGS for name in ("nobody", "never")]
        return read_scores(self.deployment.workers, [*old_contacts(), *loaded, *never], dice)

    def judge(self, field: Field) -> Verdict:
        options = self.options
        logs = read_logs(self.deployment.bootstrap, options.prefix, options.app_id, options.partitions, options.web)
        verdict = check(logs, self.reads)
        compare_writes(logs, field.writers, verdict)
        for injection in field.injections:
            if injection.wrong:
                verdict.add("wrong", "fault", injection.fault, injection.wrong)
        for name in not_struck(self.asked.faults, self.asked.mix, field.injections):
            verdict.add("wrong", "fault", name, "was asked for, and none happened that counts")
        if any(self.run.exit_codes):
            verdict.add("wrong", "fault", "SIGTERM at the end", f"exit codes {self.run.exit_codes}")
        return verdict
