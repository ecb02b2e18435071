"""A fault campaign: a load runs while workers and the broker are killed and stopped; then the oracle reads the logs.

``python -m tests.faults.campaign --seed 1 --events 60000 --partitions 4 --workers 2 --kills 20 --stops 5
--broker-kills 3 [--static] [--store memory|rocksdb] --report FILE``

Laws: one seed gives one plan; the load is paced over the faults, so that workers are never idle in one; a kill counts
only when its phase was logged; the verdict is the oracle's alone.  Writes a table, and one JSON line to the report.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.faults.harness import REFERENCE_WORKER, WORKER, Deployment, JournalWatcher, Options
from tests.faults.injections import Injection, Injector, Step, plan
from tests.faults.loader import Load, Sender, edited_records, write_config
from tests.faults.logs import read_logs
from tests.faults.oracle import check
from tests.faults.verdict import Verdict

RECORDS_PER_EVENT = 1.3
MARGIN = 1.7  # the load shall outlive the faults
CATCH_UP_SECONDS = 240.0


@dataclass
class Report:
    options: Options
    seed: int
    events: int
    injections: list[Injection] = field(default_factory=list)
    ended_by_themselves: int = 0
    exit_codes: list[int] = field(default_factory=list)
    sent: int = 0
    unacknowledged: int = 0
    fault_seconds: float = 0
    load_outlived_faults: bool = False
    catch_up_seconds: float = 0
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def counted(self) -> list[Injection]:
        return [injection for injection in self.injections if injection.counts]

    def phases(self) -> Counter[str]:
        """Kills whose phase was logged, by the most telling phase."""
        return Counter(injection.phase for injection in self.counted if injection.kind.startswith("kill"))

    def as_dict(self) -> dict[str, object]:
        return {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "seed": self.seed, "events": self.events,
            "partitions": self.options.partitions, "workers": self.options.workers, "static": self.options.static,
            "store": self.options.store, "sent": self.sent, "unacknowledged": self.unacknowledged,
            "faultSeconds": round(self.fault_seconds, 1), "loadOutlivedFaults": self.load_outlived_faults,
            "catchUpSeconds": round(self.catch_up_seconds, 1), "endedByThemselves": self.ended_by_themselves,
            "exitCodes": self.exit_codes, "phases": dict(self.phases()),
            "injections": [asdict(injection) for injection in self.injections], "verdict": self.verdict.as_dict(),
        }  # fmt: skip

    def table(self) -> str:
        rows = [f"{'fault':<28}{'count':>6}{'recovery s (median, most)':>28}"]
        for kind in sorted({injection.kind for injection in self.injections}):
            found = [injection for injection in self.counted if injection.kind == kind]
            seconds = sorted(i.recovery_seconds for i in found if i.recovery_seconds is not None)
            shown = f"{seconds[len(seconds) // 2]:.1f}, {seconds[-1]:.1f}" if seconds else "-"
            rows.append(f"{kind:<28}{len(found):>6}{shown:>28}")
        rows += [f"killed in {phase:<18}{count:>6}" for phase, count in sorted(self.phases().items())]
        rows.append(f"{'records sent':<28}{self.sent:>6,}  over {self.fault_seconds:.0f} s of faults")
        rows.append(f"{'not acknowledged':<28}{self.unacknowledged:>6}")
        rows.append(f"{'load outlived the faults':<28}{self.load_outlived_faults!s:>6}")
        rows.append(f"{'workers ended by themselves':<28}{self.ended_by_themselves:>6}")
        rows.append(f"{'exit codes after SIGTERM':<28}{self.exit_codes!s:>6}")
        return "\n".join([*rows, self.verdict.table()])


class Campaign:
    """One run over one deployment."""

    def __init__(self, folder: Path, options: Options, seed: int, events: int) -> None:
        self.deployment = Deployment(folder, options)
        self.report = Report(options, seed, events)
        self.load = Load(seed, events, int(time.time() * 1000))
        self.edit_rules = options.command != REFERENCE_WORKER  # which reads the rules once

    def run(self, steps: list[Step]) -> Report:
        """Start everything, inject every step under load, catch up, end the workers, ask the oracle."""
        deployment, options, report = self.deployment, self.report.options, self.report
        watcher: JournalWatcher | None = None
        try:
            deployment.start()
            watcher = JournalWatcher(deployment.kafka.bootstrap, options)
            sender = Sender(deployment.kafka.bootstrap, options.prefix, self.load, 100, options.partitions)
            watcher.start()
            sender.start()
            self.inject(steps, watcher, sender)
            self.catch_up(watcher, sender)
            report.exit_codes = [worker.terminate() for worker in deployment.workers]
            logs = read_logs(deployment.kafka.bootstrap, options.prefix, options.app_id, options.partitions)
            report.verdict = check(logs)
        finally:
            if watcher is not None:
                watcher.halted.set()
                watcher.join(10)
            deployment.close()
        return report

    def inject(self, steps: list[Step], watcher: JournalWatcher, sender: Sender) -> None:
        begun = time.monotonic()
        injector = Injector(self.deployment, watcher, sender, self.report.seed)
        for done, step in enumerate(steps):
            passed, ahead = (sum(s.guessed_seconds for s in part) for part in (steps[:done], steps[done:]))
            slower = max(0.7, (time.monotonic() - begun) / passed) if done else 1
            left = (self.load.events - self.load.number) * RECORDS_PER_EVENT
            sender.per_second = max(5.0, left / (ahead * slower * MARGIN))
            if self.edit_rules:
                write_config(self.deployment.kafka.bootstrap, self.report.options.prefix, edited_records(done))
            before = len(self.report.injections)
            injector.run(step, self.report.injections)
            for injection in self.report.injections[before:]:
                sys.stderr.write(f"{time.monotonic() - begun:6.1f} s  {injection.line()}\n")
        self.report.fault_seconds = time.monotonic() - begun
        self.report.ended_by_themselves = injector.ended_by_themselves
        self.report.load_outlived_faults = sender.is_alive()

    def catch_up(self, watcher: JournalWatcher, sender: Sender) -> None:
        """Send the rest at full speed, then wait until the journal covers every input."""
        sender.per_second = 20_000
        sender.join(CATCH_UP_SECONDS)
        if sender.is_alive():
            raise TimeoutError("the load could not be sent")
        self.report.sent, self.report.unacknowledged = sender.sent, len(sender.failed)
        ends, begun = self.deployment.ends(), time.monotonic()
        while (lag := watcher.lag(ends)) > 0:
            self.report.ended_by_themselves += self.deployment.restart_ended()
            self.report.catch_up_seconds = time.monotonic() - begun
            if self.report.catch_up_seconds > CATCH_UP_SECONDS:
                sys.stderr.write(f"lag is {lag} after {CATCH_UP_SECONDS:.0f} s; the oracle will name what is missing\n")
                return
            time.sleep(0.2)


def arguments(given: Iterable[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.faults.campaign", description="Faults under load, then the oracle.")
    for name, default in (("seed", 1), ("events", 60_000), ("partitions", 4), ("workers", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    for name, default in (("kills", 20), ("stops", 5), ("broker-kills", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--static", action="store_true")
    parser.add_argument("--reference-worker", action="store_true", help="the reference on delivery, not the engine")
    parser.add_argument("--store", choices=("memory", "rocksdb"), default="memory")
    parser.add_argument("--report", type=Path)
    parser.add_argument("--folder", type=Path, help="kept; default: a temporary folder, kept when not exact")
    return parser.parse_args(list(given))


def main(given: list[str]) -> int:
    asked = arguments(given)
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="leadstream-faults-"))
    folder.mkdir(parents=True, exist_ok=True)
    sys.stderr.write(f"seed {asked.seed}, folder {folder}\n")
    command = REFERENCE_WORKER if asked.reference_worker else WORKER
    options = Options(asked.partitions, asked.workers, asked.static, asked.store, command=command)
    steps = plan(asked.seed, asked.workers, asked.kills, asked.stops, asked.broker_kills)
    report = Campaign(folder, options, asked.seed, asked.events).run(steps)
    sys.stdout.write(report.table() + "\n")
    if asked.report is not None:
        with asked.report.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(report.as_dict()) + "\n")
    return 0 if report.verdict.ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
