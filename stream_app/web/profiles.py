"""``GET POST /scoring/profiles`` and ``GET PUT DELETE /scoring/profiles/{id}``: the scores of an org.

Laws: ``default`` is there before anyone has put it, is live as it is written, and cannot be deleted; of any other
profile these edit the draft (S31); each put is whole, except that without ``rules`` it keeps them; an ETag stands for a
profile with its rules; a body that was given out is taken back; a key of some sites sees the rules of those only.
Reads and edits ``config`` through `editing`.
"""

from typing import Final

from aiohttp import web

from schemas.authored import DEFAULT_PROFILE
from schemas.rest_profiles import ListedProfile, ProfileAnswer, ProfileCreate, ProfileReplace
from stream_app.authoring.config_log import AuthoredKey, ConfigLog, Stored
from stream_app.authoring.drafts import shown, shown_of
from stream_app.authoring.edits import Create, Delete, Done, Put
from stream_app.web.answers import data
from stream_app.web.authentication import PRINCIPAL, org_of
from stream_app.web.bodies import read_json
from stream_app.web.editing import answer, apply, config_of, mark_of
from stream_app.web.etags import etag, known_already, not_modified, wanted_versions
from stream_app.web.listed_profiles import ListedProfiles
from stream_app.web.problems import Problem
from stream_app.web.profile_bodies import profile_body
from stream_app.web.route import Route

LISTED: Final = web.AppKey("listed_profiles", ListedProfiles)


async def post_profile(request: web.Request) -> web.Response:
    """Create a profile; it scores nothing until it is published."""
    org_id, body = org_of(request), await read_json(request)
    edit = Create(
        kind="profile", org_id=org_id, fields=body, sites=request[PRINCIPAL].sites, mark=mark_of(request, body)
    )
    done = await apply(request, edit)
    return await answer_profile(request, done, status=201, location=f"{request.path}/{done.key.id}")


async def get_profiles(request: web.Request) -> web.Response:
    """Answer the profiles of an org, the default one first, the others as first written; without their rules."""
    found = await request.app[LISTED].of(config_of(request), org_of(request))
    return data(found, meta={"nextCursor": None, "total": len(found)})


async def get_profile(request: web.Request) -> web.Response:
    """Answer one profile with its rules, as written and as published."""
    log, key = config_of(request), profile_key(request)
    stored_of(log, key)
    version = log.version_of(key)
    if known_already(request, version):
        return not_modified(version)
    body = profile_body(shown_of(log, key), request[PRINCIPAL].sites)
    return data(body, headers={"ETag": etag(version)})


async def put_profile(request: web.Request) -> web.Response:
    """Replace a profile's body, and its rules where the body names them."""
    key, body, sites = profile_key(request), await read_json(request), request[PRINCIPAL].sites
    edit = Put(key=key, fields=body, partial=False, versions=wanted_versions(request), sites=sites)
    return await answer_profile(request, await apply(request, edit))


async def delete_profile(request: web.Request) -> web.Response:
    """Delete a profile that nothing needs; scores stay."""
    edit = Delete(key=profile_key(request), versions=wanted_versions(request), sites=request[PRINCIPAL].sites)
    return await answer(request, await apply(request, edit), status=204)


async def answer_profile(
    request: web.Request, done: Done, *, status: int = 200, location: str | None = None
) -> web.Response:
    """Answer the profile that an edit made."""
    body = profile_body(shown(done.key, done.stored, done.rules), request[PRINCIPAL].sites)
    return await answer(request, done, body, status=status, location=location)


def profile_key(request: web.Request) -> AuthoredKey:
    """Return the profile that the address names."""
    return AuthoredKey("profile", org_of(request), request.match_info["id"])


def stored_of(log: ConfigLog, key: AuthoredKey) -> Stored | None:
    """Return what is kept of a profile, None before the first put of ``default``; Problem 404."""
    stored = log.find(key)
    if stored is None and key.id != DEFAULT_PROFILE:
        raise Problem(404, "profile_not_found", "There is no such profile.")
    return stored


ROUTES: Final = (
    Route(
        method="POST", path="/scoring/profiles", handler=post_profile, scope="admin", owner="config", idempotent=True,
        body=ProfileCreate, answer=ProfileAnswer, statuses=(201, 202, 409, 422, 503),
        summary="Create a profile, with rules where they are given; it scores once it is published",
    ),
    Route(
        method="GET", path="/scoring/profiles", handler=get_profiles, scope="read", answer=ListedProfile, many=True,
        statuses=(200, 503), summary="The profiles of an org, without their rules",
    ),
    Route(
        method="GET", path="/scoring/profiles/{id}", handler=get_profile, scope="read", answer=ProfileAnswer,
        statuses=(200, 304, 404, 503), summary="One profile: as written, its draft, and what is published",
    ),
    Route(
        method="PUT", path="/scoring/profiles/{id}", handler=put_profile, scope="admin", owner="config",
        body=ProfileReplace, answer=ProfileAnswer, statuses=(200, 202, 404, 409, 412, 503),
        summary="Replace a profile; without rules in the body it keeps them; live at once only for default",
    ),
    Route(
        method="DELETE", path="/scoring/profiles/{id}", handler=delete_profile, scope="admin", owner="config",
        statuses=(204, 202, 404, 409, 412, 503),
        summary="Delete a profile without rules that no formula needs; never default",
    ),
)  # fmt: skip
