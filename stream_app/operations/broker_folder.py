"""The folder of an embedded broker: its ports, properties and formatted storage.

Laws: the ports are chosen once and kept, so that a client finds a restarted broker where it was; storage is
formatted once and never again; each folder is a cluster with an id of its own.

Reads and writes: <folder>/ports, server.properties, logs/. Writes: <cache>/formatted-*, a formatted storage to copy.
"""
# pyright: strict

import base64
import contextlib
import hashlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

#: Below the range that Linux and macOS give to outgoing connections, so that no connection can sit on a stopped
#: broker's port. A client that retries a port of that range can even connect to itself.
PORT_RANGE = range(20_000, 32_000)

#: One node, quick to start and small; every topic is declared, none appears by itself.
PROPERTIES: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "message.max.bytes": "8388608",
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "4",
    # An abandoned transaction ends a second after its time-out, not ten.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "group.min.session.timeout.ms": "1000",
    "group.initial.rebalance.delay.ms": "0",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "4",
    # A coordinator that is started again reads its log twice, the second time while it answers already (decision 0017):
    # short logs keep that moment short. Markers of transactions, most of what such a log has, would stay a day.
    "offsets.topic.segment.bytes": "1048576",
    "transaction.state.log.segment.bytes": "1048576",
    "log.cleaner.enable": "true",
    "log.cleaner.backoff.ms": "5000",
    "log.cleaner.delete.retention.ms": "60000",
    "log.cleaner.dedupe.buffer.size": "8388608",
    "log.cleaner.io.buffer.size": "131072",
    # One node has nobody to hand over to. A restart waits until the session of the life before has ended:
    # 2 s measured 5 s of restart after kill -9, Kafka's default of 9 s measured 10 s and more.
    "controlled.shutdown.enable": "false",
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "200",
    "controller.quorum.election.timeout.ms": "200",
    "controller.quorum.fetch.timeout.ms": "500",
}


class StorageNotFormatted(RuntimeError):
    """Kafka's storage tool refused the folder."""


class Ports(NamedTuple):
    """Where clients and the controller quorum meet the broker, on 127.0.0.1."""

    broker: int
    controller: int


class BrokerFolder:
    """Paths and files of one embedded broker."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.properties = self.path / "server.properties"
        self.storage = self.path / "logs"
        self.console = self.path / "broker.log"

    @property
    def ports(self) -> Ports | None:
        """The ports chosen at the first start; None before it."""
        try:
            broker, controller = (self.path / "ports").read_text(encoding="ascii").split()
        except FileNotFoundError:
            return None
        return Ports(int(broker), int(controller))

    def keep_ports(self, port: int | None) -> Ports:
        """Choose the ports at the first start, keep them later; a given port wins over a kept one."""
        kept = self.ports
        broker = port or (kept.broker if kept else free_port())
        ports = Ports(broker, kept.controller if kept and kept.controller != broker else free_port(broker))
        self.path.mkdir(parents=True, exist_ok=True)
        _replace(self.path / "ports", f"{ports.broker} {ports.controller}\n")
        return ports

    def write_properties(self, ports: Ports, more: Mapping[str, str]) -> None:
        """Write server.properties: PROPERTIES, the addresses, and what the caller adds or overrides."""
        addresses = {
            "listeners": f"PLAINTEXT://127.0.0.1:{ports.broker},CONTROLLER://127.0.0.1:{ports.controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{ports.broker}",
            "controller.quorum.voters": f"1@127.0.0.1:{ports.controller}",
            "log.dirs": str(self.storage),
        }
        lines = (f"{name}={_escaped(value)}\n" for name, value in {**PROPERTIES, **addresses, **more}.items())
        _replace(self.properties, "".join(lines))

    def format(self, java: str, class_path: str, cache: Path) -> None:
        """Format the storage unless it is: a copy of a formatted folder with fresh ids, sparing a JVM start."""
        if (self.storage / "meta.properties").exists():
            return
        template = cache / f"formatted-{hashlib.sha256(class_path.encode()).hexdigest()[:12]}"
        if not template.exists():
            self._make_template(template, java, class_path)
        partial = self.path / "logs.partial"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(template, partial)
        _give_fresh_ids(partial / "meta.properties")
        partial.rename(self.storage)

    def _make_template(self, template: Path, java: str, class_path: str) -> None:
        partial = template.with_suffix(f".{uuid.uuid4().hex}")
        partial.mkdir(parents=True)
        text = re.sub(r"(?m)^log\.dirs=.*$", f"log.dirs={_escaped(str(partial))}", self.properties.read_text("utf-8"))
        own_properties = self.path / "format.properties"
        own_properties.write_text(text, encoding="utf-8")
        command = [java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx64m", "-cp", class_path]
        command += ["kafka.tools.StorageTool", "format", "--cluster-id", _fresh_id(), "--config", str(own_properties)]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a fixed program of the pinned jars
        own_properties.unlink()
        if answer.returncode:
            shutil.rmtree(partial)
            raise StorageNotFormatted(answer.stdout + answer.stderr)
        with contextlib.suppress(OSError):  # another process was first: its template is as good
            partial.rename(template)
        shutil.rmtree(partial, ignore_errors=True)


def free_port(other_than: int = 0) -> int:
    """Find a port of PORT_RANGE that nothing on this machine listens on."""
    for _ in range(1000):
        port = PORT_RANGE[secrets.randbelow(len(PORT_RANGE))]
        if port != other_than and port_is_free(port):
            return port
    raise OSError(f"no free port in {PORT_RANGE.start}-{PORT_RANGE.stop}")


def port_is_free(port: int) -> bool:
    """Try to take the port on 127.0.0.1 the way Kafka will (a port in TIME_WAIT counts as free)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _fresh_id() -> str:
    """Make an id as Kafka writes them; a leading hyphen would read as an option."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")
        if not text.startswith("-"):
            return text


def _give_fresh_ids(meta_properties: Path) -> None:
    text = meta_properties.read_text(encoding="utf-8")
    for name in ("cluster.id", "directory.id"):
        text, found = re.subn(rf"(?m)^{re.escape(name)}=.*$", f"{name}={_fresh_id()}", text)
        if found != 1:
            raise StorageNotFormatted(f"{meta_properties} does not name {name} once")
    meta_properties.write_text(text, encoding="utf-8")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\")


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
