"""A real Apache Kafka on this machine: one KRaft node, from pinned jars, for the demo, tests and a first look.

Laws: an EmbeddedKafka is a handle to a folder, so any process may hold one, attach to the broker running there and
end it; only the process that serves the folder is ever signalled; start returns when the broker answers
for itself, not when its port opens; data survives stop and kill; the port stays the same.

Reads and writes: the folder (see broker_folder), the user's cache (see jars and class_archive).
"""
# pyright: strict

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import psutil

from stream_app.operations.broker_folder import BrokerFolder, port_is_free
from stream_app.operations.class_archive import ClassArchive, lock_at_once, publish_archive
from stream_app.operations.jars import Progress, cache_dir, fetch_jars, read_lock, silent
from stream_app.operations.java import Java, find_java

#: From this heap on the JVM is set for throughput; below it, for a quick start and a small footprint.
THROUGHPUT_HEAP_MB = 1024
#: Metadata v1 for no topics, correlation id 1, client id "p".
METADATA_REQUEST = b"\x00\x00\x00\x0f\x00\x03\x00\x01\x00\x00\x00\x01\x00\x01p\x00\x00\x00\x00"
POLL_SECONDS = 0.05


class BrokerFailed(RuntimeError):
    """The broker did not come up; the message ends with its own last words."""


class BrokerNotStarted(RuntimeError):
    """The folder has no broker yet, hence no address."""


