"""One deployment under fault: a broker and workers as real processes, each with its own folder, log and identity.

Laws: a worker is ended only by its own pid; everything started here is ended by ``close``; the phase of every partition
is read from the worker's phase file right after a kill, so a kill without a phase is known to be one.
Reads and writes: one folder (broker, data, logs, phases) and the broker.
"""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from confluent_kafka import Consumer, TopicPartition

from schemas.journal import BatchJournal
from stream_app.operations.broker import EmbeddedKafka
from tests.faults.loader import config_records, write_config
from tests.faults.logs import SOURCE_ROLES, Place

ROOT = Path(__file__).parents[2]
WORKER = (sys.executable, "-c", "from stream_app.operations.command_line import main; main()", "worker")
REFERENCE_WORKER = (sys.executable, "-m", "tests.faults.reference_worker")
TOPICS = (sys.executable, "-c", "from stream_app.operations.topics_commands import topics; topics()", "apply", "--yes")
SESSION_SECONDS = 6
PHASES = {
    "i": "idle", "o": "opening", "r": "restoring", "p": "waiting", "a": "applying", "t": "transaction open",
    "c": "in commit", "m": "merging",
}  # fmt: skip


def until(condition: Callable[[], bool], seconds: float, what: str, pause: float = 0.05) -> float:
    """Wait for a condition and return how long it took; TimeoutError names ``what``."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > seconds:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(pause)
    return time.monotonic() - begun


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@dataclass
class Options:
    partitions: int = 4
    workers: int = 2
    static: bool = False
    store: str = "memory"
    prefix: str = "leadstream"
    app_id: str = "leadstream"
    command: tuple[str, ...] = WORKER


@dataclass
class Worker:
    """One worker: the same folder, port and identity over all its restarts."""

    number: int
    home: Path
    environ: dict[str, str]
    command: tuple[str, ...]
    partitions: int
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self, crash: str | None = None) -> None:
        """Start it; ``crash`` as LEADSTREAM_CRASH: ``<point>:<nth>[:<delay ms>]``."""
        self.home.mkdir(parents=True, exist_ok=True)
        environ = self.environ | {
            "LEADSTREAM_WEB_PORT": str(self.port),
            "LEADSTREAM_DATA_DIR": str(self.home / "data"),
            "LEADSTREAM_PHASE_FILE": str(self.phase_file),
        }
        if crash is not None:
            environ["LEADSTREAM_CRASH"] = crash
        self.phase_file.unlink(missing_ok=True)
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(self.command, env=environ, stdout=log, stderr=log, cwd=self.home)

    @property
    def phase_file(self) -> Path:
        return self.home / "phases"

    @property
    def phases(self) -> str:
        """The phase byte of every partition, "" when the worker has not got that far."""
        with contextlib.suppress(FileNotFoundError):
            return self.phase_file.read_bytes()[: self.partitions].decode("ascii")
        return ""

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self) -> str:
        """End it by SIGKILL and return the phases in which its partitions were."""
        self.send(signal.SIGKILL)
        if self.process is not None:
            self.process.wait(30)
        return self.phases

    def terminate(self, seconds: float = 20) -> int:
        """End it by SIGTERM and return its exit code."""
        self.send(signal.SIGTERM)
        return self.process.wait(seconds) if self.process is not None else 0

    def ready(self) -> bool:
        """Ask ``/ready``; False also when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/ready")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def last_words(self) -> str:
        log = self.home / "log"
        return log.read_text(errors="replace")[-2000:] if log.exists() else "(no log)"


class Deployment:
    """Broker and workers in one folder."""

    def __init__(self, folder: Path, options: Options) -> None:
        self.folder, self.options = folder, options
        self.kafka = EmbeddedKafka(folder / "broker")
        self.workers: list[Worker] = []
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("LEADSTREAM_")}

    def start(self) -> None:
        """Start the broker, make topics, write the rules, start all workers and wait until they are ready."""
        self.kafka.start()
        options = self.options
        self.environ |= {
            "LEADSTREAM_BOOTSTRAP_SERVERS": self.kafka.bootstrap, "LEADSTREAM_PREFIX": options.prefix,
            "LEADSTREAM_APP_ID": options.app_id, "LEADSTREAM_PARTITIONS": str(options.partitions),
            "LEADSTREAM_STORE": options.store, "LEADSTREAM_SESSION_TIMEOUT_SECONDS": str(SESSION_SECONDS),
            "LEADSTREAM_REPLICATION_FACTOR": "1", "LEADSTREAM_ROOT_KEY": "faults", "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        subprocess.run(TOPICS, env=self.environ, check=True, cwd=self.folder, timeout=120)
        write_config(self.kafka.bootstrap, options.prefix, config_records())
        for number in range(options.workers):
            identity = {"LEADSTREAM_INSTANCE_ID": f"worker-{number}"} if options.static else {}
            home = self.folder / f"worker-{number}"
            worker = Worker(number, home, self.environ | identity, options.command, options.partitions)
            self.workers.append(worker)
            worker.start()
        self.wait_ready(120)

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
        consumer = Consumer({"bootstrap.servers": self.kafka.bootstrap, "group.id": "faults"})
        names = [f"{self.options.prefix}.{name}" for name in SOURCE_ROLES]
        places = [(name, p) for name in names for p in range(self.options.partitions)]
        try:
            return {place: consumer.get_watermark_offsets(TopicPartition(*place), timeout=30)[1] for place in places}
        finally:
            consumer.close()

    def close(self) -> None:
        """End everything that this deployment started."""
        for worker in self.workers:
            worker.send(signal.SIGCONT)
            worker.kill()
        self.kafka.kill()


class JournalWatcher(threading.Thread):
    """Follows the journal as a read_committed subscriber: what is committed of which source, and when it came."""

    def __init__(self, bootstrap: str, options: Options) -> None:
        super().__init__(name="journal", daemon=True)
        self.options = options
        self.positions: dict[Place, int] = {}
        self.seen_at = dict.fromkeys(range(options.partitions), 0.0)
        self.halted = threading.Event()
        self.consumer = Consumer(
            {
                "bootstrap.servers": bootstrap, "group.id": "faults", "isolation.level": "read_committed",
                "enable.auto.commit": False, "reconnect.backoff.max.ms": 500, "log_level": 2,
            }
        )  # fmt: skip

    def run(self) -> None:
        topic = f"{self.options.prefix}.journal"
        self.consumer.assign([TopicPartition(topic, p, 0) for p in range(self.options.partitions)])
        while not self.halted.is_set():
            for message in self.consumer.consume(500, timeout=0.1):
                if message.error() is None:
                    self.learn(int(message.partition() or 0), message.value() or b"")
        self.consumer.close()

    def learn(self, partition: int, value: bytes) -> None:
        for span in msgspec.json.decode(value, type=BatchJournal).inputs:
            self.positions[span.topic, partition] = span.to
        self.seen_at[partition] = time.monotonic()

    def moved_since(self, moment: float) -> bool:
        """Tell whether every partition has committed a batch since then."""
        return all(seen > moment for seen in self.seen_at.values())

    def lag(self, ends: dict[Place, int]) -> int:
        """Offsets sent that no committed batch covers."""
        return sum(max(0, end - self.positions.get(place, 0)) for place, end in ends.items())
