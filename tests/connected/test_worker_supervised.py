"""`leadstream worker --supervise`: killed, it is back; told to stop, both stop."""

import signal
from pathlib import Path

from tests.conftest import Broker
from tests.connected.leadstream_process import Leadstream, deployment


def test_a_supervised_worker_is_back_after_kill_9_and_stops_in_order(
    tmp_path: Path, broker: Broker, scratch_prefix: str
) -> None:
    settings = deployment(broker.bootstrap, scratch_prefix, 1)
    with Leadstream(tmp_path, "worker", "--supervise", "--json", **settings) as supervisor:
        assert "url" in supervisor.output.readline(), supervisor.log
        child = supervisor.family()[1]
        child.send_signal(signal.SIGKILL)
        assert "url" in supervisor.output.readline(), supervisor.log
        supervisor.until_ready()
        family = supervisor.family()
        assert family[1].pid != child.pid
        assert supervisor.ended(signal.SIGTERM, 30) == 0, supervisor.log
        assert not any(process.is_running() for process in family)
        assert "the worker ended with SIGKILL" in supervisor.log
