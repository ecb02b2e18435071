"""Requests to workers over HTTP, from threads or one after the other, as the root key of org 1."""

import json
import urllib.error
import urllib.request
from typing import Any, NamedTuple

from tests.connected.leadstream_process import KEY, Leadstream


class Answer(NamedTuple):
    """Status, JSON body and headers; status 0 while nobody listens."""

    status: int
    body: Any
    headers: Any


class Rest:
    """Asks one worker."""

    def __init__(self, worker: Leadstream) -> None:
        self.worker = worker

    def __call__(self, method: str, path: str, body: Any = None, key: str | None = None) -> Answer:
        """Ask; ``key`` is an Idempotency-Key."""
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        mark = "&" if "?" in path else "?"
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.worker.port}{path}{mark}orgId=1", method=method, headers=headers,
            data=None if body is None else json.dumps(body).encode(),
        )  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - the test's own worker
                status, text, said = answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                status, text, said = error.code, error.read(), error.headers
        except OSError:
            return Answer(0, None, None)
        return Answer(status, json.loads(text) if text else None, said)

    def data(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        """The data of an answer that must be a success."""
        status, answer, _ = self(method, path, body, key)
        assert 200 <= status < 300, answer
        return answer["data"] if answer else None

    def score(self, contact: str) -> int:
        return self.data("GET", f"/v1/contacts/{contact}/score")["leadScore"]
