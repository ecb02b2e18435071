"""What the routes of authored objects share: reading what is there, applying an edit, answering when it is in force.

Laws: reads come from what this worker has read of `config`, committed only; a write answers when this worker has read
it, or 202 after IN_FORCE_SECONDS; every answer to a write names the rulebook version from which it is in force.
Asks the Editor and the follower of ``config``.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from aiohttp import web

from schemas.config_headers import RequestMark
from schemas.hop import RULEBOOK_VERSION
from stream_app.authoring.config_log import ConfigLog
from stream_app.authoring.editor import ConfigUnavailable
from stream_app.authoring.edits import Done, Edit, Failed, Reason
from stream_app.authoring.problems import EXPLAINED
from stream_app.authoring.problems import Problem as Found
from stream_app.web.answers import data
from stream_app.web.etags import etag
from stream_app.web.problems import FieldError, Problem

IN_FORCE_SECONDS: Final = 5.0
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
WHY: Final[Mapping[Reason, tuple[int, str, str]]] = {
    "invalid": (400, "invalid_body", "The body cannot be taken as it is."),
    "not_found": (404, "not_found", "There is no such object."),
    "changed_meanwhile": (412, "precondition_failed", "The object is of another version than If-Match says."),
    "other_site": (403, "other_site", "This key edits only what belongs to its sites."),
    "too_many_rules": (409, "too_many_rules", "The org has as many rules as it may have."),
    "key_reused": (422, "idempotency_key_reused", "This Idempotency-Key came with another body before."),
    "default_profile": (409, "default_profile", "The profile default cannot be deleted."),
    "always_live": (409, "always_live", "The profile default is live as it is written: it has no draft."),
    "not_published": (409, "not_published", "Nothing of this profile is published."),
    "too_many_profiles": (409, "too_many_profiles", "The org has as many profiles as it may have."),
    "id_taken": (409, "id_taken", "There is such an object already."),
    "in_use": (409, "in_use", "Something needs this object."),
}


class ConfigView(Protocol):
    """What this worker has read of ``config``; ``complete`` once it has been read to its end."""

    @property
    def log(self) -> ConfigLog:
        """What it says."""
        ...

    @property
    def complete(self) -> bool:
        """Whether the end that it had at first is read."""
        ...

    async def has_read(self, version: int, seconds: float) -> bool:
        """Wait for a version for at most so long; tell whether it is read."""
        ...


class Edits(Protocol):
    """Who applies edits."""

    async def apply(self, edit: Edit) -> Done | Failed:
        """Apply one; ConfigUnavailable."""
        ...


CONFIG: Final[web.AppKey[ConfigView]] = web.AppKey("config")
EDITS: Final[web.AppKey[Edits]] = web.AppKey("edits")


def config_of(request: web.Request) -> ConfigLog:
    """Return what ``config`` says; Problem 503 until it has been read."""
    view = request.app[CONFIG]
    if not view.complete:
        raise Problem(503, "config_unread", "This worker has not read the rules yet.", headers={"Retry-After": "1"})
    return view.log


def mark_of(request: web.Request, body: object) -> RequestMark | None:
    """Return what tells a repeat of this request; Problem 400 when its Idempotency-Key is none."""
    key = request.headers.get(IDEMPOTENCY_KEY)
    if key is None:
        return None
    try:
        return RequestMark.of(key, body)
    except ValueError as error:
        raise Problem(400, "invalid_idempotency_key", f"{IDEMPOTENCY_KEY}: {error}.") from None


async def apply(request: web.Request, edit: Edit) -> Done:
    """Apply an edit and return what it did; Problem when it did nothing."""
    try:
        outcome = await request.app[EDITS].apply(edit)
    except ConfigUnavailable as error:
        code = "outcome_unknown" if error.maybe_written else "config_unavailable"
        headers = {"Retry-After": "2"}
        raise Problem(503, code, f"Kafka does not answer; {error}.", headers=headers) from error
    if isinstance(outcome, Done):
        return outcome
    status, code, detail = WHY[outcome.reason]
    if outcome.problems:
        detail = f"{outcome.problems[0].pointer or 'The body'}: {outcome.problems[0].message}"
    errors = [FieldError(one.pointer, one.code, one.message) for one in outcome.problems[:EXPLAINED]]
    raise Problem(status, code, detail, errors=errors)


async def answer(
    request: web.Request, done: Done, body: Any = None, *, status: int = 200, location: str | None = None
) -> web.Response:
    """Answer what an edit did, once it is in force here; 202 when that takes too long."""
    headers = {RULEBOOK_VERSION: str(done.version)}
    if location is not None:
        headers["Location"] = location
    if not await request.app[CONFIG].has_read(done.version, IN_FORCE_SECONDS):
        status, headers = 202, {"Location": request.path, **headers}
    if done.stored is None and body is None:
        return web.Response(status=status, headers={"Cache-Control": "no-store", **headers})
    meta = {"warnings": [_told(warning) for warning in done.warnings[:EXPLAINED]]} if done.warnings else None
    return data(body, status=status, meta=meta, headers={"ETag": etag(done.seen), **headers})


def _told(found: Found) -> dict[str, str]:
    return {"pointer": found.pointer, "code": found.code, "message": found.message}
