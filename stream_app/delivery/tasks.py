"""How a task that uses aiokafka is ended.

Laws: one cancel is not enough: aiokafka's start, stop and close swallow CancelledError (delivery law 2).
"""

import asyncio
import math
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
