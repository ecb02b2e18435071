"""How a task that uses aiokafka is ended, and how one that ended by itself is told of.

Laws: one cancel is not enough: aiokafka's start, stop and close swallow CancelledError (delivery law 2).
"""

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Any


async def ended(task: "asyncio.Task[Any]", by: float = math.inf, again_seconds: float = 0.2) -> bool:
    """Cancel a task until it has ended; False when it has not by a time of the loop, in seconds."""
    time = asyncio.get_running_loop().time
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=again_seconds)
        if time() > by:
            return False
    return True


def telling_of_its_end(log: logging.Logger, what: str) -> "Callable[[asyncio.Task[Any]], None]":
    """Return a callback of a task that is to run for ever: it logs ``what`` with the error that ended it, if any."""

    def tell(task: "asyncio.Task[Any]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error(what, exc_info=error)

    return tell
