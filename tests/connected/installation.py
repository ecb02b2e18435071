"""One leadstream on the tests' broker: a worker as a process, a load, and the command line beside it."""

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from aiokafka import AIOKafkaProducer
from click.testing import CliRunner, Result

from schemas.times import format_time
from stream_app.operations import authoring_commands
from stream_app.operations.command_line import COMMANDS, root

LEADSTREAM = (sys.executable, "-c", "from stream_app.operations.command_line import main; main()")
PARTITIONS = 3
RULES, PROFILES = (Path(authoring_commands.__file__).parent / f"demo_{kind}.yaml" for kind in ("rules", "profiles"))


def wait(condition: Callable[[], bool], seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "not in time"
        time.sleep(0.1)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Installation:
    """One worker as a process, and the command line beside it."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path) -> None:
        self.bootstrap, self.prefix, self.folder = bootstrap, prefix, folder
        self.use(prefix)
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    def use(self, app_id: str) -> None:
        """Run as this application from now on."""
        self.line = [
            "--bootstrap-servers", self.bootstrap, "--prefix", self.prefix, "--app-id", app_id,
            "--partitions", str(PARTITIONS),
        ]  # fmt: skip

    def run(
        self, *words: str, options: tuple[str, ...] = (), text: str | None = None, partitions: bool = True
    ) -> Result:
        line = self.line if partitions else self.line[:-2]
        return CliRunner().invoke(root(COMMANDS), [*words, *line, *options], input=text, prog_name="leadstream")

    def json(self, *words: str, options: tuple[str, ...] = ()) -> Any:
        return json.loads(self.run(*words, options=(*options, "--json")).stdout)

    def put(self, kind: str, file: str, text: str | None = None) -> None:
        """Put org 1's rules or profiles from a file, from ``text`` where it is "-"."""
        put = self.run(kind, "put", options=("--org", "1", file), text=text, partitions=False)
        assert put.exit_code == 0, put.output

    def click(self, *events: tuple[str, int], by: Literal["event", "record"] = "event") -> None:
        """Send a link_click of org 1 for each (contact, time); the time is the event's own or its record's."""
        asyncio.run(self._click(events, by == "event"))

    async def _click(self, events: Sequence[tuple[str, int]], own: bool) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.bootstrap) as producer:
            for contact, at in events:
                body = {"orgId": "1", "contactId": contact, "type": "link_click"}
                value = json.dumps(body | {"occurredAt": format_time(at)} if own else body).encode()
                key, timestamp = f"1:{contact}".encode(), None if own else at
                await producer.send(f"{self.prefix}.engagement", value, key, timestamp_ms=timestamp)
            await producer.flush()

    def popen(self, *words: str, crash: str | None = None, **settings: str) -> subprocess.Popen[bytes]:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("LEADSTREAM_")}
        environ |= {f"LEADSTREAM_{name}": value for name, value in settings.items()}
        if crash is not None:
            environ["LEADSTREAM_CRASH"] = crash
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen([*LEADSTREAM, *words], env=environ, stdout=log, stderr=log, cwd=self.folder)

    def start_worker(self, crash: str | None = None, **settings: str) -> None:
        self.process = self.popen(
            "worker", *self.line, "--web-port", str(self.port), "--data-dir", str(self.folder / "data"),
            "--instance-id", "one", crash=crash, **settings,
        )  # fmt: skip

    def ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/ready")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def end_worker(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(30)

    def applied(self) -> int:
        """Records applied over all sources and partitions; -1 while some are unread."""
        rows = [row["state"] for row in self.json("partition", "show")]
        if not all(rows):
            return -1
        sources = [source for row in rows for source in row["sources"].values()]
        return -1 if any(source["lag"] for source in sources) else sum(source["applied"] for source in sources)

    def verify(self) -> dict[int, dict[str, Any]]:
        return {verdict["partition"]: verdict for verdict in self.json("state", "verify")["partitions"]}

    def load(self, seed: int, events: int, rate: int, *shares: str) -> subprocess.Popen[bytes]:
        return self.popen(
            "generate", *self.line, "--events", str(events), "--contacts", "300", "--seed", str(seed),
            "--rate", str(rate), "--duplicate-share", "0.05", "--org", "1", "--org", "acme", *shares,
        )  # fmt: skip


@contextmanager
def installed(bootstrap: str, prefix: str, folder: Path) -> Iterator[Installation]:
    """Make topics and rules; end the worker at the end."""
    made = Installation(bootstrap, prefix, folder)
    assert made.run("topics", "apply").exit_code == 0
    for kind, file in (("rules", RULES), ("profiles", PROFILES)):
        made.put(kind, str(file))
    try:
        yield made
    finally:
        if made.process is not None and made.process.poll() is None:
            made.process.kill()
            made.process.wait()
