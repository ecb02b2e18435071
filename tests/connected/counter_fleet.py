"""Workers of the counter as real processes, a load that runs beside them, and what the logs say afterwards."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from schemas.journal import PARTITION_RECORD_KEY, BatchJournal, PartitionRecord
from tests.connected.waiting import until


async def make_topics(bootstrap: str, name: str, partitions: int) -> None:
    """Create the counter's topics."""
    topics = [NewTopic(f"{name}.{t}", partitions, 1) for t in ("fast", "events", "journal", "counted")]
    topics.append(NewTopic(f"{name}-counts-changelog", partitions, 1, topic_configs={"cleanup.policy": "compact"}))
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics(topics)
    finally:
        await admin.close()


class Fleet:
    """Counter workers by number; each has its own folder, log and identity."""

    def __init__(self, bootstrap: str, name: str, partitions: int, folder: Path, store: str, static: bool) -> None:
        self._bootstrap, self._name, self._partitions = bootstrap, name, partitions
        self._folder, self._store, self._static = folder, store, static
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, number: int, crash: str | None = None) -> None:
        """Start worker ``number``; ``crash`` as in stream_app.operations.phases."""
        home = self._folder / f"worker-{number}"
        home.mkdir(exist_ok=True)
        environ = dict(os.environ, LEADSTREAM_PHASE_FILE=str(home / "phases"))
        environ.pop("LEADSTREAM_CRASH", None)
        if crash is not None:
            environ["LEADSTREAM_CRASH"] = crash
        instance = f"member-{number}" if self._static else ""
        command = [
            sys.executable, "-m", "tests.connected.counter", self._name, self._bootstrap, str(self._partitions),
            str(home), self._store, instance,
        ]  # fmt: skip
        with (home / "log").open("ab") as log:
            self.processes[number] = subprocess.Popen(command, env=environ, stdout=log, stderr=log)

    async def crashed(self, number: int) -> None:
        """Wait until worker ``number`` has been ended by SIGKILL, its crash point."""
        process = self.processes[number]
        await until(lambda: process.poll() is not None, seconds=60)
        assert process.returncode == -signal.SIGKILL, self.log(number)

    def log(self, number: int) -> str:
        """The worker's log."""
        return (self._folder / f"worker-{number}" / "log").read_text()

    def kill_all(self) -> None:
        """End whatever still runs."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()


async def load(bootstrap: str, name: str, enough: asyncio.Event, rate: float, keys: int = 200) -> int:
    """Send records over both sources at a steady rate until it is enough; one in 50 is bad; return how many."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, linger_ms=5)
    await producer.start()
    try:
        i = 0
        while not enough.is_set():
            topic = f"{name}.fast" if i % 7 == 0 else f"{name}.events"
            value = b"bad" if i % 50 == 13 else b"due:100" if i % 40 == 1 else b"x"
            await producer.send(topic, value, key=b"k%d" % (i * 31 % keys))
            i += 1
            if i % 50 == 0:
                await asyncio.sleep(50 / rate)
        await producer.flush()
        return i
    finally:
        await producer.stop()


async def read_all(bootstrap: str, topic: str, partitions: int) -> list[Any]:
    """Read a topic with read_committed from its start to its end."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    rows: list[Any] = []
    try:
        tps = [TopicPartition(topic, p) for p in range(partitions)]
        consumer.assign(tps)
        end = await consumer.end_offsets(tps)
        await consumer.seek_to_beginning()
        while any([await consumer.position(tp) < end[tp] for tp in tps]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                rows += batch
    finally:
        await consumer.stop()
    return rows


async def settled(bootstrap: str, topics: Iterable[str], partitions: int) -> None:
    """Wait until no transaction is open on topics: commit and abort are answered before their markers are there."""
    tps = [TopicPartition(topic, p) for topic in topics for p in range(partitions)]
    levels = ("read_committed", "read_uncommitted")
    consumers = [AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level=level) for level in levels]

    async def same() -> bool:
        stable, high = [await consumer.end_offsets(tps) for consumer in consumers]
        return stable == high

    try:
        for consumer in consumers:
            await consumer.start()
        await until(same, seconds=10)
    finally:
        for consumer in consumers:
            await consumer.stop()


def written(name: str) -> tuple[str, ...]:
    """Return the topics that the counter writes."""
    return (f"{name}.counted", f"{name}.journal", f"{name}-counts-changelog")


async def partition_records(bootstrap: str, name: str, partitions: int) -> dict[int, PartitionRecord]:
    """Return the newest committed partition record of each partition."""
    rows = await read_all(bootstrap, f"{name}-counts-changelog", partitions)
    return {
        row.partition: msgspec.json.decode(row.value, type=PartitionRecord)
        for row in rows
        if row.key == PARTITION_RECORD_KEY
    }


async def drained(bootstrap: str, name: str, partitions: int) -> None:
    """Wait until every input has been applied and every due time has acted."""
    inputs = [r for t in ("fast", "events") for r in await read_all(bootstrap, f"{name}.{t}", partitions)]

    async def done() -> bool:
        state = {row.key: row.value for row in await read_all(bootstrap, f"{name}-counts-changelog", partitions)}
        if any(value is not None for key, value in state.items() if key.startswith(b"d")):
            return False
        records = await partition_records(bootstrap, name, partitions)
        return len(inputs) == sum(c.applied + c.dead_letter for r in records.values() for c in r.counters.values())

    await until(done, seconds=90)


async def journals(bootstrap: str, name: str, partitions: int) -> dict[int, list[BatchJournal]]:
    """Return each partition's journal in the order of its log."""
    rows = await read_all(bootstrap, f"{name}.journal", partitions)
    found: dict[int, list[BatchJournal]] = {p: [] for p in range(partitions)}
    for row in rows:
        found[row.partition].append(msgspec.json.decode(row.value, type=BatchJournal))
    return found
