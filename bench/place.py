"""Where a run takes place: one broker, one preloaded topic, and the processes of the peers.

Laws: every peer has its own app id, prefix, folder and topics; only processes started here are signalled, by pid; the
broker is started once, with the heap of a server.
Reads and writes: one folder, the broker; reads /proc.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import psutil
from confluent_kafka.admin import AdminClient, NewTopic

from bench.load import ORG, PROFILES, RULES
from stream_app.operations.broker import EmbeddedKafka
from stream_app.operations.topic_administration import ensure_topics
from stream_app.settings import Settings, load_settings

ROOT: Final = Path(__file__).parents[1]
LEADSTREAM: Final = (sys.executable, "-c", "from stream_app.operations.command_line import main; main()")
SOURCE: Final = "bench.engagement"
HEAP_MB: Final = 1024
#: Workers that start together join in one generation, so that two of them share the load from its first record.
PROPERTIES: Final = {"group.initial.rebalance.delay.ms": "5000"}


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class Member:
    """One process of a peer."""

    process: subprocess.Popen[bytes]
    home: Path

    def cpu_seconds(self) -> float:
        """Return the CPU time it has used so far."""
        return cpu_seconds(self.process.pid)

    def check(self) -> None:
        """Raise RuntimeError with its last words when it has ended."""
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.home.name} has ended:\n{self.log()[-3000:]}")

    def log(self) -> str:
        """Return its log."""
        return (self.home / "log").read_text(errors="replace")

    def stop(self) -> None:
        """End it by SIGTERM, by SIGKILL after 20 seconds."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.process.kill()
        self.process.wait()


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of a process."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


class Place:
    """Broker and folder of one run; use it in a ``with`` block."""

    def __init__(self, folder: Path, partitions: int) -> None:
        self.folder, self.partitions = folder, partitions
        self.kafka = EmbeddedKafka(folder / "broker", heap_mb=HEAP_MB, properties=PROPERTIES)
        self._members: list[Member] = []
        self._prepared: dict[str, dict[str, str]] = {}

    def __enter__(self) -> Self:
        self.kafka.start()
        return self

    def __exit__(self, *_: object) -> None:
        for member in self._members:
            if member.process.poll() is None:
                member.kill()
        self.kafka.kill()

    @property
    def bootstrap(self) -> str:
        """The broker's address."""
        return self.kafka.bootstrap

    def broker_cpu_seconds(self) -> float:
        """Return the CPU time the broker has used so far."""
        return cpu_seconds(self.kafka.pid or 0)

    def log_bytes(self, topic: str) -> int:
        """Return how much disk a topic's records take, as compressed by who wrote them."""
        storage = self.folder / "broker" / "logs"
        return sum(file.stat().st_size for file in storage.glob(f"{topic}-[0-9]*/*.log"))

    def create(self, *topics: str) -> None:
        """Create plain topics."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 2})
        for created in admin.create_topics([NewTopic(topic, self.partitions, 1) for topic in topics]).values():
            created.result(30)

    def settings(self, prefix: str, **more: Any) -> Settings:
        """Return the settings of a leadstream that reads the preloaded topic."""
        line = {
            "bootstrap_servers": self.bootstrap, "prefix": prefix, "app_id": prefix, "partitions": self.partitions,
            "replication_factor": 1, "engagement_topics": f"{SOURCE}:keyed", "data_dir": str(self.folder / prefix),
        }  # fmt: skip
        return load_settings(line | more, {}, self.folder)

    def prepare(self, prefix: str, **more: Any) -> dict[str, str]:
        """Create a leadstream's topics and put the rules, once; return the environment of its workers."""
        if prefix in self._prepared:
            return self._prepared[prefix]
        settings = self.settings(prefix, **more)
        asyncio.run(ensure_topics(settings))
        environ = self._prepared[prefix] = self._environ() | {
            "LEADSTREAM_BOOTSTRAP_SERVERS": self.bootstrap, "LEADSTREAM_PREFIX": prefix, "LEADSTREAM_APP_ID": prefix,
            "LEADSTREAM_PARTITIONS": str(self.partitions), "LEADSTREAM_REPLICATION_FACTOR": "1",
            "LEADSTREAM_ENGAGEMENT_TOPICS": ",".join(f"{name}:{how}" for name, how in settings.engagement_topics),
            "LEADSTREAM_STORE": settings.store,
        }  # fmt: skip
        for kind, objects in (("rules", RULES), ("profiles", PROFILES)):
            file = self.folder / f"{kind}.json"
            file.write_text(json.dumps(objects), encoding="utf-8")
            command = [*LEADSTREAM, kind, "put", "--org", ORG, "--yes", str(file)]
            subprocess.run(command, env=environ, check=True, cwd=self.folder, stdout=subprocess.DEVNULL, timeout=120)
        return environ

    def worker(self, name: str, environ: dict[str, str], command: tuple[str, ...] = (*LEADSTREAM, "worker")) -> Member:
        """Start one worker of a leadstream, with a port and a folder of its own."""
        data = str(self.folder / name / "data")
        return self.start(
            name, command, environ | {"LEADSTREAM_WEB_PORT": str(free_port()), "LEADSTREAM_DATA_DIR": data}
        )

    def start(self, name: str, command: tuple[str, ...], environ: dict[str, str]) -> Member:
        """Start one process in a folder of its own."""
        home = self.folder / name
        home.mkdir(parents=True, exist_ok=True)
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(command, env=self._environ() | environ, stdout=log, stderr=log, cwd=home)
        member = Member(process, home)
        self._members.append(member)
        return member

    @staticmethod
    def _environ() -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LEADSTREAM_", "FAUST_"))}
        return kept | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
