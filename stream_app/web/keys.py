"""``POST GET /keys``, ``DELETE /keys/{id}``: API keys, for the root key only.

Laws: a key's text is in the answer that made it and nowhere else; a hash is in none; an answer of 200, 201 or 204 is in
force on this worker, 202 is kept in Kafka and not yet read here.
"""

import time
from typing import Final, Protocol

from aiohttp import web

from schemas.api_keys import Scope
from schemas.rest_keys import KeyAnswer, KeyBody, NewKeyAnswer
from stream_app.authoring.api_keys import ApiKey, expiry, shown, valid_key_id
from stream_app.authoring.key_administration import KeysUnavailable, MadeKey, Revoked
from stream_app.web.answers import data
from stream_app.web.authentication import org_of
from stream_app.web.bodies import invalid, read_body
from stream_app.web.problems import FieldError, Problem
from stream_app.web.route import Route


class KeyDesk(Protocol):
    """Who makes, lists and revokes keys; each may raise KeysUnavailable."""

    async def make(
        self, org_id: str, scope: Scope, *, sites: frozenset[str] | None, expires_at: int | None, name: str | None
    ) -> MadeKey:
        """Make a key."""
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
    body = await read_body(request, KeyBody)
    sites = None if body.sites is None else frozenset(map(str, body.sites))
    try:
        expires_at = None if body.expires_at is None else expiry(body.expires_at, time.time_ns() // 1_000_000)
    except ValueError as error:
        raise invalid([FieldError("/expiresAt", "invalid_value", str(error))]) from None
    try:
        made = await request.app[KEYS].make(
            str(body.org_id), body.scope, sites=sites, expires_at=expires_at, name=body.name
        )
    except KeysUnavailable as error:
        raise _unavailable() from error
    location = f"{request.path}/{made.key.id}"
    answer = {**shown(made.key), "key": made.text}
    return data(answer, status=201 if made.in_force else 202, headers={"Location": location})


async def get_keys(request: web.Request) -> web.Response:
    """Answer the keys of an org."""
    try:
        keys = await request.app[KEYS].of_org(org_of(request))
    except KeysUnavailable as error:
        raise _unavailable() from error
    return data([shown(key) for key in keys], meta={"nextCursor": None, "total": len(keys)})


async def delete_key(request: web.Request) -> web.Response:
    """Revoke a key."""
    key_id = request.match_info["id"]
    try:
        revoked = await request.app[KEYS].revoke(key_id) if valid_key_id(key_id) else None
    except KeysUnavailable as error:
        raise _unavailable() from error
    if revoked is None:
        raise Problem(404, "key_not_found", "There is no such key.")
    if not revoked.in_force:
        return data(shown(revoked.key), status=202)
    return web.Response(status=204)


def _unavailable() -> Problem:
    headers = {"Retry-After": "2"}
    return Problem(503, "keys_unavailable", "Kafka did not answer; list the keys before you retry.", headers=headers)


ROUTES: Final = (
    Route(
        method="POST", path="/keys", handler=post_key, scope="root", summary="Make an API key; its text is told once",
        body=KeyBody, answer=NewKeyAnswer, statuses=(201, 202, 503),
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
