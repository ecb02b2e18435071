"""`leadstream demo` from an empty folder to moving scores, ended by one signal, and again on what it left."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer

from stream_app.operations.broker import EmbeddedKafka
from tests.connected.leadstream_process import KEY, Leadstream

CONTACT = "4"  # ordered four times in the eighteen months
SCORE = f"/v1/contacts/{CONTACT}/score?orgId=1"


def ready_line(demo: Leadstream) -> dict[str, str]:
    line = demo.output.readline()
    assert line, demo.log
    return json.loads(line)


def score(demo: Leadstream) -> dict[str, Any] | None:
    status, body = demo.get(SCORE)
    return body["data"] if status == 200 else None


def moved(demo: Leadstream) -> dict[str, Any]:
    """The contact's score once its version is no longer the one first seen."""
    first = demo.until(lambda: score(demo), "a score")
    return demo.until(lambda: (now := score(demo)) and now["version"] > first["version"] and now, "a move")


def told(bootstrap: str, version: int) -> dict[str, Any]:
    """The contact's ScoreChanged of a version, as a reader of committed records sees it."""
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": "test-demo", "isolation.level": "read_committed",
        "auto.offset.reset": "earliest", "enable.auto.commit": False,
    })  # fmt: skip
    consumer.subscribe(["leadstream.score-changed"])
    try:
        for _ in range(300):
            for record in consumer.consume(500, timeout=0.2):
                assert record.error() is None, record.error()
                if record.key() == f"1:{CONTACT}".encode():
                    said = json.loads(record.value() or b"")
                    if said["version"] == version:
                        return said
    finally:
        consumer.close()
    raise AssertionError(f"no record of version {version}")


def test_the_demo_scores_ends_by_one_signal_and_goes_on(tmp_path: Path) -> None:
    demo = Leadstream(tmp_path, "demo", "--json", "--customers", "20", "--speed", "50")
    with demo:
        ready = ready_line(demo)
        assert set(ready) == {"url", "key", "bootstrapServers"}
        assert (ready["url"], ready["key"]) == (f"http://127.0.0.1:{demo.port}", KEY)
        assert demo.get("/ready")[0] == 200, demo.log
        shown = moved(demo)
        assert told(ready["bootstrapServers"], shown["version"])["score"] == shown["leadScore"]
        family = demo.family()
        assert len(family) == 2  # and the broker
        assert demo.ended(signal.SIGTERM) == 0, demo.log
        assert not any(process.is_running() for process in family)
        assert demo.output.read() == ""
    with demo:
        assert ready_line(demo)["bootstrapServers"] == ready["bootstrapServers"]
        again = moved(demo)
        assert again["version"] > shown["version"]
        assert demo.ended(signal.SIGINT) == 0, demo.log
    assert "Traceback" not in demo.log and "ERROR" not in demo.log


def test_a_signal_while_it_starts_leaves_nothing_behind(tmp_path: Path) -> None:
    with Leadstream(tmp_path, "demo", "--json") as demo:
        demo.until(lambda: len(demo.family()) == 2, "the broker")
        family = demo.family()
        assert demo.ended(signal.SIGTERM) == 0, demo.log
        assert not any(process.is_running() for process in family)


def test_it_ends_also_when_its_broker_is_gone(tmp_path: Path) -> None:
    with Leadstream(tmp_path, "demo", "--json") as demo:
        ready_line(demo)
        demo.until(lambda: score(demo), "a score")
        broker = demo.family()[1]
        broker.kill()
        demo.until(lambda: "Unable connect" in demo.log, "the loss")
        assert demo.ended(signal.SIGTERM) == 0, demo.log


def test_a_taken_port_is_told_and_another_one_found(tmp_path: Path) -> None:
    with Leadstream(tmp_path, "demo", "--json", "--speed", "1") as first:
        ready_line(first)
        other = Leadstream(tmp_path / "other", "demo", "--json", "--speed", "1", WEB_PORT=first.port)
        with other:
            assert ready_line(other)["url"] != f"http://127.0.0.1:{first.port}"
            assert f"port {first.port} is taken" in other.log
            assert other.ended(signal.SIGTERM) == 0
        with Leadstream(tmp_path, "demo", "--json") as second:
            assert second.ended() == 1
            assert "a demo runs already" in second.log
        assert first.ended(signal.SIGTERM) == 0


def test_what_a_killed_demo_left_is_taken_over_or_deleted(tmp_path: Path) -> None:
    demo, kafka = (
        Leadstream(tmp_path, "demo", "--json", "--customers", "20", "--speed", "50"),
        EmbeddedKafka(tmp_path / "data" / "demo" / "broker"),
    )
    try:
        with demo:
            ready_line(demo)
            shown = moved(demo)
            assert demo.ended(signal.SIGKILL) == -signal.SIGKILL
        orphan = kafka.pid
        assert orphan is not None
        with demo:
            ready_line(demo)
            assert kafka.pid == orphan
            assert moved(demo)["version"] > shown["version"]
            assert demo.ended(signal.SIGTERM) == 0
        assert kafka.pid is None
        with Leadstream(tmp_path, "demo", "--json", "--customers", "20", "--speed", "5", "--fresh", "--yes") as fresh:
            ready_line(fresh)
            assert fresh.until(lambda: score(fresh), "a score")["version"] < shown["version"]
            assert fresh.ended(signal.SIGTERM) == 0
    finally:
        kafka.kill()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["--speed", "0"], "--speed"), (["--speed", "5", "--times-original", "2"], "--speed"), (["--fresh"], "--fresh")],
)
def test_wrong_use_starts_nothing(tmp_path: Path, arguments: list[str], named: str) -> None:
    with Leadstream(tmp_path, "demo", *arguments, BOOTSTRAP_SERVERS="127.0.0.1:1") as demo:
        assert demo.ended() == 2
        assert named in demo.log
