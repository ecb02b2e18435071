"""A record whose header name is no UTF-8 is one like any other: scored, re-keyed, a dead letter, replayed, listed."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.conftest import Broker
from tests.connected.leadstream_process import Leadstream, deployment, run
from tests.faults.clients import write_config
from tests.odd_batches import batch_with_odd_name
from tests.scoring_kit import profile_record, rule_record

EVENT = json.dumps({"orgId": "1", "contactId": "42", "type": "odd", "occurredAt": "2026-01-01T00:00:00Z"}).encode()
RECORDS = [
    (record.key, record.value) for record in (rule_record(0, id=1, eventType="odd", points=1), profile_record(1))
]


@pytest.fixture
def web(broker: Broker, scratch_prefix: str) -> Iterator[str]:
    admin, topic = AdminClient({"bootstrap.servers": broker.bootstrap}), f"{scratch_prefix}.web"
    for made in admin.create_topics([NewTopic(topic, 1, 1, config={"retention.ms": "-1"})]).values():
        made.result()
    yield topic
    for gone in admin.delete_topics([topic]).values():
        gone.result()


async def send_raw(bootstrap: str, *batches: tuple[str, bytes]) -> None:
    """Send ready-made batches, each to partition 0 of a topic."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for topic, made in batches:
            builder: Any = producer.create_batch()
            builder.append(key=None, value=b"counts only", timestamp=None)
            builder._build = lambda made=made: made
            await (await producer.send_batch(builder, topic, partition=0))


def test_a_header_name_that_is_no_text_stops_nothing(
    broker: Broker, scratch_prefix: str, web: str, tmp_path: Path
) -> None:
    keyed = f"{scratch_prefix}.engagement"
    settings = deployment(broker.bootstrap, scratch_prefix, 1)
    settings["ENGAGEMENT_TOPICS"] = f"{keyed}:keyed,{web}:any"
    assert run("topics", "apply", "--yes", settings=settings).returncode == 0
    write_config(broker.bootstrap, scratch_prefix, RECORDS)
    scored, bad = batch_with_odd_name(0, 3, 1, 4, value=EVENT), batch_with_odd_name(0, 2, 0, value=b"{")
    with Leadstream(tmp_path, "worker", **settings) as worker:
        worker.until_ready()
        asyncio.run(send_raw(broker.bootstrap, *((topic, made) for topic in (keyed, web) for made in (scored, bad))))

        def through() -> bool:
            accounts = worker.accounts()
            return accounts.get("applied") == 6 and accounts.get("deadLetter") == 2 and accounts.get("lag") == 0

        worker.until(through, "all that is good scored, all that is bad a dead letter")
        worker.until(lambda: worker.metric("leadstream_ingest_records_total") == 5, "all re-keyed")
        assert worker.get("/ready")[0] == 200
        assert worker.get("/v1/contacts/42/score?orgId=1")[1]["data"]["leadScore"] == 6
        listed = run("dead-letters", "list", "--json", settings=settings)
        assert json.loads(listed.stdout)["total"] == 4, listed.stderr
        assert run("state", "verify", settings=settings).returncode == 0
        assert "Traceback" not in worker.log
