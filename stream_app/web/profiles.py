"""``GET /scoring/profiles`` and ``GET PUT DELETE /scoring/profiles/default``: the profile that every org has.

Laws: it is there before anyone has put it, and cannot be deleted; each put is whole, and live at once, so it has no
draft (S30); ``version`` counts its puts; a body that was given out is taken back.
Reads and edits ``config`` through `editing`.
"""

from typing import Any, Final, cast

from aiohttp import web

from schemas.authored import DEFAULT_PROFILE, ProfileBody
from schemas.ids import rest_id
from schemas.rest import ProfileAnswer, ProfileReplace
from stream_app.authoring.config_log import AuthoredKey, Stored
from stream_app.authoring.edits import Delete, Put, version_of
from stream_app.web.answers import data
from stream_app.web.authentication import PRINCIPAL, org_of
from stream_app.web.bodies import read_json
from stream_app.web.editing import answer, apply, config_of
from stream_app.web.etags import etag, known_already, not_modified, wanted_versions
from stream_app.web.route import Route

ADDED: Final = ("status", "version", "draft", "published")


async def get_profiles(request: web.Request) -> web.Response:
    """Answer the profiles of an org: the default one."""
    key = _key(request)
    only = profile_body(key.org_id, config_of(request).find(key))
    return data([only], meta={"nextCursor": None, "total": 1})


async def get_profile(request: web.Request) -> web.Response:
    """Answer the default profile."""
    key = _key(request)
    stored = config_of(request).find(key)
    if known_already(request, version_of(stored)):
        return not_modified(version_of(stored))
    return data(profile_body(key.org_id, stored), headers={"ETag": etag(version_of(stored))})


async def put_profile(request: web.Request) -> web.Response:
    """Replace the default profile."""
    key, body = _key(request), await read_json(request)
    if isinstance(body, dict):
        fields = cast(dict[str, Any], body)
        body = {name: value for name, value in fields.items() if name not in ADDED}
    sites = request[PRINCIPAL].sites
    done = await apply(
        request, Put(key=key, fields=body, partial=False, versions=wanted_versions(request), sites=sites)
    )
    return await answer(request, done, profile_body(key.org_id, done.stored))


async def delete_profile(request: web.Request) -> web.Response:
    """Refuse to delete the default profile."""
    edit = Delete(key=_key(request), versions=wanted_versions(request), sites=request[PRINCIPAL].sites)
    return await answer(request, await apply(request, edit), status=204)


def profile_body(org_id: str, stored: Stored | None) -> dict[str, Any]:
    """Return the default profile as REST writes it."""
    kept = {} if stored is None else stored.body
    fields = {
        name: kept.get(name, value) for name, value in ProfileBody().model_dump(mode="json", by_alias=True).items()
    }
    return {
        "id": DEFAULT_PROFILE,
        "orgId": rest_id(org_id),
        **fields,
        "status": "published",
        "version": 0 if stored is None else stored.revision,
        "draft": None,
        "published": fields,
        "createdAt": kept.get("createdAt"),
        "updatedAt": kept.get("updatedAt"),
    }


def _key(request: web.Request) -> AuthoredKey:
    return AuthoredKey("profile", org_of(request), DEFAULT_PROFILE)


ROUTES: Final = (
    Route(
        method="GET", path="/scoring/profiles", handler=get_profiles, scope="read", answer=ProfileAnswer, many=True,
        statuses=(200, 503), summary="The profiles of an org",
    ),
    Route(
        method="GET", path="/scoring/profiles/default", handler=get_profile, scope="read", answer=ProfileAnswer,
        statuses=(200, 304, 503), summary="The default profile",
    ),
    Route(
        method="PUT", path="/scoring/profiles/default", handler=put_profile, scope="admin", owner="config",
        body=ProfileReplace, answer=ProfileAnswer, statuses=(200, 202, 412, 503),
        summary="Replace the default profile; its rules stay",
    ),
    Route(
        method="DELETE", path="/scoring/profiles/default", handler=delete_profile, scope="admin", owner="config",
        statuses=(409, 412, 503), summary="Always refused: every org has a default profile",
    ),
)  # fmt: skip
