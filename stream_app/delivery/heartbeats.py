"""Whether this worker is surely still a member of its group: the broker heard it less than a session timeout ago.

Laws: a session counts from when a heartbeat was sent, which is before the broker began to count; so whoever is told yes
holds what it was assigned, also after it was frozen or cut off from Kafka while others took over.  Clocks that stand
still while the process is stopped would not do: CLOCK_MONOTONIC goes on.
One of the places of aiokafka's private names (PRIVATE_NAMES).
"""
# pyright: basic

import time
from collections.abc import Callable
from typing import Any

from aiokafka.consumer.group_coordinator import GroupCoordinator

PRIVATE_NAMES: tuple[tuple[Any, str], ...] = ((GroupCoordinator, "_do_heartbeat"),)


class Heartbeats:
    """Hears the heartbeats of one member, in whatever thread they are sent; ``clock`` is monotonic seconds."""

    def __init__(self, session_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._session_seconds = session_seconds
        self._clock = clock
        self._until = 0.0
        self._heard: Any = None

    def joined(self, coordinator: Any) -> None:
        """Begin a session, for the member has just joined, and hear its heartbeats from now on."""
        self._until = self._clock() + self._session_seconds
        if coordinator is self._heard:
            return
        self._heard, beat = coordinator, coordinator._do_heartbeat

        async def heard() -> bool:
            sent = self._clock()
            success: bool = await beat()
            if success:
                self._until = sent + self._session_seconds
            return success

        coordinator._do_heartbeat = heard

    def in_session(self) -> bool:
        """Tell whether nobody can have been given what this member holds."""
        # INVARIANT: a_member_that_the_broker_may_have_given_up_knows_it
        return self._clock() < self._until
