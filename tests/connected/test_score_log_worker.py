"""The score log over HTTP: paged back to the first row, over a restart, a deleted rule and an erase."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.conftest import Broker
from tests.connected.leadstream_process import Leadstream, run

RULES = [
    {"name": "Opened", "eventType": "email_open", "points": 3},
    {"name": "Clicked", "eventType": "email_click", "points": 7},
]
MANY, FEW = 2300, 450


@pytest.fixture
def settings(broker: Broker, scratch_prefix: str, tmp_path: Path) -> dict[str, object]:
    own: dict[str, object] = {
        "BOOTSTRAP_SERVERS": broker.bootstrap, "PREFIX": scratch_prefix, "APP_ID": scratch_prefix, "PARTITIONS": 2,
    }  # fmt: skip
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump(RULES))
    for command in (["topics", "apply", "--yes"], ["rules", "put", "--org", "1", str(rules)]):
        done = run(*command, settings=own)
        assert done.returncode == 0, done.stderr
    return own


def send(settings: dict[str, object], contact_id: str, types: list[str], first: int = 0) -> None:
    """Send one event of each type, in this order."""

    async def sending() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=str(settings["BOOTSTRAP_SERVERS"]))
        await producer.start()
        for n, kind in enumerate(types, first):
            event = {"eventId": f"{contact_id}-{n}", "orgId": "1", "contactId": contact_id, "type": kind}
            key = f"1:{contact_id}".encode()
            await producer.send(f"{settings['PREFIX']}.engagement", json.dumps(event).encode(), key)
        await producer.stop()

    asyncio.run(sending())


def ledger(settings: dict[str, object], contact_id: str) -> list[tuple[int, int]]:
    """(log id, points) of a contact's awards as any reader of score-changed sees them, newest first."""

    async def reading() -> list[tuple[int, int]]:
        places = [TopicPartition(f"{settings['PREFIX']}.score-changed", p) for p in (0, 1)]
        consumer = AIOKafkaConsumer(
            bootstrap_servers=str(settings["BOOTSTRAP_SERVERS"]), isolation_level="read_committed",
            enable_auto_commit=False,
        )  # fmt: skip
        await consumer.start()
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends, awards = await consumer.end_offsets(places), list[tuple[int, int]]()
        for place in places:
            while await consumer.position(place) < ends[place]:
                for record in (await consumer.getmany(place, timeout_ms=500)).get(place, []):
                    if record.key == f"1:{contact_id}".encode() and record.value is not None:
                        awards += [(award["logId"], award["points"]) for award in json.loads(record.value)["awards"]]
        await consumer.stop()
        return awards[::-1]

    return asyncio.run(reading())


def score(worker: Leadstream, contact_id: str, query: str = "") -> dict[str, Any]:
    status, body = worker.get(f"/v1/contacts/{contact_id}/score?orgId=1{query}")
    return body["data"] if status == 200 else {}


def complete(worker: Leadstream, contact_id: str, awards: int) -> None:
    def met() -> bool:
        shown = score(worker, contact_id)
        return bool(shown) and shown["awards"]["count"] == awards and shown["complete"]

    worker.until(met, f"{awards} awards of {contact_id}, all in the log")


def pages(worker: Leadstream, contact_id: str) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """All rows of all pages, and what the last page says of earlier ones."""
    rows: list[dict[str, Any]] = []
    before = ""
    while (page := score(worker, contact_id, f"&limit=100{before}"))["logs"]:
        assert page["complete"]
        rows += page["logs"]
        told = sum(row["points"] for row in rows) + page["earlier"]["points"]
        assert (len(rows) + page["earlier"]["count"], told) == tuple(page["awards"].values())
        before = f"&before={rows[-1]['id']}"
    return rows, page["earlier"]


def test_score_log_shows_every_row_and_adds_up(settings: dict[str, object], tmp_path: Path) -> None:
    send(settings, "42", ["email_open"] * MANY)
    send(settings, "43", ["email_open", "email_click", "email_click"] * (FEW // 3))
    worker = Leadstream(tmp_path, "worker", **settings)
    with worker:
        complete(worker, "43", FEW)
        complete(worker, "42", MANY)
        rows, earlier = pages(worker, "43")
        assert [(row["id"], row["points"]) for row in rows] == ledger(settings, "43")
        assert (len(rows), earlier) == (FEW, {"count": 0, "points": 0})
        assert sum(row["points"] for row in rows) == score(worker, "43")["leadScore"]
        rows, earlier = pages(worker, "42")
        assert [(row["id"], row["points"]) for row in rows] == ledger(settings, "42")[:1000]
        assert earlier == {"count": MANY - 1000, "points": 3 * (MANY - 1000)}
        assert worker.metric("leadstream_score_log_read_total") == MANY + FEW
        the_ledger_is_compared(worker)
        assert worker.get("/v1/contacts/42/score?orgId=1&before=0")[0] == 400
        assert worker.ended(signal.SIGTERM) == 0
    with worker:
        complete(worker, "43", FEW)
        assert worker.metric("leadstream_score_log_read_total") == 0
        assert worker.metric("leadstream_score_log_lag_records") == 0
        after_a_rule_is_deleted(worker)
        after_an_erase(settings, worker)
        the_ledger_is_compared(worker)
        assert worker.ended(signal.SIGTERM) == 0
    assert "Traceback" not in worker.log


def the_ledger_is_compared(worker: Leadstream) -> None:
    compared = "leadstream_ledger_contacts_compared_total"
    before = worker.metric(compared)
    worker.until(lambda: worker.metric(compared) > before, "the ledger is compared")
    assert worker.metric("leadstream_ledger_difference") == 0


def after_a_rule_is_deleted(worker: Leadstream) -> None:
    [clicked] = [row for row in score(worker, "43", "&limit=1")["logs"]]
    assert clicked["ruleName"] == "Clicked"
    assert worker.ask("DELETE", f"/v1/scoring/rules/{clicked['ruleId']}?orgId=1")[0] == 204
    worker.until(lambda: score(worker, "43", "&limit=1")["logs"][0]["ruleId"] is None, "the rule is gone")
    newest, middle, opened = score(worker, "43", "&limit=3")["logs"]
    assert newest == {**clicked, "ruleId": None, "ruleName": None}
    assert (middle["ruleId"], middle["reason"]) == (None, "Rule: Clicked")
    assert opened["ruleName"] == "Opened"


def after_an_erase(settings: dict[str, object], worker: Leadstream) -> None:
    assert worker.ask("DELETE", "/v1/contacts/43?orgId=1")[0] == 204
    worker.until(lambda: worker.get("/v1/contacts/43/score?orgId=1")[0] == 404, "the contact is gone")
    send(settings, "43", ["email_open"] * 2, first=FEW)
    complete(worker, "43", 2)
    rows, earlier = pages(worker, "43")
    assert ([row["id"] for row in rows], earlier) == ([2, 1], {"count": 0, "points": 0})
