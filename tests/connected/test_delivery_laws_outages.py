"""A dead broker: a stop ends within its limit all the same, and work goes on when the broker is back."""

import asyncio
from pathlib import Path

from stream_app.operations.broker import EmbeddedKafka
from tests.connected.counter_bench import Bench, Phases
from tests.connected.waiting import until


async def test_a_pause_with_the_broker_dead_ends_within_its_limit(
    own_broker: EmbeddedKafka, scratch_prefix: str, tmp_path: Path
) -> None:
    async with Bench(own_broker.bootstrap, scratch_prefix, tmp_path) as bench:
        partition = await bench.running(store=bench.rocks)
        await bench.send_many(bench.events, 2000)
        await until(lambda: bench.done(partition) > 0)
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(own_broker.kill)
        began = loop.time()
        await partition.pause(4)
        assert loop.time() - began < 4.5
        await asyncio.to_thread(own_broker.start)
        partition.start()
        await bench.caught_up(partition)
        await bench.exact()


async def test_a_pause_amid_a_commit_to_a_dead_broker_ends_within_its_limit(
    own_broker: EmbeddedKafka, scratch_prefix: str, tmp_path: Path
) -> None:
    async with Bench(own_broker.bootstrap, scratch_prefix, tmp_path) as bench:
        phases = Phases()
        partition = await bench.running(probe=phases)
        phases.act["sending"] = own_broker.kill
        await bench.send_many(bench.events, 100)
        await until(lambda: own_broker.pid is None)
        phases.act.clear()
        began = asyncio.get_running_loop().time()
        await partition.pause(4)
        assert asyncio.get_running_loop().time() - began < 4.5
        await asyncio.to_thread(own_broker.start)
        partition.start()
        await bench.caught_up(partition, seconds=60)
        await bench.exact()


async def test_a_broker_that_dies_and_comes_back_is_waited_for(
    own_broker: EmbeddedKafka, scratch_prefix: str, tmp_path: Path
) -> None:
    async with Bench(own_broker.bootstrap, scratch_prefix, tmp_path) as bench:
        partition = await bench.running(commit_limit_seconds=2.0)
        await bench.send_many(bench.events, 100)
        await asyncio.to_thread(own_broker.kill)
        await asyncio.to_thread(own_broker.start)
        await bench.send_many(bench.events, 100)
        await bench.caught_up(partition, seconds=60)
        await bench.exact()
