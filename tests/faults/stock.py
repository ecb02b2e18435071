"""The same faults on stock Faust: a job that counts a contact's events and says so, and what it lost or did twice.

``python -m tests.faults.stock --guarantee exactly_once --fault kill --minutes 4 [--report FILE]``

Laws: workers that end by themselves are started again; what is not read when nothing moves any more is lost; what is
lost or double is ``stock_logs``'s to say.
Writes a table and one JSON line; reads and writes a temporary folder.
"""

import json
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import click
from confluent_kafka.cimpl import NewTopic

from stream_app.operations.broker import EmbeddedKafka
from tests.faults.clients import make_admin, make_producer
from tests.faults.harness import ROOT, Worker, clean_environ, until
from tests.faults.stock_logs import StockLogs
from tests.faults.stock_worker import OUTPUTS, SOURCE

PARTITIONS, WORKERS, CONTACTS = 4, 2, 200
SESSION_SECONDS = 10
START_SECONDS = 60.0
END_SECONDS = 30.0
STILL_SECONDS = 60.0  # nothing has moved for so long: nothing will
CALM_SECONDS = (8.0, 14.0)


@dataclass
class Load(threading.Thread):
    """Events with ids and contacts; ``sent`` has those that were acknowledged."""

    bootstrap: str
    per_second: float
    seed: int
    sent: dict[str, bytes] = field(default_factory=dict)
    halted: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(name="load", daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        producer, dice = make_producer(self.bootstrap), Random(self.seed)  # noqa: S311 - a repeatable load
        number = 0
        while not self.halted.wait(1 / self.per_second):
            number += 1
            key = b"%d" % (int(dice.paretovariate(0.7)) % CONTACTS)
            event = f"e{number}"

            def told(error: Any, _: Any, key: bytes = key, event: str = event) -> None:
                if error is None:
                    self.sent[event] = key

            producer.produce(SOURCE, json.dumps({"eventId": event}).encode(), key, on_delivery=told)
            producer.poll(0)
        producer.flush(60)


class StockRun:
    """One guarantee under one fault."""

    def __init__(self, folder: Path, guarantee: str, fault: str, minutes: float, seed: int, per_second: float) -> None:
        self.kafka = EmbeddedKafka(folder / "broker")
        self.logs = StockLogs(self.kafka, PARTITIONS)
        self.folder, self.guarantee, self.fault, self.minutes, self.seed = folder, guarantee, fault, minutes, seed
        self.per_second = per_second
        self.dice = Random(seed)  # noqa: S311 - a repeatable plan
        self.workers: list[Worker] = []
        self.injections = 0
        self.ended_by_themselves = 0

    def go(self) -> dict[str, Any]:
        """Run, and return the line of the report."""
        try:
            self.kafka.start()
            made = [NewTopic(topic, PARTITIONS) for topic in (SOURCE, OUTPUTS)]
            admin = make_admin(self.kafka.bootstrap)
            for done in admin.create_topics(made).values():
                done.result(30)
            self.workers = [self.worker(number) for number in range(WORKERS + 1)]
            for worker in self.workers[:WORKERS]:
                worker.start()
            load = Load(self.kafka.bootstrap, self.per_second, self.seed)
            load.start()
            until(lambda: self.logs.committed() > 0, START_SECONDS * 2, "the first events are counted", 0.5)
            self.inject({"kill": self.kill, "rebalance": self.rebalance}[self.fault])
            load.halted.set()
            load.join(90)
            left = self.await_rest()
            for worker in self.workers:
                worker.terminate(END_SECONDS)
            return self.line(load.sent, left)
        finally:
            for worker in self.workers:
                worker.kill()
            self.kafka.kill()

    def worker(self, number: int) -> Worker:
        environ = clean_environ() | {
            "STOCK_BOOTSTRAP": self.kafka.bootstrap, "STOCK_GUARANTEE": self.guarantee, "PYTHONPATH": str(ROOT),
            "STOCK_PARTITIONS": str(PARTITIONS), "STOCK_SESSION_SECONDS": str(SESSION_SECONDS),
        }  # fmt: skip
        command = (sys.executable, "-m", "tests.faults.stock_worker")
        return Worker(number, self.folder / f"worker-{number}", environ, command, PARTITIONS)

    def inject(self, strike: Callable[[], None]) -> None:
        ends = time.monotonic() + self.minutes * 60
        while time.monotonic() < ends:
            time.sleep(self.dice.uniform(*CALM_SECONDS))
            strike()
            self.injections += 1
            sys.stderr.write(f"{self.guarantee} {self.fault} {self.injections}\n")
            self.restart_ended()

    def kill(self) -> None:
        worker = self.workers[self.dice.randrange(WORKERS)]
        worker.kill()
        worker.start()

    def rebalance(self) -> None:
        """A third worker joins, works for a while and leaves as it was told to."""
        guest = self.workers[WORKERS]
        guest.start()
        time.sleep(self.dice.uniform(*CALM_SECONDS))
        guest.send(signal.SIGTERM)
        guest.terminate(END_SECONDS)

    def restart_ended(self) -> None:
        for worker in self.workers[:WORKERS]:
            if not worker.running:
                self.ended_by_themselves += 1
                worker.start()

    def await_rest(self) -> int:
        """Wait until all is read, or nothing has moved for a minute; return the events that are left."""
        at, moved = -1, time.monotonic()
        while (
            left := self.logs.end() - (now := self.logs.committed())
        ) > 0 and time.monotonic() - moved < STILL_SECONDS:
            self.restart_ended()
            if now != at:
                at, moved = now, time.monotonic()
            time.sleep(1)
        return left

    def line(self, sent: dict[str, bytes], left: int) -> dict[str, Any]:
        return {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "guarantee": self.guarantee, "fault": self.fault,
            "minutes": self.minutes, "seed": self.seed, "injections": self.injections,
            "endedByThemselves": self.ended_by_themselves, "unread": left, **self.logs.counted().judge(sent),
        }  # fmt: skip


@click.command()
@click.option("--guarantee", type=click.Choice(("exactly_once", "at_least_once")), default="exactly_once")
@click.option("--fault", type=click.Choice(("kill", "rebalance")), default="kill")
@click.option("--minutes", type=float, default=4.0)
@click.option("--seed", type=int, default=1)
@click.option("--rate", type=float, default=200.0, help="Events a second.")
@click.option("--report", type=click.Path(path_type=Path), help="Append one JSON line.")
def main(guarantee: str, fault: str, minutes: float, seed: int, rate: float, report: Path | None) -> None:
    """Count events with stock Faust under faults, and say what was lost or counted twice."""
    with tempfile.TemporaryDirectory(prefix="leadstream-stock-") as folder:
        line = StockRun(Path(folder), guarantee, fault, minutes, seed, rate).go()
    click.echo(json.dumps(line))
    if report is not None:
        with report.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
