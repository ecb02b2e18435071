"""What a partition does about an error: it opens again after a rest, or stops until a person acts.

Laws: what Kafka mends is tried for ever, ever more slowly; bad data and bugs are never tried again (delivery law 9); a
cancellation that nobody asked for is aiokafka's own, and no reason to end.
"""

import asyncio
from typing import Final

from aiokafka.errors import (  # pyright: ignore[reportMissingTypeStubs] untyped library
    CorruptRecordException,
    KafkaError,
    MessageSizeTooLargeError,
)

from stream_app.delivery.errors import ChainBroken, PartitionStopped

RETRIED: Final = (KafkaError, OSError, TimeoutError)
LONGEST_DELAY_SECONDS: Final = 10.0


def what_stops(error: Exception, source: str) -> PartitionStopped | None:
    """Return what an error stops a partition with, None where it is to open again; ``source`` names what is read."""
    match error:
        case PartitionStopped():
            return error
        case CorruptRecordException():  # a KafkaError that no time mends
            return PartitionStopped(f"{source} is damaged: {error!r}", "see docs/operations.md")
        case MessageSizeTooLargeError():  # a KafkaError that no time mends
            return PartitionStopped(f"an output is larger than its topic takes: {error!r}", "see docs/operations.md")
        case _ if isinstance(error, (*RETRIED, ChainBroken)):
            return None
        case _:
            stop = PartitionStopped(f"delivery raised {error!r}", "report it; restart the worker")
            stop.__cause__ = error
            return stop


def cancel_was_asked_for() -> bool:
    """Tell of a cancellation that the task under way has caught whether somebody has cancelled it."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


async def rest(delay: float, heartbeat_seconds: float) -> float:
    """Wait two heartbeats or more, so that a rebalance under way is heard before we fence anybody; return what next."""
    await asyncio.sleep(max(delay, 2 * heartbeat_seconds))
    return min(max(delay, 0.5) * 2, LONGEST_DELAY_SECONDS)
