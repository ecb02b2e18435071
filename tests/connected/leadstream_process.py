"""`leadstream` as a process of its own: started with settings in its environment, asked over HTTP, ended by its pid."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import psutil

from stream_app.operations.broker_folder import free_port

LEADSTREAM = Path(sys.executable).with_name("leadstream")
KEY = "ls_test_root"


def environment(settings: Mapping[str, object]) -> dict[str, str]:
    """This process's environment with these settings and no others of leadstream, its cache aside."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEADSTREAM_")}
    cache = {name: value for name, value in os.environ.items() if name == "LEADSTREAM_CACHE_DIR"}
    return kept | cache | {f"LEADSTREAM_{name}": str(value) for name, value in settings.items()}


class Leadstream:
    """One `leadstream worker` or `demo`; ``settings`` are variables without LEADSTREAM_."""

    def __init__(self, folder: Path, *arguments: str, **settings: object) -> None:
        self.folder, self.arguments = folder, arguments
        self.port = settings.setdefault("WEB_PORT", free_port())
        self.settings = {"ROOT_KEY": KEY, "DATA_DIR": folder / "data", **settings}
        self.log_file = folder / f"{arguments[0]}-{self.port}.log"
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> "Leadstream":
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [LEADSTREAM, *self.arguments], env=environment(self.settings), cwd=self.folder,
                stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        return self

    def __enter__(self) -> "Leadstream":
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is None:
            return
        started = self.family()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for child in started[1:]:
            if child.is_running():
                child.kill()
        self.output.close()

    @property
    def output(self) -> IO[str]:
        assert self.process is not None and self.process.stdout is not None
        return self.process.stdout

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def family(self) -> list[psutil.Process]:
        """The process and what it started, as far as they live."""
        assert self.process is not None
        try:
            process = psutil.Process(self.process.pid)
            return [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def ended(self, number: signal.Signals | None = None, seconds: float = 15) -> int:
        """Wait for the end, after a signal where one is given; its exit code."""
        assert self.process is not None
        if number is not None:
            self.process.send_signal(number)
        return self.process.wait(seconds)

    def get(self, path: str, key: str = KEY) -> tuple[int, Any]:
        """Status and body; status 0 while nobody listens. Not JSON: the text."""
        return self.ask("GET", path, key=key)

    def ask(self, method: str, path: str, body: object = None, *, key: str = KEY) -> tuple[int, Any]:
        """Status and body of any request, its own body as JSON; an empty body is None."""
        headers = {"Authorization": f"Bearer {key}"}
        sent = None
        if body is not None:
            sent, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data=sent, headers=headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the same
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                status, text = error.code, error.read().decode()
        except OSError:
            return 0, None
        return status, text if path == "/metrics" else json.loads(text or "null")

    def until(self, condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
        """Wait until the condition holds and return what it said; its log when it ended or time is up."""
        deadline = time.monotonic() + seconds
        while not (met := condition()):
            assert self.process is not None
            assert self.process.poll() is None, f"ended before {what}: {self.log}"
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}\n{self.log}"
            time.sleep(0.05)
        return met

    def until_ready(self) -> None:
        self.until(lambda: self.get("/ready")[0] == 200, "ready")

    def metric(self, name: str) -> float:
        """The sum of a metric's values."""
        lines = [line for line in self.get("/metrics")[1].splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def accounts(self) -> dict[str, int]:
        """The sums of /accounting over all that is scored; empty while it does not answer."""
        status, body = self.get("/v1/accounting?orgId=1")
        names = ("applied", "duplicate", "noEffect", "deadLetter", "lag")
        if status != 200:
            return {}
        return {name: sum(row[name] for row in body["data"] if row["role"] != "any") for name in names}


def run(*arguments: str, settings: Mapping[str, object]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [LEADSTREAM, *arguments], env=environment(settings), capture_output=True, text=True, timeout=120, check=False
    )


def deployment(bootstrap: str, prefix: str, partitions: int, *commands: Sequence[str]) -> dict[str, object]:
    """Settings of a deployment of its own, after its topics are applied and these commands are run."""
    own: dict[str, object] = {
        "BOOTSTRAP_SERVERS": bootstrap, "PREFIX": prefix, "APP_ID": prefix, "PARTITIONS": partitions,
        "SESSION_TIMEOUT_SECONDS": 6,
    }  # fmt: skip
    for command in (["topics", "apply", "--yes"], *commands):
        done = run(*command, settings=own)
        assert done.returncode == 0, done.stderr
    return own
