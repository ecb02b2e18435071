"""Keeps one worker process running: `leadstream worker --supervise`.

Laws: a worker that ends by itself, or does not answer ``/live`` for a while, is started again, each time later up to a
bound; wrong use and an orderly end are not repeated; a signal to the supervisor ends both.  A worker never outlives its
supervisor: it reads a pipe that only the supervisor holds, and ends when that closes.
Reads ``/live``; writes the log.
"""

import http.client
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

log = logging.getLogger(__name__)

WRONG_USE: Final = 2
STOP_SECONDS: Final = 15.0
LOOK_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long what is waited for, in seconds.

    ``silent``: without an answer on ``/live`` before the worker is killed; ``again``: before it is started again, twice
    as long each time up to ``at_most``; ``well``: it has run so long that the next wait is the first again.
    """

    silent: float = 30.0
    again: float = 1.0
    at_most: float = 30.0
    well: float = 60.0


class Supervisor:
    """Runs ``command`` again and again; ``live`` is the host and port that answer ``/live``, None for no look."""

    def __init__(self, command: Sequence[str], live: tuple[str, int] | None, patience: Patience | None = None) -> None:
        self._command = list(command)
        self._live = live
        self._patience = patience or Patience()
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._stop_by = 0.0

    def run(self) -> int:
        """Supervise until the worker ends in order or a signal comes; return its exit code, 0 where it had to die."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())
        wait = self._patience.again
        while True:
            began = time.monotonic()
            code = self._run_once()
            if self._stopping.is_set():
                return max(code, 0)
            if code in (0, WRONG_USE):
                return code
            if time.monotonic() - began >= self._patience.well:
                wait = self._patience.again
            log.error("the worker ended with %s, it is started again in %g s", _told(code), wait)
            if self._stopping.wait(wait):
                return 0
            wait = min(2 * wait, self._patience.at_most)

    def stop(self) -> None:
        """End the worker and `run`; safe in a signal handler."""
        if not self._stopping.is_set():
            self._stop_by = time.monotonic() + STOP_SECONDS
            self._stopping.set()
        if self._child is not None and self._child.returncode is None:
            self._child.send_signal(signal.SIGTERM)

    def _run_once(self) -> int:
        """Run the worker to its end, whoever brings it about."""
        self._child = child = subprocess.Popen(self._command, stdin=subprocess.PIPE)  # noqa: S603 - our own command
        if self._stopping.is_set():  # the signal came before there was a child to tell
            child.terminate()
        heard = time.monotonic()
        try:
            while True:
                try:
                    return child.wait(LOOK_SECONDS)
                except subprocess.TimeoutExpired:
                    now = time.monotonic()
                if self._stopping.is_set():
                    if now > self._stop_by:
                        log.error("the worker does not end: it is killed")
                        child.kill()
                elif self._live is None or self._answers(*self._live):
                    heard = now
                elif now - heard > self._patience.silent:
                    log.error("the worker has not answered /live for %g s: it is killed", now - heard)
                    child.kill()
        finally:
            if child.stdin is not None:
                child.stdin.close()

    def _answers(self, host: str, port: int) -> bool:
        connection = http.client.HTTPConnection(host, port, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", "/live")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def end_with_supervisor() -> None:
    """End this process as by SIGTERM when the supervisor's pipe on standard input closes."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="supervisor", daemon=True).start()


def _told(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
