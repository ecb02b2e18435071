"""The supervisor with workers that are one line of Python: who is started again, who is killed, who ends with whom."""

import http.server
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from stream_app.operations.supervision import Patience, Supervisor

HASTY = Patience(silent=0.5, again=0.01, at_most=0.02)


def noting(folder: Path, then: str) -> list[str]:
    """A worker that adds a line to ``runs`` and then does something."""
    code = f"import os, sys, time\nopen({str(folder / 'runs')!r}, 'a').write('x\\n')\n{then}"
    return [sys.executable, "-c", code]


def runs(folder: Path) -> int:
    path = folder / "runs"
    return len(path.read_text().splitlines()) if path.exists() else 0


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("ends", ["sys.exit(0)", "sys.exit(2)"])
def test_an_orderly_end_and_wrong_use_are_not_repeated(tmp_path: Path, ends: str) -> None:
    code = Supervisor(noting(tmp_path, ends), None, HASTY).run()
    assert (code, runs(tmp_path)) == (int(ends[9]), 1)


@pytest.mark.parametrize("ends", ["sys.exit(1)", "os.kill(os.getpid(), 9)"])
def test_a_worker_that_ends_by_itself_is_started_again(
    tmp_path: Path, ends: str, caplog: pytest.LogCaptureFixture
) -> None:
    then = f"if len(open({str(tmp_path / 'runs')!r}).readlines()) < 3: {ends}"
    assert Supervisor(noting(tmp_path, then), None, HASTY).run() == 0
    assert runs(tmp_path) == 3
    assert [record.message.split(",")[0] for record in caplog.records] == 2 * [
        "the worker ended with " + ("exit code 1" if "exit" in ends else "SIGKILL")
    ]


def test_a_worker_that_does_not_answer_is_killed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as nobody:
        port = nobody.server_address[1]  # its kernel accepts, nobody answers
        then = f"if len(open({str(tmp_path / 'runs')!r}).readlines()) < 2: time.sleep(600)"
        started = Supervisor(noting(tmp_path, then), ("127.0.0.1", port), HASTY)
        started._answers = lambda *_: False  # type: ignore[method-assign] # an unanswered request takes 5 s
        assert started.run() == 0
    assert runs(tmp_path) == 2
    assert "has not answered /live" in caplog.text and "SIGKILL" in caplog.text


def test_a_worker_that_answers_lives(tmp_path: Path) -> None:
    asked: list[str] = []

    class Live(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Live) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        command = noting(tmp_path, "time.sleep(3)")
        try:
            assert Supervisor(command, ("127.0.0.1", server.server_address[1]), HASTY).run() == 0
        finally:
            server.shutdown()
            serving.join()
    assert runs(tmp_path) == 1
    assert set(asked) == {"/live"}


SUPERVISE = """
import sys
from stream_app.operations.supervision import Supervisor
sys.exit(Supervisor(sys.argv[1:], None).run())
"""
SUPERVISED = "from stream_app.operations.supervision import end_with_supervisor; end_with_supervisor(); time.sleep(600)"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -9)])
def test_a_worker_ends_with_its_supervisor(tmp_path: Path, number: signal.Signals, code: int) -> None:
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISE, *noting(tmp_path, SUPERVISED)])
    try:
        until(lambda: runs(tmp_path))
        (child,) = psutil.Process(supervisor.pid).children()
        supervisor.send_signal(number)
        assert supervisor.wait(30) == code
        until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    finally:
        supervisor.kill()
        supervisor.wait()
