"""Several workers answer as one: whoever is asked, the owner answers, or nobody does."""

import http.client
import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from confluent_kafka import Producer

from schemas.ids import contact_key
from stream_app.operations import authoring_commands
from stream_app.processing.placement import partition_of
from tests.conftest import Broker
from tests.connected.leadstream_process import KEY, Leadstream, deployment, run

RULES = Path(authoring_commands.__file__).with_name("demo_rules.yaml")
PARTITIONS = 6
CONTACTS = 60
EVENTS = 1500
OUTCOMES = ("applied", "duplicate", "noEffect", "deadLetter")


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any


def request(worker: Leadstream, method: str, path: str, *, body: object = None, **headers: str) -> Answer:
    """Ask a worker, whose headers count here."""
    connection = http.client.HTTPConnection("127.0.0.1", int(str(worker.port)), timeout=30)
    sent = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", **headers}
    try:
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.getheaders()), json.loads(answer.read()))
    finally:
        connection.close()


@pytest.fixture
def settings(broker: Broker, scratch_prefix: str) -> dict[str, object]:
    """Settings of a deployment of its own: topics applied, rules put."""
    return deployment(broker.bootstrap, scratch_prefix, PARTITIONS, ["rules", "put", "--org", "1", str(RULES)])


def held(worker: Leadstream) -> set[int]:
    """The partitions that run on a worker; empty while it is not ready."""
    status, body = worker.get("/ready")
    return {row["partition"] for row in body["data"]["partitions"]} if status == 200 else set()


@contextmanager
def fleet(settings: dict[str, object], folder: Path, number: int) -> Iterator[list[Leadstream]]:
    """Workers that share all partitions, each with some."""
    with ExitStack() as stack:
        workers = [
            stack.enter_context(Leadstream(folder / str(i), "worker", **settings)) for i in range(number)
        ]  # fmt: skip
        workers[0].until(lambda: shared(workers), "all partitions are shared")
        yield workers


def shared(workers: list[Leadstream]) -> bool:
    parts = [held(worker) for worker in workers]
    return all(parts) and sorted(p for part in parts for p in part) == list(range(PARTITIONS))


def home(contact_id: object) -> int:
    return partition_of(contact_key("1", str(contact_id)), PARTITIONS)


def score_of(contact_id: object) -> str:
    return f"/v1/contacts/{contact_id}/score?orgId=1"


def read_all(settings: dict[str, object], workers: list[Leadstream]) -> None:
    """Send events and wait until the workers have read them all."""
    done = run("generate", "--events", str(EVENTS), "--contacts", str(CONTACTS), "--seed", "5", settings=settings)
    assert done.returncode == 0, done.stderr

    def read() -> bool:
        accounts = [worker.accounts() for worker in workers]
        outcomes = sum(sum(account.values()) - account["lag"] for account in accounts if account)
        return all(accounts) and outcomes == EVENTS and not any(account["lag"] for account in accounts)

    workers[0].until(read, f"{EVENTS} records read")


def test_every_worker_answers_for_every_contact(settings: dict[str, object], tmp_path: Path) -> None:
    with fleet(settings, tmp_path, 3) as workers:
        read_all(settings, workers)
        fires, awards = 0, 0
        for contact_id in range(1, CONTACTS + 1):
            answers = [worker.get(score_of(contact_id)) for worker in workers]
            assert answers[0] == answers[1] == answers[2]
            status, body = answers[0]
            assert status in {200, 404}
            awards += body["data"]["awards"]["count"] if status == 200 else 0
        for worker in workers:
            status, body = worker.get("/v1/scoring/fires?orgId=1")
            assert status == 200
            fires = sum(row["fires"] for row in body["data"])
            assert fires == awards > 0
            assert worker.get("/v1/scoring/fires?orgId=unheard-of")[1]["data"] == []
        assert all(worker.metric('leadstream_forwarded_requests_total{result="answered"}') > 10 for worker in workers)


def test_a_request_that_has_hopped_is_answered_by_the_owner_or_not_at_all(
    settings: dict[str, object], tmp_path: Path
) -> None:
    hopped = {"Leadstream-Forwarded": "1"}
    with fleet(settings, tmp_path, 2) as workers:
        for worker in workers:
            for contact_id in range(1, 20):
                answer = request(worker, "GET", score_of(contact_id), **hopped)
                if home(contact_id) in held(worker):
                    assert answer.status == 404
                else:
                    assert (answer.status, answer.body["code"]) == (503, "partition_elsewhere")
                    assert answer.headers["Retry-After"] == "2"
        assert [w.metric("leadstream_forwarded_requests_total") for w in workers] == [0, 0]


