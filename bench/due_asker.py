"""Asks a worker over HTTP at a steady pace from a process of its own, and tells how long each answer took.

Laws: each address is asked by a thread of its own; an answer counts from the moment at which it was to be asked, so one
that comes late makes the next ones late as well, as it would for people who wait; no answer is status 0.
"""

import http.client
import multiprocessing
import threading
import time
from collections.abc import Mapping, Sequence
from itertools import cycle
from multiprocessing.connection import Connection
from typing import Final, NamedTuple

EVERY_SECONDS: Final = 0.05
PATIENCE_SECONDS: Final = 15.0


class Answer(NamedTuple):
    """One answer; ``at`` is the wall time at which it was to be asked, in seconds."""

    at: float
    seconds: float
    status: int


Answers = dict[str, list[Answer]]


class Asker:
    """A process that asks; ``addresses`` are paths by name, of which each question takes the next."""

    def __init__(self, port: int, key: str, addresses: Mapping[str, Sequence[str]]) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._mine, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_ask_all, args=(theirs, port, key, dict(addresses)), daemon=True)
        self._process.start()

    def stop(self) -> Answers:
        """Return all answers by name."""
        self._mine.send(None)
        answers: Answers = self._mine.recv()
        self._process.join()
        return answers


def _ask_all(parent: Connection, port: int, key: str, addresses: Mapping[str, Sequence[str]]) -> None:
    answers: Answers = {name: [] for name in addresses}
    done = threading.Event()
    threads = [
        threading.Thread(target=_ask, args=(port, key, paths, answers[name], done)) for name, paths in addresses.items()
    ]
    for thread in threads:
        thread.start()
    parent.recv()
    done.set()
    for thread in threads:
        thread.join()
    parent.send(answers)


def _ask(port: int, key: str, paths: Sequence[str], answers: list[Answer], done: threading.Event) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    headers, at = {"Authorization": f"Bearer {key}"}, time.time()
    for path in cycle(paths):
        if done.wait(max(0.0, at - time.time())):
            break
        try:
            connection.request("GET", path, headers=headers)
            with connection.getresponse() as answer:
                answer.read()
                status = answer.status
        except (OSError, http.client.HTTPException):
            connection.close()
            status = 0
        answers.append(Answer(at, time.time() - at, status))
        at += EVERY_SECONDS
    connection.close()
