"""A client of PushMail's lead scoring API, written from its public pages alone: it knows nothing of leadstream.

Source: https://pushmail.dev/docs/lead-scoring, /docs/api-reference and /docs/authentication: addresses below
``/api/v1``, a bearer key, JSON bodies, every success ``{"data": ...}``.
"""

import json
from http.client import HTTPConnection, HTTPResponse
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

TIMEOUT_SECONDS: Final = 30


class PushMailError(Exception):
    """An answer of 400 or above."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


class PushMail:
    """Asks one installation; ``base`` is what stands before ``/scoring`` and ``/contacts``."""

    def __init__(self, base: str, key: str) -> None:
        address = urlsplit(base)
        self.host, self.path = address.netloc, address.path
        self.headers = {"Authorization": f"Bearer {key}"}

    def create_rule(self, **fields: Any) -> Any:
        """Create a scoring rule; the rule."""
        return self._data(201, "POST", "/scoring/rules", fields)

    def rules(self, site_id: int | None = None) -> Any:
        """List scoring rules, of one site where one is named."""
        return self._data(200, "GET", "/scoring/rules" + _query(siteId=site_id))

    def rule(self, rule_id: int) -> Any:
        """Return one scoring rule."""
        return self._data(200, "GET", f"/scoring/rules/{rule_id}")

    def update_rule(self, rule_id: int, **fields: Any) -> Any:
        """Change the named fields of a rule; the rule."""
        return self._data(200, "PUT", f"/scoring/rules/{rule_id}", fields)

    def delete_rule(self, rule_id: int) -> None:
        """Delete a rule."""
        self._ask("DELETE", f"/scoring/rules/{rule_id}")

    def score(self, contact_id: int, limit: int | None = None) -> Any:
        """Return a contact's score with its newest log entries."""
        return self._data(200, "GET", f"/contacts/{contact_id}/score" + _query(limit=limit))

    def adjust(self, contact_id: int, points: int, reason: str | None = None) -> Any:
        """Add points to a contact's score, or take some; what that made of it."""
        said = {} if reason is None else {"reason": reason}
        return self._data(200, "POST", f"/contacts/{contact_id}/score", {"points": points, **said})

    def _data(self, expected: int, method: str, path: str, body: Any = None) -> Any:
        status, answer = self._ask(method, path, body)
        if status != expected:
            raise PushMailError(status, answer)
        return answer["data"]

    def _ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        connection = HTTPConnection(self.host, timeout=TIMEOUT_SECONDS)
        more = {} if body is None else {"Content-Type": "application/json"}
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, self.path + path, sent, {**self.headers, **more})
            return _read(connection.getresponse())
        finally:
            connection.close()


def _read(answer: HTTPResponse) -> tuple[int, Any]:
    text = answer.read()
    body = json.loads(text) if text else None
    if answer.status >= 400:
        raise PushMailError(answer.status, body)
    return answer.status, body


def _query(**given: int | None) -> str:
    named = {name: value for name, value in given.items() if value is not None}
    return f"?{urlencode(named)}" if named else ""