def test_after_the_owner_was_killed_the_answer_is_503_until_it_is_right(
    settings: dict[str, object], tmp_path: Path
) -> None:
    with fleet(settings, tmp_path, 2) as workers:
        read_all(settings, workers)
        asked, owner = workers
        theirs = held(owner)
        before = {c: asked.get(score_of(c)) for c in range(1, CONTACTS) if home(c) in theirs}
        before = {c: known(body) for c, (status, body) in before.items() if status == 200}
        assert before
        assert owner.ended(signal.SIGKILL) == -signal.SIGKILL
        codes: set[str] = set()
        left = dict(before)

        def taken_over() -> bool:
            for contact_id, expected in list(left.items()):
                answer = request(asked, "GET", score_of(contact_id))
                if answer.status == 200:
                    assert known(answer.body) == expected
                    del left[contact_id]
                else:
                    assert (answer.status, "Retry-After" in answer.headers) == (503, True), answer
                    codes.add(answer.body["code"])
            status, body = asked.get("/v1/scoring/fires?orgId=1")
            return (status, left) == (200, {}) and body["meta"]["total"] > 0

        asked.until(taken_over, "the survivor answers for every contact")
        assert "owner_unreachable" in codes
        assert codes <= {"owner_unreachable", "owner_unknown", "partition_restoring"}


def test_a_worker_that_was_frozen_does_not_answer_for_what_it_lost(settings: dict[str, object], tmp_path: Path) -> None:
    with fleet(settings, tmp_path, 2) as workers, ThreadPoolExecutor(8) as threads:
        read_all(settings, workers)
        heir, frozen = workers
        lost = [c for c in range(1, CONTACTS) if home(c) in held(frozen) and heir.get(score_of(c))[0] == 200][:8]
        assert lost
        assert frozen.process is not None
        frozen.process.send_signal(signal.SIGSTOP)
        try:
            heir.until(lambda: held(heir) == set(range(PARTITIONS)), "the heir holds all partitions")
            written = {c: request(heir, "POST", score_of(c), body={"points": 7}) for c in lost}
            assert {answer.status for answer in written.values()} == {200}
            waiting = [threads.submit(request, frozen, "GET", score_of(c)) for c in lost]  # in its socket's backlog
            heir.until(lambda: all(future.running() for future in waiting), "requests are under way")
        finally:
            frozen.process.send_signal(signal.SIGCONT)
        for contact_id, future in zip(lost, waiting, strict=True):
            answer = future.result()
            assert answer.status in {200, 503}
            if answer.status == 200:
                assert answer.body["data"]["leadScore"] == written[contact_id].body["data"]["newScore"]


def send(settings: dict[str, object], contact_id: object, event_type: str, event_id: str) -> None:
    """Send one event and wait until Kafka has it."""
    key = contact_key("1", str(contact_id))
    event = {"orgId": "1", "contactId": contact_id, "type": event_type, "eventId": event_id}
    producer = Producer({"bootstrap.servers": settings["BOOTSTRAP_SERVERS"]})
    topic = f"{settings['PREFIX']}.engagement"
    producer.produce(topic, key=key, value=msgspec.json.encode(event), partition=home(contact_id))
    assert producer.flush(30) == 0


def known(body: Any) -> dict[str, Any]:
    """A score without its log, whose rows a new owner has to read first."""
    return {name: body["data"][name] for name in ("contactId", "leadScore", "version", "awards")}


def test_a_rule_written_through_another_worker_counts_here_from_the_next_event(
    settings: dict[str, object], tmp_path: Path
) -> None:
    with fleet(settings, tmp_path, 2) as workers:
        [asked] = [worker for worker in workers if 0 not in held(worker)]
        contact_id = next(c for c in range(1, 1000) if home(c) in held(asked))
        for round_ in range(1, 9):
            body = {"name": f"Round {round_}", "eventType": f"round_{round_}", "points": 10}
            made = request(asked, "POST", "/v1/scoring/rules?orgId=1", body=body)
            assert made.status == 201, made
            assert made.headers["Leadstream-Rulebook-Version"].isdecimal()
            send(settings, contact_id, f"round_{round_}", f"e-{round_}")
            asked.until(lambda n=round_: sum(asked.accounts().get(k, 0) for k in OUTCOMES) >= n, "the event is read")
            assert asked.get(score_of(contact_id))[1]["data"]["leadScore"] == 10 * round_
        assert asked.metric('leadstream_forwarded_requests_total{result="answered"}') >= 8


def test_the_key_is_checked_at_both_ends(settings: dict[str, object], tmp_path: Path) -> None:
    with ExitStack() as stack:
        workers = [
            stack.enter_context(Leadstream(tmp_path / key, "worker", **{**settings, "ROOT_KEY": key}))
            for key in (KEY, "ls_another_root")
        ]
        workers[0].until(lambda: shared(workers), "all partitions are shared")
        contact_id = next(c for c in range(1, 1000) if home(c) in held(workers[1]))
        answer = request(workers[0], "GET", score_of(contact_id))
        assert (answer.status, answer.body["code"]) == (503, "key_not_known_everywhere")