class EmbeddedKafka:
    """A single-node Kafka that lives in a folder.

    `properties` adds to or overrides broker_folder.PROPERTIES; `heap_mb` is the JVM's -Xmx.
    """

    def __init__(
        self,
        data_dir: Path | str,
        *,
        port: int | None = None,
        properties: Mapping[str, str] | None = None,
        heap_mb: int = 256,
        progress: Progress = silent,
    ) -> None:
        self._folder = BrokerFolder(Path(data_dir))
        self._port = port
        self._properties = dict(properties or {})
        self._heap_mb = heap_mb
        self._progress = progress
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """The address for clients, kept over restarts. Raises BrokerNotStarted before the first start."""
        ports = self._folder.ports
        if ports is None:
            raise BrokerNotStarted(f"no broker was ever started in {self._folder.path}")
        return f"127.0.0.1:{ports.broker}"

    @property
    def pid(self) -> int | None:
        """The process that serves the folder, whoever started it; None while none does."""
        process = self._process()
        return process.pid if process else None

    def start(self, timeout_seconds: float = 60) -> Self:
        """Start the broker, or attach to the one already running in the folder; return when it answers.

        The limit does not count fetching jars. Raises BrokerFailed, JavaMissing, JarMismatch, JarUnavailable.
        """
        if self._process() is None:
            java = find_java()
            cache = cache_dir()
            class_path = os.pathsep.join(map(str, fetch_jars(read_lock(), cache, self._progress)))
            self._progress("starting Kafka", 0, 1)
            self._launch(java, class_path, cache)
        self._await_answer(timeout_seconds)
        self._progress("starting Kafka", 1, 1)
        return self

    def stop(self, timeout_seconds: float = 120) -> None:
        """End the broker by SIGTERM, by a kill after the limit; nothing to do where none runs.

        The first clean stop on a machine takes seconds longer: it records the class archive.
        """
        process = self._process()
        if process is None:
            return
        process.terminate()
        if self._ended(process, timeout_seconds):
            publish_archive(self._folder.path)
        else:
            self._kill(process)

    def kill(self) -> None:
        """End the broker by SIGKILL, as a crash would."""
        process = self._process()
        if process is not None:
            self._kill(process)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self, java: Java, class_path: str, cache: Path) -> None:
        ports = self._folder.keep_ports(self._port)
        lock = os.open(self._folder.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        descriptors = [lock]
        try:
            if not lock_at_once(lock):
                raise BrokerFailed(f"another process is starting or ending a broker in {self._folder.path}")
            for port in ports:
                if not port_is_free(port):
                    raise BrokerFailed(f"port {port}, kept in {self._folder.path / 'ports'}, is taken")
            self._folder.write_properties(ports, self._properties)
            self._folder.format(java.path, class_path, cache)
            flags = _jvm_flags(self._heap_mb)
            flags += self._archive_flags(ClassArchive(java, class_path, flags, cache), descriptors)
            self._spawn(
                [java.path, *flags, "-cp", class_path, "kafka.Kafka", str(self._folder.properties)], descriptors
            )
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _archive_flags(self, archive: ClassArchive, descriptors: list[int]) -> list[str]:
        flags = archive.flags_to_use()
        if flags:
            return flags
        claim = archive.claim_recording()
        if claim is None:
            return []
        descriptors.append(claim)
        return archive.flags_to_record(self._folder.path)

    def _spawn(self, command: Sequence[str], descriptors: Sequence[int]) -> None:
        # A session of its own: Ctrl-C in the terminal must reach the application, which ends the broker last.
        with self._folder.console.open("ab") as console:
            self._child = subprocess.Popen(  # noqa: S603 - a Java found by find_java with the pinned jars
                command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
                pass_fds=descriptors,
            )
        (self._folder.path / "pid").write_text(f"{self._child.pid}\n", encoding="ascii")

    def _process(self) -> psutil.Process | None:
        """Find the live process that serves this folder."""
        # Asking reaps a child that ended by itself.  One that lives is believed without a look at its command line,
        # which is empty for a moment while it becomes Java, and again while it exits.
        if self._child is not None and self._child.poll() is None:
            return psutil.Process(self._child.pid)
        try:
            process = psutil.Process(int((self._folder.path / "pid").read_text(encoding="ascii")))
            # INVARIANT: a recycled pid is never signalled. The command line names the folder's own properties file,
            # and psutil refuses to signal a pid whose start time changed since this look.
            serves_folder = process.cmdline()[-1:] == [str(self._folder.properties)]
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
            return None
        return process if serves_folder else None

    def _await_answer(self, timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        while not _answers(self.bootstrap):
            if self._process() is None:
                raise BrokerFailed(f"the broker ended while starting:\n{self._last_words()}")
            if time.monotonic() > deadline:
                self.kill()
                raise BrokerFailed(f"the broker did not answer within {timeout_seconds:g} s:\n{self._last_words()}")
            time.sleep(POLL_SECONDS)

    def _kill(self, process: psutil.Process) -> None:
        process.send_signal(signal.SIGKILL)
        self._ended(process, None)

    def _ended(self, process: psutil.Process, timeout_seconds: float | None) -> bool:
        try:
            if self._child is not None and self._child.pid == process.pid:
                self._child.wait(timeout_seconds)
            else:
                process.wait(timeout_seconds)
        except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
            return False
        (self._folder.path / "pid").unlink(missing_ok=True)
        return True

    def _last_words(self) -> str:
        return self._folder.console.read_text(encoding="utf-8", errors="replace")[-3000:]


def _jvm_flags(heap_mb: int) -> list[str]:
    flags = [f"-Xmx{heap_mb}m", "-XX:+ExitOnOutOfMemoryError", "-XX:-UsePerfData", "-Djava.awt.headless=true"]
    flags += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true"]
    flags += ["-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX"]
    if heap_mb >= THROUGHPUT_HEAP_MB:
        return [*flags, f"-Xms{heap_mb}m", "-XX:+UseParallelGC"]
    return [*flags, "-Xms64m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]


def _answers(address: str) -> bool:
    """Say whether a Metadata answer names a broker; the port alone opens earlier."""
    host, port = address.split(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1) as connection:
            connection.settimeout(2)
            connection.sendall(METADATA_REQUEST)
            head = connection.recv(12, socket.MSG_WAITALL)
    except OSError:
        return False
    return len(head) == 12 and int.from_bytes(head[8:12], "big") >= 1
