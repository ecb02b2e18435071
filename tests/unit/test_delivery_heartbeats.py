"""A worker knows when others may have been given what it holds."""

import pytest

from stream_app.delivery.heartbeats import Heartbeats


class Coordinator:
    """Answers each heartbeat with what a test says, after so many seconds of a test's clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.takes = 0.0
        self.success = True

    async def _do_heartbeat(self) -> bool:
        self.now += self.takes
        return self.success

    async def beat(self) -> bool:
        return await self._do_heartbeat()


@pytest.fixture
def coordinator() -> Coordinator:
    return Coordinator()


@pytest.fixture
def heartbeats(coordinator: Coordinator) -> Heartbeats:
    return Heartbeats(10, clock=lambda: coordinator.now)


async def test_a_member_that_the_broker_may_have_given_up_knows_it(
    coordinator: Coordinator, heartbeats: Heartbeats
) -> None:
    assert not heartbeats.in_session()
    heartbeats.joined(coordinator)
    coordinator.now += 9.9
    assert heartbeats.in_session()
    coordinator.now += 0.2
    assert not heartbeats.in_session()
    assert await coordinator.beat()
    assert heartbeats.in_session()


async def test_a_session_counts_from_when_the_heartbeat_was_sent(
    coordinator: Coordinator, heartbeats: Heartbeats
) -> None:
    heartbeats.joined(coordinator)
    coordinator.now, coordinator.takes = 105.0, 4.0
    await coordinator.beat()
    coordinator.now = 114.9
    assert heartbeats.in_session()
    coordinator.now = 115.0
    assert not heartbeats.in_session()


async def test_a_heartbeat_that_fails_does_not_prolong_it(coordinator: Coordinator, heartbeats: Heartbeats) -> None:
    heartbeats.joined(coordinator)
    coordinator.now, coordinator.success = 105.0, False
    assert not await coordinator.beat()
    coordinator.now = 110.0
    assert not heartbeats.in_session()


async def test_the_next_assignment_begins_a_session(coordinator: Coordinator, heartbeats: Heartbeats) -> None:
    heartbeats.joined(coordinator)
    coordinator.now = 150.0
    heartbeats.joined(coordinator)
    assert heartbeats.in_session()
    coordinator.now = 155.0
    await coordinator.beat()
    coordinator.now = 164.9
    assert heartbeats.in_session()
