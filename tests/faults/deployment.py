"""One deployment under fault: a broker and workers, or workers on a cluster that is there already.

Laws: on a cluster that is not its own it uses a prefix that nobody uses, and deletes every topic that it made;
everything started here is ended by ``close``.
Reads and writes: one folder (broker, workers) and the cluster.
"""

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # pyright: ignore[reportPrivateImportUsage] it is public
from confluent_kafka.cimpl import NewTopic

from stream_app.operations.broker import EmbeddedKafka
from tests.faults.authored import config_records
from tests.faults.clients import make_admin, write_config
from tests.faults.harness import REFERENCE_WORKER, ROOT, ROOT_KEY, WORKER, Worker, clean_environ, until
from tests.faults.logs import SOURCE_ROLES, WEB, Place

TOPICS = (sys.executable, "-c", "from stream_app.operations.topics_commands import topics; topics()", "apply", "--yes")
ANSWER_SECONDS = 30


class NotScratch(RuntimeError):
    """The prefix is in use on that cluster."""


@dataclass(frozen=True)
class Options:
    """``bootstrap``: a cluster that is there; None is an embedded broker.  ``other``: a checkout of another version.

    ``reference``: workers run the reference on delivery, which has neither HTTP writes, ingest nor edited rules.
    ``soak`` spares worker 0 what would end it, so that what it takes can be followed over hours.
    """

    partitions: int = 4
    workers: int = 2
    static: bool = False
    store: str = "memory"
    prefix: str = "leadstream"
    session_seconds: int = 10
    bootstrap: str | None = None
    other: Path | None = None
    reference: bool = False
    soak: bool = False

    @property
    def app_id(self) -> str:
        return self.prefix

    @property
    def web(self) -> int:
        """Partitions of the source with any key."""
        return 0 if self.reference else self.partitions + 1

    @property
    def counts(self) -> dict[str, int]:
        """Partitions of each topic that a load is sent to."""
        counts = dict.fromkeys(("engagement", "commands", "contacts"), self.partitions)
        return counts | ({WEB: self.web} if self.web else {})


class Deployment:
    """Broker and workers in one folder; ``guest`` is a further worker that comes and goes."""

    def __init__(self, folder: Path, options: Options) -> None:
        self.folder, self.options = folder, options
        self.embedded = options.bootstrap is None
        self.kafka = EmbeddedKafka(folder / "broker")  # a handle: a cluster of one's own is not started by it
        self.environ = clean_environ()
        self.workers: list[Worker] = []
        self.made: list[str] = []

    @property
    def mortal(self) -> list[Worker]:
        """Workers that may be ended."""
        return self.workers[int(self.options.soak) :]

    @property
    def bootstrap(self) -> str:
        return self.options.bootstrap or self.kafka.bootstrap

    @cached_property
    def admin(self) -> AdminClient:
        """One client for as long as the deployment lives."""
        return make_admin(self.bootstrap)

    def start(self, before_workers: Callable[[str], None] | None = None) -> None:
        """Start the broker, make topics, write the rules, start all workers and wait until they are ready.

        ``before_workers`` is called with the bootstrap address when there is everything but workers.
        """
        if self.embedded:
            self.kafka.start()
        options = self.options
        self.environ |= {
            "LEADSTREAM_BOOTSTRAP_SERVERS": self.bootstrap, "LEADSTREAM_PREFIX": options.prefix,
            "LEADSTREAM_APP_ID": options.app_id, "LEADSTREAM_PARTITIONS": str(options.partitions),
            "LEADSTREAM_STORE": options.store, "LEADSTREAM_SESSION_TIMEOUT_SECONDS": str(options.session_seconds),
            "LEADSTREAM_ROOT_KEY": ROOT_KEY, "LEADSTREAM_RATE_LIMIT_PER_SECOND": "1000000", "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        if options.web:
            sources = f"{options.prefix}.engagement:keyed,{options.prefix}.{WEB}:any"
            self.environ["LEADSTREAM_ENGAGEMENT_TOPICS"] = sources
        if self.embedded:
            self.environ["LEADSTREAM_REPLICATION_FACTOR"] = "1"
        self.make_topics()
        write_config(self.bootstrap, options.prefix, config_records(everything=not options.reference))
        if before_workers is not None:
            before_workers(self.bootstrap)
        self.workers = [self.worker(number) for number in range(options.workers)]
        for worker in self.workers:
            worker.start()
        self.guest = self.worker(options.workers)
        self.wait_ready(120)

    def worker(self, number: int) -> Worker:
        options = self.options
        identity = {"LEADSTREAM_INSTANCE_ID": f"worker-{number}"} if options.static else {}
        command = REFERENCE_WORKER if options.reference else WORKER
        return Worker(number, self.folder / f"worker-{number}", self.environ | identity, command, options.partitions)

    def make_topics(self) -> None:
        """Make all topics; NotScratch when the prefix is in use."""
        prefix = f"{self.options.prefix}."
        if known := self.topics():
            raise NotScratch(f"{known[0]} exists: chaos needs a prefix that nobody uses")
        if self.options.web:
            for made in self.admin.create_topics([NewTopic(prefix + WEB, self.options.web)]).values():
                made.result(ANSWER_SECONDS)
        subprocess.run(TOPICS, env=self.environ, check=True, cwd=self.folder, timeout=120, stdout=subprocess.DEVNULL)
        self.made = self.topics()

    def topics(self) -> list[str]:
        """Topics of the prefix and the application id."""
        options = self.options
        names = self.admin.list_topics(timeout=ANSWER_SECONDS).topics
        return sorted(n for n in names if n.startswith((f"{options.prefix}.", f"{options.app_id}-")))

    def wait_ready(self, seconds: float = 90) -> float:
        """Wait until every worker says it is ready; return the seconds. An ended worker is an error."""

        def settled() -> bool:
            for worker in self.workers:
                if not worker.running:
                    raise RuntimeError(f"worker {worker.number} has ended:\n{worker.last_words()}")
            return all(worker.ready() for worker in self.workers)

        return until(settled, seconds, "all workers ready", 0.1)

    def restart_ended(self) -> int:
        """Start workers that have ended by themselves, as a supervisor would; return how many."""
        ended = [worker for worker in self.workers if not worker.running]
        for worker in ended:
            worker.start()
        return len(ended)

    def ends(self) -> dict[Place, int]:
        """The end of every source partition."""
        counts = dict.fromkeys(SOURCE_ROLES, self.options.partitions) | {WEB: self.options.web}
        places = [(f"{self.options.prefix}.{name}", p) for name, count in counts.items() for p in range(count)]
        asked: dict[TopicPartition, Any] = {TopicPartition(*place): OffsetSpec.latest() for place in places}
        try:
            found = self.admin.list_offsets(asked, request_timeout=ANSWER_SECONDS)
            return {(tp.topic, tp.partition): answer.result().offset for tp, answer in found.items()}
        except KafkaException:
            self.__dict__.pop("admin", None)  # one that asked while there was no broker may never answer again
            raise

    def close(self) -> None:
        """End everything that this deployment started, and delete what it made on a cluster that is not its own."""
        for worker in (*self.workers, *([self.guest] if self.workers else [])):
            worker.send(signal.SIGCONT)
            worker.kill()
        if self.embedded:
            self.kafka.kill()
        elif self.made:
            for gone in self.admin.delete_topics(self.made).values():
                gone.result(ANSWER_SECONDS)
