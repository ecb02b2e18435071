"""A fleet campaign: three workers answer as one under load while they are killed; then the logs prove every answer.

``python -m tests.faults.fleet --requests 10000 --kills 6 --backlog 300000 [--store memory|rocksdb] [--static]
[--seed N] --report FILE``

Laws: clients ask workers at random and know the rules of the road only; a worker is killed by SIGKILL, in the middle of
requests, as often as asked; nothing is asserted on time.  Writes a table, and one JSON line to the report.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Final

from tests.faults.deployment import Deployment
from tests.faults.fleet_acts import ACTS, Actor
from tests.faults.fleet_asker import SCORE
from tests.faults.fleet_books import BUSY_CONTACTS, ORGS, Books
from tests.faults.fleet_client import Client, Tally
from tests.faults.fleet_proof import prove
from tests.faults.fleet_report import Plan, Report, quantiles, three
from tests.faults.fleet_rules import edit_rules
from tests.faults.fleet_setup import prepare
from tests.faults.harness import ROOT, until
from tests.faults.logs import read_logs
from tests.faults.meter import JournalWatcher
from tests.faults.oracle import check
from tests.faults.verdict import Verdict

GENERATE: Final = (sys.executable, "-c", "from stream_app.operations.command_line import main; main()", "generate")
CATCH_UP_SECONDS: Final = 300.0
ASKERS: Final = 3  # clients that measure while a backlog is read


class FleetCampaign:
    """One run over one deployment."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.plan, self.folder = plan, folder
        self.deployment = Deployment(folder, plan.options)
        self.random = Random(plan.seed)  # noqa: S311 - a repeatable plan
        self.tally = Tally()
        self.books = Books(self.tally)
        self.report = Report(plan, self.tally)
        self.halted = threading.Event()
        self.keys: dict[tuple[str, str], str] = {}

    def run(self) -> Report:
        """Start, measure over a backlog, ask and kill, come to rest, look at everything, ask the oracle."""
        deployment, options = self.deployment, self.plan.options
        watcher: JournalWatcher | None = None
        try:
            deployment.start()
            watcher = JournalWatcher(deployment.bootstrap, options)
            watcher.start()
            prepare(self.client(0), self.keys)
            if self.plan.backlog:
                self.over_a_backlog(watcher)
            self.under_kills()
            self.at_rest(watcher)
            self.look_at_all()
            self.report.exit_codes = [worker.terminate() for worker in deployment.workers]
            logs = read_logs(deployment.bootstrap, options.prefix, options.app_id, options.partitions, options.web)
        finally:
            self.halted.set()
            if watcher is not None:
                watcher.halted.set()
                watcher.join(10)
            deployment.close()
        self.conclude(check(logs))
        prove(self.books, logs, self.report.verdict)
        return self.report

    def client(self, number: int) -> Client:
        ports = [worker.port for worker in self.deployment.workers]
        return Client(ports, self.tally, self.halted, self.plan.seed * 1000 + number)

    def actor(self, number: int) -> Actor:
        dice = Random(self.plan.seed * 1000 + 500 + number)  # noqa: S311 - repeatable acts
        return Actor(self.books, self.client(number), self.keys, dice, self.halted)

    def generate(self, events: int, seed: int, *more: str) -> subprocess.Popen[bytes]:
        """Start a load of events, and some commands, of both orgs."""
        orgs = [word for org in ORGS for word in ("--org", org)]
        shares = ("--bad-share", "0.02", "--duplicate-share", "0.03", "--commands-share", "0.05")
        line = [*GENERATE, "--events", str(events), "--seed", str(seed), *orgs, *shares, *more]
        with (self.folder / "generate.log").open("ab") as log:
            return subprocess.Popen(line, env=self.deployment.environ, stdout=log, stderr=log, cwd=ROOT)

    def over_a_backlog(self, watcher: JournalWatcher) -> None:
        """Stop all workers, fill the topics, start them, and measure POST score until everything is read."""
        deployment = self.deployment
        for worker in deployment.workers:
            worker.terminate()
        if self.generate(self.plan.backlog, 2, "--contacts", "20000").wait(CATCH_UP_SECONDS):
            raise RuntimeError("the backlog was not acknowledged")
        ends = deployment.ends()
        for worker in deployment.workers:
            worker.start()
        deployment.wait_ready(120)
        begun, lag = time.monotonic(), watcher.lag(ends)
        with ThreadPoolExecutor(ASKERS) as threads:
            asked = [threads.submit(self.measure, number, lambda: watcher.lag(ends) > 0) for number in range(ASKERS)]
            seconds = sorted(one for future in asked for one in future.result())
        self.report.backlog = {
            "events": self.plan.backlog, "lagWhenReady": lag, "secondsToRead": round(time.monotonic() - begun, 2),
            "posts": len(seconds), **quantiles(seconds),
        }  # fmt: skip

    def measure(self, number: int, behind: Callable[[], bool]) -> list[float]:
        """Adjust contacts as long as the workers are behind; the seconds that each answer took."""
        actor = self.actor(100 + number)
        found: list[float] = []
        while behind():
            order = self.books.order(ORGS[number % 2], f"asked-{number}-{len(found) % 50}", 1)
            told = actor.send_order(order, None)
            if told is not None and told.status == 200:
                found.append(told.seconds)
        return found

    def under_kills(self) -> None:
        """Let clients act, and kill workers in the middle, until enough is answered and every kill was recovered."""
        begun, plan = time.monotonic(), self.plan
        before = self.tally.answers
        killed = threading.Event()
        load = self.generate(10_000_000, 3, "--contacts", str(BUSY_CONTACTS * 2), "--rate", str(plan.per_second))
        acts = (*ACTS, (edit_rules, 3))

        def enough() -> bool:
            return killed.is_set() and self.tally.answers - before >= plan.requests

        try:
            with ThreadPoolExecutor(plan.clients) as threads:
                acting = [threads.submit(self.actor(n).run, acts, enough) for n in range(1, plan.clients + 1)]
                try:
                    self.kill_some(before, lambda: any(one.done() for one in acting))
                finally:
                    killed.set()
                for one in acting:
                    one.result()
        finally:
            load.terminate()
            load.wait(30)
        self.report.seconds = time.monotonic() - begun

    def kill_some(self, before: int, broken: Callable[[], bool]) -> None:
        """Kill workers one after the other, spread over the requests; each is back before the next."""
        plan, workers = self.plan, self.deployment.workers
        for number in range(plan.kills):
            due = before + plan.requests * (number + 1) // (plan.kills + 1)
            until(lambda due=due: self.tally.answers >= due or broken(), CATCH_UP_SECONDS, "answers before a kill")
            if broken():
                return
            worker = self.random.choice(workers)
            phases = worker.kill()
            self.report.kills.append(f"worker {worker.number} [{phases}] after {self.tally.answers - before} answers")
            sys.stderr.write(self.report.kills[-1] + "\n")
            self.halted.wait(self.random.uniform(0.2, 8))  # sometimes longer than the session
            worker.start()
            self.deployment.wait_ready(120)

    def at_rest(self, watcher: JournalWatcher) -> None:
        """Wait until everything sent is read."""
        ends = self.deployment.ends()
        until(lambda: watcher.lag(ends) == 0, CATCH_UP_SECONDS, "all is read", 0.2)

    def look_at_all(self) -> None:
        """Ask every worker for every contact: the same at all; of quiet contacts as known."""
        actor = self.actor(0)
        quiet = [*self.books.contacts, *(one for one in self.books.retired if one.settled)]
        for contact in quiet:
            for worker in range(len(actor.client.ports)):
                actor.look(contact, worker)
        for org in ORGS:
            for contact_id in map(str, range(1, BUSY_CONTACTS + 1)):
                answers = [
                    actor.read(SCORE, org, id=contact_id, at=worker) for worker in range(len(actor.client.ports))
                ]
                said = {(t.data["leadScore"], t.data["version"]) if t.status == 200 else (0, 0) for t in answers}
                actor.same("answers of all workers", f"{org}:{contact_id}", len(said), 1)
                self.books.finals[org, contact_id] = said.pop()
        self.report.slowest = self.books.slowest
        self.report.retired = len(self.books.retired)

    def conclude(self, verdict: Verdict) -> None:
        """Add what the oracle found to what the clients have found."""
        self.report.verdict.findings += verdict.findings
        self.report.verdict.totals.update(verdict.totals)


def arguments(given: Iterable[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.faults.fleet", description="Three workers as one, killed under load.")
    plan = Plan()
    for name in ("requests", "kills", "backlog", "clients", "per-second", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(plan, name.replace("-", "_")))
    parser.add_argument("--static", action="store_true")
    parser.add_argument("--store", choices=("memory", "rocksdb"), default="memory")
    parser.add_argument("--report", type=Path)
    parser.add_argument("--folder", type=Path, help="kept; default: a temporary folder")
    return parser.parse_args(list(given))


def main(given: list[str]) -> int:
    asked = arguments(given)
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="leadstream-fleet-"))
    folder.mkdir(parents=True, exist_ok=True)
    sys.stderr.write(f"seed {asked.seed}, folder {folder}\n")
    options = three(asked.store, static=asked.static)
    numbers = (asked.requests, asked.kills, asked.backlog, asked.clients, asked.per_second, asked.seed)
    report = FleetCampaign(folder, Plan(*numbers, options)).run()
    sys.stdout.write(report.table() + "\n")
    if asked.report is not None:
        with asked.report.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(report.as_dict()) + "\n")
    return 0 if report.verdict.ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
