"""20,000 scores imported over REST and by command: killed in the middle, repeated, exported, and exact."""

import json
import signal
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from tests.conftest import Broker
from tests.connected.leadstream_process import KEY, Leadstream, deployment, run
from tests.connected.rest_client import Rest
from tests.faults.clients import make_consumer, write_config
from tests.faults.logs import read_logs
from tests.faults.oracle import check
from tests.scoring_kit import profile_record

ROWS = 20_000
PARTITIONS = 2
HEADER = b"score,contactId,reason\r\n"
SCORES = {f"c{number}": number + 1 for number in range(ROWS)}
GOOD = b"".join(b"%d,%s,\r\n" % (score, contact.encode()) for contact, score in SCORES.items())
BAD = b"5,a\x00b,\r\nfive,c,\r\n1\r\n"


@pytest.fixture
def settings(broker: Broker, scratch_prefix: str) -> dict[str, object]:
    own = deployment(broker.bootstrap, scratch_prefix, PARTITIONS)
    profile = profile_record(0, 100)
    write_config(broker.bootstrap, scratch_prefix, [(profile.key, profile.value)])
    return own


def post(worker: Leadstream, file: bytes, key: str) -> tuple[int, Any]:
    """Status and data of an import; status 0 when the worker ends first."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "text/csv", "Idempotency-Key": key}
    request = urllib.request.Request(f"http://127.0.0.1:{worker.port}/v1/imports?orgId=1", data=file, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - the test's own worker
            return answer.status, json.loads(answer.read())["data"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())
    except OSError:
        return 0, None


def kill_in_the_middle(worker: Leadstream, file: bytes) -> None:
    """Kill a worker that takes an import and has applied some of it."""
    asking = threading.Thread(target=post, args=(worker, file, "first"))
    asking.start()
    worker.until(lambda: worker.accounts().get("applied", 0) > 0, "the first scores")
    assert worker.ended(signal.SIGKILL) == -signal.SIGKILL
    asking.join()


def until_read(worker: Leadstream) -> dict[str, int]:
    """Wait until a worker has read all commands that there are; its accounts."""
    topic, bootstrap = f"{worker.settings['PREFIX']}.commands", str(worker.settings["BOOTSTRAP_SERVERS"])
    consumer = make_consumer(bootstrap)
    places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
    ends = {place.partition: consumer.get_watermark_offsets(place, timeout=30)[1] for place in places}  # pyright: ignore[reportOptionalSubscript] - an error is raised
    consumer.close()

    def read() -> bool:
        status, body = worker.get("/v1/accounting?orgId=1")
        rows = body["data"] if status == 200 else []
        return {row["partition"]: row["to"] for row in rows if row["role"] == "commands"} == ends

    worker.until(read, "all commands read", seconds=120)
    return worker.accounts()


def command_line(settings: dict[str, object], *words: str) -> Any:
    done = run("score", *words, "--org", "1", "--json", settings=settings)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def exported(settings: dict[str, object]) -> dict[str, int]:
    return {row["contactId"]: row["score"] for row in command_line(settings, "export")}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_scores_are_overwritten_exactly_once_and_the_same_file_changes_nothing(
    broker: Broker, scratch_prefix: str, settings: dict[str, object], tmp_path: Path
) -> None:
    with Leadstream(tmp_path, "worker", **settings, MAX_BATCH_RECORDS=100) as worker:
        worker.until_ready()
        kill_in_the_middle(worker, HEADER + GOOD + BAD)
    with Leadstream(tmp_path, "worker", **settings) as worker:
        worker.until_ready()
        status, report = post(worker, HEADER + GOOD + BAD, "first")
        assert (status, report["accepted"], report["rejectedCount"]) == (202, ROWS, 3)
        assert [(row["line"], row["code"]) for row in report["rejected"]] == [
            (ROWS + 2, "invalid_contact_id"), (ROWS + 3, "invalid_score"), (ROWS + 4, "wrong_cells"),
        ]  # fmt: skip
        first = until_read(worker)
        assert (first["applied"], first["noEffect"], first["deadLetter"]) == (ROWS, 0, 0)
        assert exported(settings) == SCORES

        file = tmp_path / "scores.csv"
        done = run("score", "export", "--org", "1", settings=settings)
        file.write_text(done.stdout, newline="")
        told = command_line(settings, "import", str(file), "--yes")
        assert (told["accepted"], told["rejectedCount"]) == (ROWS, 0)
        again = until_read(worker)
        assert (again["applied"], again["noEffect"]) == (ROWS, ROWS)

        rest, few = Rest(worker), b"".join((HEADER + GOOD).splitlines(keepends=True)[:300])
        file.write_bytes(few)
        key = command_line(settings, "import", str(file), "--yes")["key"]
        assert post(worker, few, "few")[0] == 202
        rest.data("POST", "/v1/contacts/c7/score", {"points": 100})
        command_line(settings, "import", str(file), "--yes", "--key", key)  # repeats: nothing is overwritten
        assert post(worker, few, "few")[0] == 202
        until_read(worker)
        assert rest.score("c7") == 108
        command_line(settings, "import", str(file), "--yes")  # a new one: the file's scores stand
        until_read(worker)
        assert rest.score("c7") == 8
        assert exported(settings) == SCORES
        assert worker.ended(signal.SIGTERM) == 0
    logs = read_logs(broker.bootstrap, scratch_prefix, scratch_prefix, PARTITIONS)
    verdict = check(logs)
    assert verdict.ok, verdict.table()
    crossed = [entry.value or b"" for p in range(PARTITIONS) for entry in logs.of(logs.topic("threshold-crossed"), p)]
    assert [json.loads(value)["contactId"] for value in crossed] == ["c7"]  # the adjustment's; an import is silent
