"""``POST GET /keys``, ``DELETE /keys/{id}``: API keys, for the root key only.

Laws: a key's text is in the answer that made it and nowhere else, so a repeat with its Idempotency-Key is a 409 that
names the key; a hash is in none; an answer of 200, 201 or 204 is in force on this worker, 202 is kept in Kafka and not
yet read here.
"""

import time
from typing import Final, Protocol

from aiohttp import web

from schemas.api_keys import Scope
from schemas.config_headers import RequestMark
from schemas.rest_keys import KeyAnswer, KeyBody, NewKeyAnswer
from stream_app.authoring.api_keys import ApiKey, expiry, shown, valid_key_id
from stream_app.authoring.key_administration import KeysUnavailable, MadeBefore, MadeKey, Revoked
from stream_app.web.answers import data
from stream_app.web.authentication import org_of
from stream_app.web.bodies import fitted, invalid, read_json
from stream_app.web.editing import mark_of
from stream_app.web.problems import FieldError, Problem
from stream_app.web.route import Route


class KeyDesk(Protocol):
    """Who makes, lists and revokes keys; each may raise KeysUnavailable."""

    async def make(
        self, org_id: str, scope: Scope, *, sites: frozenset[str] | None, expires_at: int | None, name: str | None
    ) -> MadeKey:
        """Make a key."""
        ...

    async def make_once(
        self,
        request: RequestMark,
        org_id: str,
        scope: Scope,
        *,
        sites: frozenset[str] | None,
        expires_at: int | None,
        name: str | None,
    ) -> MadeKey | MadeBefore:
        """Make the key of a request with an Idempotency-Key, unless it has made one."""
        ...

    async def of_org(self, org_id: str) -> list[ApiKey]:
        """Return an org's keys."""
        ...

    async def revoke(self, key_id: str) -> Revoked | None:
        """Revoke a key; None when there is none."""
        ...


KEYS: Final[web.AppKey[KeyDesk]] = web.AppKey("keys")


async def post_key(request: web.Request) -> web.Response:
    """Make a key and answer its text, once."""
    given = await read_json(request)
    body, mark = fitted(given, KeyBody), mark_of(request, given)
    sites = None if body.sites is None else frozenset(map(str, body.sites))
    try:
        expires_at = None if body.expires_at is None else expiry(body.expires_at, time.time_ns() // 1_000_000)
    except ValueError as error:
        raise invalid([FieldError("/expiresAt", "invalid_value", str(error))]) from None
    desk, org_id = request.app[KEYS], str(body.org_id)
    try:
        if mark is None:
            made = await desk.make(org_id, body.scope, sites=sites, expires_at=expires_at, name=body.name)
        else:
            made = await desk.make_once(mark, org_id, body.scope, sites=sites, expires_at=expires_at, name=body.name)
    except KeysUnavailable as error:
        raise _unavailable("list the keys before you retry" if mark is None else "send it again as it was") from error
    if isinstance(made, MadeBefore):
        raise _made_before(request, made)
    location = f"{request.path}/{made.key.id}"
    answer = {**shown(made.key), "key": made.text}
    return data(answer, status=201 if made.in_force else 202, headers={"Location": location})


async def get_keys(request: web.Request) -> web.Response:
    """Answer the keys of an org."""
    try:
        keys = await request.app[KEYS].of_org(org_of(request))
    except KeysUnavailable as error:
        raise _unavailable("ask again later") from error
    return data([shown(key) for key in keys], meta={"nextCursor": None, "total": len(keys)})


async def delete_key(request: web.Request) -> web.Response:
    """Revoke a key."""
    key_id = request.match_info["id"]
    try:
        revoked = await request.app[KEYS].revoke(key_id) if valid_key_id(key_id) else None
    except KeysUnavailable as error:
        raise _unavailable("ask again later") from error
    if revoked is None:
        raise Problem(404, "key_not_found", "There is no such key.")
    if not revoked.in_force:
        return data(shown(revoked.key), status=202)
    return web.Response(status=204)


def _made_before(request: web.Request, made: MadeBefore) -> Problem:
    if not made.same:
        return Problem(422, "idempotency_key_reused", "This Idempotency-Key came with another body before.")
    key_id = made.key.id
    detail = f"This Idempotency-Key made key {key_id}, whose text was told once: if lost, revoke it and make another."
    return Problem(409, "key_made", detail, headers={"Location": f"{request.path}/{key_id}"}, more={"keyId": key_id})


def _unavailable(what_now: str) -> Problem:
    headers = {"Retry-After": "2"}
    return Problem(503, "keys_unavailable", f"Kafka did not answer; {what_now}.", headers=headers)


ROUTES: Final = (
    Route(
        method="POST", path="/keys", handler=post_key, scope="root", body=KeyBody, answer=NewKeyAnswer,
        statuses=(201, 202, 409, 422, 503), idempotent=True,
        summary="Make an API key; its text is told once, a repeat is a 409 that names the key",
    ),
    Route(
        method="GET", path="/keys", handler=get_keys, scope="root", summary="The API keys of an org", answer=KeyAnswer,
        many=True, statuses=(200, 503),
    ),
    Route(
        method="DELETE", path="/keys/{id}", handler=delete_key, scope="root", summary="Revoke an API key",
        answer=KeyAnswer, statuses=(204, 202, 404, 503),
    ),
)  # fmt: skip
