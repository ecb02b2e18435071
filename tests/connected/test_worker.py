"""`leadstream worker` as a process: when it waits, when it refuses, how it ends, what it restores."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stream_app.operations import authoring_commands
from stream_app.operations.broker import EmbeddedKafka
from tests.conftest import Broker
from tests.connected.leadstream_process import LEADSTREAM, Leadstream, deployment, environment, run

RULES = Path(authoring_commands.__file__).with_name("demo_rules.yaml")
PARTITIONS = 2
CONTACTS = 400
SCORE = "/v1/contacts/1/score?orgId=1"


@pytest.fixture
def settings(broker: Broker, scratch_prefix: str) -> dict[str, object]:
    """Settings of a deployment of its own: topics applied, rules put."""
    return deployment(broker.bootstrap, scratch_prefix, PARTITIONS, ["rules", "put", "--org", "1", str(RULES)])


def send(settings: dict[str, object], events: int, seed: int = 1) -> None:
    asked = ["--events", str(events), "--contacts", str(CONTACTS), "--seed", str(seed)]
    done = run("generate", *asked, settings=settings)
    assert done.returncode == 0, done.stderr


def until_read(worker: Leadstream, events: int) -> None:
    """Wait until so many records have an outcome."""

    def read() -> bool:
        accounts = worker.accounts()
        return bool(accounts) and accounts["lag"] == 0 and sum(accounts.values()) == events

    worker.until(read, f"{events} records read")


def shown(worker: Leadstream) -> dict[str, Any]:
    """Contact 1 as REST shows it, without the log, whose rows come later."""
    status, body = worker.get(SCORE)
    assert status == 200, body
    return {name: body["data"][name] for name in ("leadScore", "version", "awards")}


@pytest.fixture
def load(settings: dict[str, object]) -> Iterator[subprocess.Popen[bytes]]:
    """A load that goes on for longer than any test."""
    command = [LEADSTREAM, "generate", "--events", "1000000", "--contacts", "5000", "--rate", "3000"]
    process = subprocess.Popen(command, env=environment(settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield process
    process.kill()
    process.wait()


def test_it_lives_but_is_not_ready_until_the_broker_answers(tmp_path: Path) -> None:
    kafka = EmbeddedKafka(tmp_path / "broker")
    try:
        own = {"BOOTSTRAP_SERVERS": kafka.start().bootstrap, "PARTITIONS": PARTITIONS}
        assert run("topics", "apply", "--yes", settings=own).returncode == 0
        kafka.stop()
        with Leadstream(tmp_path, "worker", **own) as worker:
            worker.until(lambda: "no broker answers yet" in worker.log, "its first attempt")
            assert worker.get("/live") == (200, {"data": {"live": True}})
            status, problem = worker.get("/ready")
            assert (status, problem["code"]) == (503, "not_ready")
            kafka.start()
            worker.until_ready()
            assert worker.ended(signal.SIGTERM) == 0
    finally:
        kafka.kill()


def test_it_ends_by_a_signal_while_it_waits_for_a_broker(tmp_path: Path) -> None:
    with Leadstream(tmp_path, "worker", BOOTSTRAP_SERVERS="127.0.0.1:1") as worker:
        worker.until(lambda: "no broker answers yet" in worker.log, "its first attempt")
        assert worker.ended(signal.SIGTERM) == 0
    assert "Traceback" not in worker.log


def test_missing_topics_are_told_in_a_sentence(broker: Broker, scratch_prefix: str, tmp_path: Path) -> None:
    own = {"BOOTSTRAP_SERVERS": broker.bootstrap, "PREFIX": scratch_prefix, "APP_ID": scratch_prefix}
    with Leadstream(tmp_path, "worker", **own) as worker:
        assert worker.ended(seconds=30) == 1
    assert f"cannot start: {scratch_prefix}.engagement is missing" in worker.log
    assert "Traceback" not in worker.log


def test_a_taken_port_is_told_in_a_sentence(settings: dict[str, object], tmp_path: Path) -> None:
    with Leadstream(tmp_path, "worker", **settings) as first:
        first.until(lambda: first.get("/live")[0] == 200, "live")
        with Leadstream(tmp_path / "second", "worker", **settings, WEB_PORT=first.port) as second:
            assert second.ended() == 1
        assert "address already in use" in second.log
        assert "Traceback" not in second.log


def test_a_second_worker_with_the_same_url_is_refused(settings: dict[str, object], tmp_path: Path) -> None:
    with Leadstream(tmp_path, "worker", **settings) as first:
        first.until_ready()
        url = f"http://127.0.0.1:{first.port}"
        with Leadstream(tmp_path / "second", "worker", **settings, ADVERTISED_URL=url) as second:
            assert second.ended(seconds=40) == 1
            assert f"another worker of {settings['APP_ID']} advertises {url} too" in second.log
            assert "Traceback" not in second.log
        first.until_ready()
        assert first.ended(signal.SIGKILL) == -signal.SIGKILL
        with Leadstream(tmp_path, "worker", **settings, WEB_PORT=first.port) as again:
            again.until_ready()  # its own predecessor is no other worker
            assert again.ended(signal.SIGTERM) == 0


@pytest.mark.usefixtures("load")
def test_it_ends_under_load_within_fifteen_seconds(settings: dict[str, object], tmp_path: Path) -> None:
    with Leadstream(tmp_path, "worker", **settings) as worker:
        worker.until(lambda: worker.accounts().get("applied", 0) > 2000, "some load")
        assert worker.ended(signal.SIGTERM, seconds=15) == 0
    assert "Traceback" not in worker.log


def test_memory_is_restored_from_the_changelog_only(settings: dict[str, object], tmp_path: Path) -> None:
    send(settings, 3000)
    worker = Leadstream(tmp_path, "worker", **settings)
    with worker:
        until_read(worker, 3000)
        before = shown(worker)
        assert worker.ended(signal.SIGTERM) == 0
    shutil.rmtree(tmp_path / "data")
    with worker:
        worker.until_ready()
        assert shown(worker) == before
        assert worker.metric("leadstream_restored_total") > CONTACTS / 2
        assert worker.metric("leadstream_batches_total") == 0


def test_after_a_kill_rocksdb_restores_the_tail_only(settings: dict[str, object], tmp_path: Path) -> None:
    send(settings, 3000)
    worker = Leadstream(tmp_path, "worker", **settings, STORE="rocksdb")
    with worker:
        until_read(worker, 3000)
        before = shown(worker)
        assert worker.ended(signal.SIGKILL) == -signal.SIGKILL
    with worker:
        worker.until_ready()
        assert shown(worker) == before
        assert worker.metric("leadstream_restored_total") <= 2 * PARTITIONS  # where the local store ends, no more
        send(settings, 1000, seed=2)
        until_read(worker, 4000)
        assert shown(worker)["version"] > before["version"]
        assert worker.ended(signal.SIGTERM) == 0
