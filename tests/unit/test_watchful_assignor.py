"""After an assignment that lacked topics the group is asked to assign once more."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from faust.assignor.partition_assignor import PartitionAssignor

from stream_app.delivery import faust_seams
from stream_app.delivery.faust_seams import MembershipConsumer, WatchfulAssignor


class Cluster:
    """Metadata as far as an assignor asks: partitions by topic."""

    def __init__(self, **topics: int) -> None:
        self.topics = topics

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return set(range(self.topics[topic])) if topic in self.topics else None


class Thread:
    def __init__(self, consumer: Any) -> None:
        self.consumer = consumer

    def _ensure_consumer(self) -> Any:
        return self.consumer

    async def call_thread(self, fun: Any, *arguments: Any) -> Any:
        return await fun(*arguments)


def membership(assignor: Any, told: list[str]) -> MembershipConsumer:
    async def force() -> None:
        await asyncio.sleep(0)
        told.append("metadata")

    coordinator = SimpleNamespace(request_rejoin=lambda: told.append("rejoin"))
    consumer = SimpleNamespace(
        _coordinator=coordinator, _client=SimpleNamespace(force_metadata_update=force), assignment=set
    )
    made: Any = MembershipConsumer.__new__(MembershipConsumer)
    made.app = SimpleNamespace(
        assignor=assignor,
        heartbeats=SimpleNamespace(joined=lambda _: None),
        partitions=SimpleNamespace(sources={"a", "b"}),
    )
    made._thread = Thread(consumer)
    return made


async def test_topics_that_an_assignment_missed_are_assigned_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faust_seams, "MISSED_SECONDS", 0)
    monkeypatch.setattr(PartitionAssignor, "assign", lambda self, cluster, members: {"given": members})
    assignor: Any = WatchfulAssignor.__new__(WatchfulAssignor)
    assignor.app = SimpleNamespace(partitions=SimpleNamespace(sources={"a", "b"}))
    told: list[str] = []
    consumer = membership(assignor, told)
    assert assignor.assign(Cluster(a=2), "members") == {"given": "members"}
    await consumer.pause_ours()
    assert told == ["metadata", "rejoin"]
    await consumer.pause_ours()  # somebody else led the next one
    assert told == ["metadata", "rejoin"]
    assignor.assign(Cluster(a=2, b=2), "members")
    await consumer.pause_ours()
    assert told == ["metadata", "rejoin"]
