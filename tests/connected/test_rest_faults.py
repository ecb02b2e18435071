"""Writes over REST while things go wrong: a backlog, a broker that is down, a kill; and over two workers."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stream_app.operations import authoring_commands
from stream_app.operations.broker import EmbeddedKafka
from tests.conftest import Broker
from tests.connected.leadstream_process import LEADSTREAM, Leadstream, deployment, environment
from tests.connected.rest_client import Rest

RULES = Path(authoring_commands.__file__).with_name("demo_rules.yaml")
PARTITIONS = 2
BACKLOG = 200_000
ANSWERS = 5


def made(bootstrap: str, prefix: str) -> dict[str, object]:
    return deployment(bootstrap, prefix, PARTITIONS, ["rules", "put", "--org", "1", str(RULES)])


@pytest.fixture
def settings(broker: Broker, scratch_prefix: str) -> dict[str, object]:
    return made(broker.bootstrap, scratch_prefix)


@contextmanager
def two_workers(settings: dict[str, object], folder: Path) -> Iterator[tuple[Rest, Rest]]:
    """Two workers, one partition each."""
    with (
        Leadstream(folder / "a", "worker", **settings) as first,
        Leadstream(folder / "b", "worker", **settings) as other,
    ):
        for worker in (first, other):
            worker.until(lambda w=worker: held(Rest(w)) == 1, "a partition of its own")
            worker.until_ready()
        yield Rest(first), Rest(other)


def held(rest: Rest) -> int:
    status, body, _ = rest("GET", "/v1/accounting")
    return len(body["meta"]["partitions"]) if status == 200 else -1


def test_a_command_is_answered_before_a_backlog_is_read(settings: dict[str, object], tmp_path: Path) -> None:
    load = ["generate", "--events", str(BACKLOG), "--contacts", "5000"]
    done = subprocess.run([LEADSTREAM, *load], env=environment(settings), capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    with Leadstream(tmp_path, "worker", **settings, MAX_BATCH_RECORDS=200) as worker:
        rest, before = Rest(worker), 0
        worker.until(lambda: worker.accounts().get("applied", 0) > 0, "the first events applied")
        while before < ANSWERS:
            added = rest.data("POST", f"/v1/contacts/new-{before}/score", {"points": 7})
            assert added["newScore"] == 7
            assert worker.accounts()["lag"] > 0, f"the backlog was read before answer {before + 1}"
            before += 1


def test_a_broker_that_is_down_is_a_503_and_what_was_told_holds(own_broker: EmbeddedKafka, tmp_path: Path) -> None:
    own = made(own_broker.start().bootstrap, "outage")
    with Leadstream(tmp_path, "worker", **own) as worker:
        worker.until_ready()
        rest = Rest(worker)
        assert rest.data("POST", "/v1/contacts/1/score", {"points": 5})["newScore"] == 5
        own_broker.kill()
        status, _, headers = rest("POST", "/v1/contacts/1/score", {"points": 10}, "again")
        assert (status, "Retry-After" in headers) == (503, True)
        status, problem, headers = rest("POST", "/v1/contacts/1/score", {"points": 100})
        assert (status, "Retry-After" in headers) == (503, True)
        assert problem["code"] in {"broker_unavailable", "partition_restoring"}  # nothing was written
        own_broker.start()
        worker.until(lambda: rest("POST", "/v1/contacts/1/score", {"points": 10}, "again").status == 200, "the repeat")
        assert rest.score("1") == 15  # once, whether the first try arrived or the repeat; what was refused, never


def test_after_a_kill_a_repeated_key_still_acts_once(settings: dict[str, object], tmp_path: Path) -> None:
    worker = Leadstream(tmp_path, "worker", **settings)
    with worker:
        worker.until_ready()
        rest = Rest(worker)
        first = rest.data("POST", "/v1/contacts/1/score", {"points": 5}, "k")
        rest.data("POST", "/v1/contacts/1/score", {"points": 1})
        assert worker.ended(signal.SIGKILL) == -signal.SIGKILL
    with worker:
        worker.until_ready()
        assert rest.data("GET", f"/v1/commands/{first['commandId']}?contactId=1")["status"] == "applied"

        def repeated() -> Any:
            answer = rest("POST", "/v1/contacts/1/score", {"points": 5}, "k")
            assert answer.status in {200, 503}, answer
            return answer if answer.status == 200 else None

        assert worker.until(repeated, "the first answer").body["data"] == first
        assert rest("POST", "/v1/contacts/1/score", {"points": 6}, "k").status == 422
        assert rest.score("1") == 6


def test_any_worker_takes_and_answers_for_every_contact(settings: dict[str, object], tmp_path: Path) -> None:
    with two_workers(settings, tmp_path) as (first, other):
        contacts = [f"c{number}" for number in range(12)]
        for number, contact in enumerate(contacts):
            asked, reader = (first, other) if number % 2 else (other, first)
            added = asked.data("POST", f"/v1/contacts/{contact}/score", {"points": number}, f"key-{contact}")
            assert reader.score(contact) == added["newScore"] == number
            assert reader.data("POST", f"/v1/contacts/{contact}/score", {"points": number}, f"key-{contact}") == added
            fate = f"/v1/commands/{added['commandId']}?contactId={contact}"
            assert [one.data("GET", fate)["status"] for one in (first, other)] == ["applied", "applied"]
        wanted = {"contactIds": [*contacts, "nobody"]}
        for one in (first, other):
            found = one.data("POST", "/v1/scores/lookup", wanted)
            assert [(row["contactId"], row["leadScore"]) for row in found["scores"]] == [
                (contact, number) for number, contact in enumerate(contacts)
            ]
            assert found["unknown"] == ["nobody"]
            page = one("GET", "/v1/contacts?limit=100").body
            assert [row["contactId"] for row in page["data"]] == contacts[::-1]
            assert page["meta"] == {"nextCursor": None, "complete": True, "exactSince": None}
        assert first("DELETE", "/v1/contacts/c0").status == 204
        assert other("GET", "/v1/contacts/c0").status == first("GET", "/v1/contacts/c0").status == 404
