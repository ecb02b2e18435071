"""`/ready` says what a worker waits for, the first thing first."""

from types import SimpleNamespace
from typing import Any

import pytest

from stream_app.app import LeadstreamApp
from stream_app.delivery import PartitionStatus


def worker(**changed: Any) -> Any:
    """Stands for an application that has all it needs but for what is said."""
    said: dict[str, Any] = {
        "config": None, "keys": {}, "settled": True, "rebalancing": False, "heard": True, "phase": "running", **changed
    }  # fmt: skip
    status = PartitionStatus(3, said["phase"])
    return SimpleNamespace(
        follower=SimpleNamespace(trouble=said["config"]),
        api_keys=SimpleNamespace(ring=lambda: said["keys"], trouble=None),
        partitions=SimpleNamespace(settled=said["settled"], statuses=lambda: [status]),
        rebalancing=said["rebalancing"],
        heartbeats=SimpleNamespace(in_session=lambda: said["heard"]),
        ingest=SimpleNamespace(why_not=lambda: None),
    )


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, None),
        ({"config": "config cannot be read"}, "config cannot be read"),
        ({"keys": None}, "The API keys are not read yet."),
        ({"settled": False, "heard": False}, "The worker has not joined its group yet."),
        ({"rebalancing": True}, "The worker has not joined its group yet."),
        ({"heard": False}, "Kafka has not answered for a session timeout: another worker may have its partitions."),
        ({"phase": "restoring"}, "partition 3 is restoring"),
    ],
)
def test_a_worker_that_cannot_do_its_work_says_why(changed: dict[str, Any], why: str | None) -> None:
    assert LeadstreamApp.why_not(worker(**changed)) == why
