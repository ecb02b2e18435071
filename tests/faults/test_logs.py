"""An open transaction at the end of a log is seen, whatever hides behind it."""

import pytest
from confluent_kafka import Producer
from confluent_kafka.cimpl import NewTopic

from tests.conftest import Broker
from tests.faults import logs as module
from tests.faults.clients import connection, make_admin
from tests.faults.logs import Logs, read_logs


def test_a_transaction_that_is_open_at_the_end_is_said(
    broker: Broker, scratch_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 8.0)
    topics = {topic for topic, _ in Logs(scratch_prefix, scratch_prefix, 1).places()}
    admin = make_admin(broker.bootstrap)
    for made in admin.create_topics([NewTopic(topic, 1, 1) for topic in topics]).values():
        made.result(30)
    journal = f"{scratch_prefix}.journal"
    producer = Producer(connection(broker.bootstrap) | {"transactional.id": scratch_prefix})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(journal, b"committed", b"0", partition=0)
    producer.commit_transaction(30)
    assert read_logs(broker.bootstrap, scratch_prefix, scratch_prefix, 1).unstable == []

    producer.begin_transaction()
    producer.produce(journal, b"open", b"0", partition=0)
    producer.flush(30)
    found = read_logs(broker.bootstrap, scratch_prefix, scratch_prefix, 1)
    assert found.unstable == [(journal, 0)]
    assert [entry.value for entry in found.of(journal, 0)] == [b"committed"]

    producer.abort_transaction(30)
    assert read_logs(broker.bootstrap, scratch_prefix, scratch_prefix, 1).unstable == []
    for gone in admin.delete_topics(sorted(topics)).values():
        gone.result(30)
