"""`state verify` on a real worker that is killed under load: the same bytes; and a planted difference is named."""

import asyncio
import collections
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from click.testing import CliRunner, Result

from stream_app.operations import authoring_commands
from stream_app.operations.command_line import COMMANDS, root
from tests.conftest import Broker

LEADSTREAM = (sys.executable, "-c", "from stream_app.operations.command_line import main; main()")
PARTITIONS = 3
RULES, PROFILES = (Path(authoring_commands.__file__).parent / f"demo_{kind}.yaml" for kind in ("rules", "profiles"))
OUTPUTS = {".score-changed", ".threshold-crossed", ".dead-letters"}
EDITED = '[{"id": 3, "name": "Link clicked", "eventType": "email_click", "points": 7}]'


def wait(condition: Callable[[], bool], seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "not in time"
        time.sleep(0.1)


class Installation:
    """One worker as a process, and the command line beside it."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path) -> None:
        self.bootstrap, self.prefix, self.folder = bootstrap, prefix, folder
        self.line = [
            "--bootstrap-servers", bootstrap, "--prefix", prefix, "--app-id", prefix, "--partitions", str(PARTITIONS),
        ]  # fmt: skip
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    def run(
        self, *words: str, options: tuple[str, ...] = (), text: str | None = None, partitions: bool = True
    ) -> Result:
        line = self.line if partitions else self.line[:-2]
        return CliRunner().invoke(root(COMMANDS), [*words, *line, *options], input=text, prog_name="leadstream")

    def json(self, *words: str, options: tuple[str, ...] = ()) -> Any:
        return json.loads(self.run(*words, options=(*options, "--json")).stdout)

    def popen(self, *words: str) -> subprocess.Popen[bytes]:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("LEADSTREAM_")}
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen([*LEADSTREAM, *words], env=environ, stdout=log, stderr=log, cwd=self.folder)

    def start_worker(self) -> None:
        self.process = self.popen(
            "worker", *self.line, "--web-port", str(self.port), "--data-dir", str(self.folder / "data"),
            "--instance-id", "one",
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


@pytest.fixture
def installation(broker: Broker, scratch_prefix: str, tmp_path: Path) -> Iterator[Installation]:
    made = Installation(broker.bootstrap, scratch_prefix, tmp_path)
    assert made.run("topics", "apply").exit_code == 0
    for kind, file in (("rules", RULES), ("profiles", PROFILES)):
        put = made.run(kind, "put", options=("--org", "1", str(file)), partitions=False)
        assert put.exit_code == 0, put.output
    try:
        yield made
    finally:
        if made.process is not None and made.process.poll() is None:
            made.process.kill()
            made.process.wait()


def load(installation: Installation, seed: int, events: int, rate: int, *shares: str) -> subprocess.Popen[bytes]:
    return installation.popen(
        "generate", *installation.line, "--events", str(events), "--contacts", "300", "--seed", str(seed),
        "--rate", str(rate), "--duplicate-share", "0.05", "--org", "1", "--org", "acme", *shares,
    )  # fmt: skip


async def write(bootstrap: str, topic: str, partition: int, key: bytes | None, value: bytes | None) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        await producer.send_and_wait(topic, value, key, partition=partition)
    finally:
        await producer.stop()


async def delete_before(bootstrap: str, place: TopicPartition, offset: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_records({place: RecordsToDelete(before_offset=offset)})
    finally:
        await admin.close()


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_replayed_partition_is_the_same_after_kills_and_a_planted_difference_is_named(
    installation: Installation,
) -> None:
    made = installation
    made.start_worker()
    wait(made.ready)
    # two, because a compacted topic takes no record without a key: one kind of broken attributes
    sending = [
        load(made, 1, 6000, 600, "--bad-share", "0.05", "--commands-share", "0.1"),
        load(made, 2, 2000, 300, "--attributes-share", "0.5"),
    ]
    wait(lambda: (made.json("partition", "show")[0]["state"] or {"seq": 0})["seq"] > 3)
    made.end_worker(signal.SIGKILL)
    made.start_worker()
    wait(made.ready)
    edit = made.run("rules", "put", options=("--org", "1", "-"), text=EDITED, partitions=False)
    assert edit.exit_code == 0
    under_way = made.verify()
    assert {verdict["verdict"] for verdict in under_way.values()} == {"same"}, under_way
    assert [process.wait(60) for process in sending] == [0, 0]
    wait(lambda: made.applied() > 0)

    still = made.verify()
    assert {verdict["verdict"] for verdict in still.values()} == {"same"}, still
    records = [row["state"] for row in made.json("partition", "show")]
    for number, verdict in still.items():
        assert verdict["seq"] == records[number]["seq"] > under_way[number]["seq"] - 1
        assert verdict["journal"]["first"] == 1
        assert verdict["stateNotCompared"] == 0
    compared: collections.Counter[str] = collections.Counter()
    for verdict in still.values():
        compared.update({topic: count["compared"] for topic, count in verdict["outputs"].items()})
    assert compared.total() > 3000
    assert {topic.removeprefix(made.prefix) for topic, count in compared.items() if count} == OUTPUTS
    assert made.run("state", "verify", options=("--partition", "0")).exit_code == 0
    assert_redriven(made)
    assert_adjusted(made)
    made.end_worker(signal.SIGTERM)
    assert {verdict["verdict"] for verdict in made.verify().values()} == {"same"}
    assert_lost_ranges_are_said(made)
    assert_named(made)


def assert_adjusted(made: Installation) -> None:
    before = made.json("score", "get", options=("--org", "1", "1"))["scores"]["default"]
    adjust = ("--org", "1", "1", "7", "--reason", "call", "--command-id", "once")
    for _ in range(2):  # the same command twice counts once
        assert made.json("score", "adjust", options=adjust)["commandId"] == "once"
    wait(lambda: made.json("score", "get", options=("--org", "1", "1"))["scores"]["default"] == before + 7)
    wait(lambda: made.applied() > 0)
    assert made.json("score", "get", options=("--org", "1", "1"))["scores"]["default"] == before + 7
    assert made.run("score", "adjust", options=("--org", "1", "1", "--", "-3")).exit_code == 0
    assert made.run("score", "adjust", options=("--org", "no org", "1", "3")).exit_code == 2
    assert made.run("score", "get", options=("--org", "1", "nobody")).exit_code == 1
    wait(lambda: made.applied() > 0)


def assert_lost_ranges_are_said(made: Installation) -> None:
    """Outputs that retention took are counted; a journal without its beginning is no ground to start from."""
    topic = f"{made.prefix}.score-changed"
    asyncio.run(delete_before(made.bootstrap, TopicPartition(topic, 0), 100))
    verdict = made.verify()[0]
    assert verdict["verdict"] == "same"
    assert 0 < verdict["outputs"][topic]["notRetained"] <= 100 < verdict["outputs"][topic]["compared"]
    asyncio.run(delete_before(made.bootstrap, TopicPartition(f"{made.prefix}.journal", 0), 3))
    told = made.run("state", "verify", options=("--partition", "0"))
    assert told.exit_code == 1
    assert "partition 0: impossible: the journal is retained from batch" in told.stdout


def assert_redriven(made: Installation) -> None:
    listed = made.json("dead-letters", "list", options=("--limit", "5"))
    assert len(listed["deadLetters"]) == 5 < listed["total"]
    unkeyed = made.json("dead-letters", "list", options=("--reason", "missing_key", "--limit", "1"))["deadLetters"][0]
    shown = made.json("dead-letters", "show", options=(unkeyed["ref"],))
    assert shown["key"] is None and shown["headers"] and "contactId" in shown["value"]
    assert unkeyed["redriveCount"] == 0
    dry = made.json("dead-letters", "redrive", options=(unkeyed["ref"], "--dry-run"))
    assert dry == {"dryRun": True, "sent": [unkeyed["ref"]], "left": []}
    assert made.run("dead-letters", "redrive", options=(unkeyed["ref"],), text="n\n").exit_code == 1
    assert made.json("dead-letters", "list")["total"] == listed["total"]
    assert made.run("dead-letters", "redrive", options=(unkeyed["ref"], "--yes")).exit_code == 0
    wait(lambda: made.json("dead-letters", "list")["total"] == listed["total"] + 1)
    again = made.json("dead-letters", "list", options=("--reason", "missing_key", "--limit", "1"))["deadLetters"][0]
    assert again["redriveCount"] == 1
    assert again["origin"].rpartition("-")[0] == unkeyed["origin"].rpartition("-")[0]
    assert made.json("dead-letters", "show", options=(again["ref"],))["value"] == shown["value"]


def assert_named(made: Installation) -> None:
    """Plant a wrong score, then an output that nobody sent; both are told with their key."""
    row = next(row for row in made.json("state", "dump", options=("--partition", "1")) if row["section"] == "core")
    contact = row["contact"]
    org, name = contact.split(":")
    assert made.json("state", "get", options=("--org", org, name))[0] == row
    changelog = f"{made.prefix}-contacts-changelog"
    asyncio.run(write(made.bootstrap, changelog, 1, contact.encode() + b"\0c", b"\x99wrong"))
    verdict = made.verify()
    assert [verdict[p]["verdict"] for p in range(PARTITIONS)] == ["impossible", "different", "same"]
    (difference,) = verdict[1]["differences"]
    assert (difference["where"], difference["contact"], difference["section"]) == ("state", contact, "core")
    assert difference["replayed"] == row["value"]
    asyncio.run(write(made.bootstrap, f"{made.prefix}.score-changed", 2, contact.encode(), b"{}"))
    told = made.run("state", "verify", options=("--partition", "2"))
    assert told.exit_code == 1
    assert f"score-changed  {contact}" in told.stdout
