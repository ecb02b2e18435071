"""What a rebalance leaves behind is collected once it is over."""

import asyncio
import gc
import weakref
from types import SimpleNamespace
from typing import Any

import pytest

from stream_app.operations import process
from stream_app.operations.process import CyclesCollected


class Leftover:
    """Holds itself, as a client and its tasks hold each other."""

    def __init__(self) -> None:
        self.itself = self


async def test_cycles_go_after_a_rebalance_and_not_during_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "QUIET_SECONDS", 0.01)
    given_back = list[bool]()
    monkeypatch.setattr(process, "give_back", lambda: given_back.append(left() is None))
    app: Any = SimpleNamespace(rebalancing=True, rebalancing_count=1)
    left = weakref.ref(Leftover())
    gc.disable()
    try:
        async with CyclesCollected(app):
            await asyncio.sleep(0.1)
            assert left() is not None and given_back == []
            app.rebalancing = False
            for _ in range(100):
                await asyncio.sleep(0.02)
                if left() is None:
                    break
    finally:
        gc.enable()
    assert left() is None and given_back == [True]
