"""What a good client of several workers does: asks any of them, repeats only what is safe, notes every answer.

Laws: a 503 with Retry-After is asked again after that time, of any worker; what may have acted and must not be repeated
ends as None; a status that the OpenAPI document does not name, and a server error other than 503, are findings.
Reads the generated document; asks workers over HTTP, each time by a connection of its own.
"""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import quote

from tests.faults.verdict import Kind, Verdict

DOCUMENT: Final = Path(__file__).parents[2] / "schemas" / "generated" / "openapi.json"
PREFIXES: Final = ("/v1", "/api/v1")
ANSWER_SECONDS: Final = 30.0
PATIENCE_SECONDS: Final = 150.0
PAUSE_SECONDS: Final = 0.1
READS: Final = frozenset({"/scores/lookup"})  # a POST that changes nothing


@dataclass(frozen=True)
class Told:
    """A final answer; ``seconds`` is its last try alone; ``maybe_acted``: an earlier try may have had its effect."""

    status: int
    body: Any
    headers: Mapping[str, str]
    worker: int
    seconds: float
    maybe_acted: bool

    @property
    def data(self) -> Any:
        return self.body["data"] if self.body else None


class NotSent(Exception):
    """Nobody listens; nothing has left."""


class Broken(Exception):
    """The request was sent, or may have been, and no whole answer came back."""


@dataclass
class Tally:
    """Every answer counted, and everything found wrong; shared by all clients."""

    verdict: Verdict = field(default_factory=Verdict)
    statuses: Counter[str] = field(default_factory=Counter)
    routes: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    answers: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    documented: dict[tuple[str, str], set[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path, operations in json.loads(DOCUMENT.read_text(encoding="utf-8"))["paths"].items():
            for method, operation in operations.items():
                self.documented[method.upper(), path.removeprefix("/v1")] = set(map(int, operation["responses"]))

    def find(self, kind: Kind, what: str, where: object, text: str) -> None:
        with self.lock:
            self.verdict.add(kind, what, where, text)

    def happened(self, what: str) -> None:
        with self.lock:
            self.events[what] += 1

    def note(self, method: str, path: str, status: int, body: Any) -> None:
        code = body.get("code", "") if isinstance(body, dict) else ""
        with self.lock:
            self.answers += 1
            self.statuses[f"{status} {code}".strip()] += 1
            self.routes[f"{method} {path}"] += 1
        if status not in self.documented[method, path]:
            self.find("wrong", "status", f"{method} {path}", f"{status} is not documented: {body}")
        if status >= 500 and status != 503:
            self.find("wrong", "status", f"{method} {path}", f"{status}: {body}")


class Client:
    """One client, for one thread; ``halted`` cuts its pauses short."""

    def __init__(self, ports: Sequence[int], tally: Tally, halted: threading.Event, seed: int) -> None:
        self.ports, self.tally, self.halted = ports, tally, halted
        self.random = Random(seed)  # noqa: S311 - a repeatable choice of workers

    def other(self, worker: int) -> int:
        """Return a worker that is not this one."""
        return self.random.choice([number for number in range(len(self.ports)) if number != worker])

    def ask(
        self, method: str, path: str, key: str, body: Any = None, *, once: str | None = None, at: int | None = None,
        query: str = "", **names: str,
    ) -> Told | None:  # fmt: skip
        """Ask until there is an answer; None: it may have acted, and repeating it could do it twice.

        ``path`` is the route's, ``names`` fill it in; ``at`` is the first worker; ``once`` an Idempotency-Key.
        """
        target = self.random.choice(PREFIXES) + path.format(**{n: quote(v, safe="") for n, v in names.items()}) + query
        safe = method != "POST" or once is not None or path in READS
        maybe_acted, ends = False, time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < ends:
            worker = self.random.randrange(len(self.ports)) if at is None else at
            at = None
            try:
                told = self.send(worker, method, target, key, body, once)
            except NotSent:
                self.tally.happened("connection refused")
            except Broken:
                self.tally.happened("connection broken")
                if not safe:
                    return None
                maybe_acted = True
            else:
                self.tally.note(method, path, told.status, told.body)
                if told.status not in (429, 503):
                    return Told(told.status, told.body, told.headers, worker, told.seconds, maybe_acted)
                again, code = told.headers.get("Retry-After"), told.body["code"]
                maybe_acted |= code == "outcome_unknown"
                if again is None:
                    if safe or code != "outcome_unknown":
                        self.tally.find("wrong", "answer", f"{method} {target}", f"no Retry-After: {told.body}")
                    return None
                self.halted.wait(float(again))
            self.halted.wait(PAUSE_SECONDS)
        self.tally.find("lost", "answer", f"{method} {target}", f"none in {PATIENCE_SECONDS:.0f} s")
        return None

    def send(self, worker: int, method: str, target: str, key: str, body: Any, once: str | None) -> Told:
        """Send once; NotSent or Broken where no answer came."""
        headers = {"Authorization": f"Bearer {key}", "Connection": "close"}
        headers |= {} if once is None else {"Idempotency-Key": once}
        headers |= {} if body is None else {"Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[worker], timeout=ANSWER_SECONDS)
        begun = time.monotonic()
        try:
            try:
                connection.connect()
            except OSError as error:
                raise NotSent from error
            connection.request(method, target, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            said = json.loads(text) if text else None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Broken from error
        finally:
            connection.close()
        return Told(answer.status, said, dict(answer.getheaders()), worker, time.monotonic() - begun, False)
