"""One worker under fault: a real process with its own folder, log, port and identity over all its restarts.

Laws: a worker is ended only by its own pid; the phase of every partition is read from the worker's phase file right
after a kill, so a kill without a phase is known to be one.
Reads and writes: one folder (data, log, phases).
"""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from stream_app.delivery.probe import Point
from stream_app.operations.phases import arm

ROOT = Path(__file__).parents[2]
WORKER = (sys.executable, "-c", "from stream_app.operations.command_line import main; main()", "worker")
REFERENCE_WORKER = (sys.executable, "-m", "tests.faults.reference_worker")
ROOT_KEY = "faults"


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
class Worker:
    """One worker; ``environ`` and ``command`` may be changed between its lives."""

    number: int
    home: Path
    environ: dict[str, str]
    command: tuple[str, ...]
    partitions: int
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self, crash: str | None = None, **settings: str) -> None:
        """Start it; ``crash`` as LEADSTREAM_CRASH; ``settings`` are variables of this life only."""
        self.home.mkdir(parents=True, exist_ok=True)
        environ = self.environ | {
            "LEADSTREAM_WEB_PORT": str(self.port),
            "LEADSTREAM_DATA_DIR": str(self.data),
            "LEADSTREAM_PHASE_FILE": str(self.phase_file),
        }
        if crash is not None:
            environ["LEADSTREAM_CRASH"] = crash
        self.phase_file.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, env=environ | settings, stdout=log, stderr=log, cwd=self.home)

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def phase_file(self) -> Path:
        return self.home / "phases"

    @property
    def phases(self) -> str:
        """The phase byte of every partition, "" when the worker has not got that far."""
        with contextlib.suppress(FileNotFoundError):
            return self.phase_file.read_bytes()[: self.partitions].decode("ascii")
        return ""

    def arm(self, point: Point | None) -> None:
        """Let it die at a point of its life; None takes that back."""
        with contextlib.suppress(FileNotFoundError):
            arm(self.phase_file, point)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def exit_code(self) -> int | None:
        return None if self.process is None else self.process.poll()

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
        """End it by SIGTERM and return its exit code; 124 when it had to be killed."""
        self.send(signal.SIGTERM)
        try:
            return self.process.wait(seconds) if self.process is not None else 0
        except subprocess.TimeoutExpired:
            self.kill()
            return 124

    def ask(self, method: str, path: str, body: bytes | None = None, key: str = "") -> tuple[int, bytes]:
        """Status and body of a request; status 0 when nobody answers within 5 s."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        headers = {"Authorization": f"Bearer {ROOT_KEY}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, body, headers | ({"Idempotency-Key": key} if key else {}))
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def ready(self) -> bool:
        return self.ask("GET", "/ready")[0] == http.client.OK

    def said(self, text: str, after: int = 0) -> bool:
        """Tell whether its log has a text, from a size of the log on."""
        return self.log.exists() and text.encode() in self.log.read_bytes()[after:]

    @property
    def log_size(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else "(no log)"


def clean_environ() -> dict[str, str]:
    """This process's environment without leadstream's settings, its cache and how a cluster is reached aside."""
    kept = ("LEADSTREAM_CACHE_DIR", "LEADSTREAM_SECURITY_", "LEADSTREAM_SASL_", "LEADSTREAM_SSL_")
    return {
        name: value for name, value in os.environ.items() if not name.startswith("LEADSTREAM_") or name.startswith(kept)
    }
