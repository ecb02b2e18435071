"""``POST /scoring/profiles/{id}/publish | unpublish | discard | rollback``, ``GET .../versions``: what of it scores.

Laws: what changes nothing is a success; ``default`` is published always, and has neither a draft nor versions to go
back to; a repeated Idempotency-Key gets the first answer, as long as that wrote something; a page of versions ends
where more would hold up the worker.
Reads and edits ``config`` through `editing`.
"""

from itertools import accumulate
from typing import Final

from aiohttp import web

from schemas.rest_profiles import ProfileAnswer, ProfileVersion, RollbackBody
from stream_app.authoring.config_log import Publish
from stream_app.authoring.drafts import told_versions
from stream_app.authoring.edits import Act
from stream_app.authoring.publishing import Action
from stream_app.web.answers import data, integer_parameter
from stream_app.web.authentication import PRINCIPAL
from stream_app.web.bodies import read_body
from stream_app.web.editing import apply, config_of, mark_of
from stream_app.web.etags import wanted_versions
from stream_app.web.profile_bodies import version_body
from stream_app.web.profiles import answer_profile, profile_key, stored_of
from stream_app.web.route import Parameter, Route

PAGE: Final = 20
MAX_PAGE: Final = 100
MAX_PAGE_BYTES: Final = 1_048_576  # of records, some 0.3 s; 100 of the largest took as long as a session lasts
MAX_CURSOR: Final = 999_999_999


async def post_publish(request: web.Request) -> web.Response:
    """Make the draft what scores."""
    return await _act(request, "publish")


async def post_unpublish(request: web.Request) -> web.Response:
    """Stop scoring; scores stay, and so does the draft."""
    return await _act(request, "unpublish")


async def post_discard(request: web.Request) -> web.Response:
    """Make the draft what is published."""
    return await _act(request, "discard")


async def post_rollback(request: web.Request) -> web.Response:
    """Publish an earlier version again, as a new one; the draft becomes it too."""
    return await _act(request, "rollback", (await read_body(request, RollbackBody)).version)


async def get_versions(request: web.Request) -> web.Response:
    """Answer the publishes of a profile that are remembered, newest first, a page at a time."""
    limit = integer_parameter(request, "limit", default=PAGE, low=1, high=MAX_PAGE)
    before = integer_parameter(request, "cursor", default=MAX_CURSOR, low=1, high=MAX_CURSOR)
    log, key = config_of(request), profile_key(request)
    stored_of(log, key)
    kept = log.publishes_of(key)
    found = [one for one in reversed(kept) if one.version < before]
    page = _page(found, limit)
    cursor = str(page[-1].version) if len(found) > len(page) else None
    sites = request[PRINCIPAL].sites
    told = [version_body(one, sites) for one in told_versions(key, page)]
    return data(told, meta={"nextCursor": cursor, "total": len(kept)})


def _page(found: list[Publish], limit: int) -> list[Publish]:
    """Return the first of some publishes, as many as are asked for and fit; one always does."""
    sizes = accumulate(one.size for one in found[:limit])
    return found[: max(1, sum(size <= MAX_PAGE_BYTES for size in sizes))]


async def _act(request: web.Request, action: Action, version: int | None = None) -> web.Response:
    key = profile_key(request)
    mark = mark_of(request, {"action": action, "profile": key.id, "version": version})
    edit = Act(
        key=key, action=action, version=version, versions=wanted_versions(request), sites=request[PRINCIPAL].sites,
        mark=mark,
    )  # fmt: skip
    return await answer_profile(request, await apply(request, edit))


ROUTES: Final = (
    Route(
        method="POST", path="/scoring/profiles/{id}/publish", handler=post_publish, scope="admin", owner="config",
        idempotent=True, answer=ProfileAnswer, statuses=(200, 202, 404, 412, 422, 503),
        summary="Make the draft what scores",
    ),
    Route(
        method="POST", path="/scoring/profiles/{id}/unpublish", handler=post_unpublish, scope="admin", owner="config",
        idempotent=True, answer=ProfileAnswer, statuses=(200, 202, 404, 409, 412, 422, 503),
        summary="Stop scoring; scores and the draft stay",
    ),
    Route(
        method="POST", path="/scoring/profiles/{id}/discard", handler=post_discard, scope="admin", owner="config",
        idempotent=True, answer=ProfileAnswer, statuses=(200, 202, 404, 409, 412, 422, 503),
        summary="Make the draft, rules included, what is published",
    ),
    Route(
        method="POST", path="/scoring/profiles/{id}/rollback", handler=post_rollback, scope="admin", owner="config",
        idempotent=True, body=RollbackBody, answer=ProfileAnswer, statuses=(200, 202, 404, 409, 412, 422, 503),
        summary="Publish an earlier version again, as a new one; the draft becomes it too",
    ),
    Route(
        method="GET", path="/scoring/profiles/{id}/versions", handler=get_versions, scope="read",
        answer=ProfileVersion, many=True, statuses=(200, 404, 503), summary="The publishes of a profile, newest first",
        query=(
            Parameter(
                "limit", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": PAGE},
                "At most so many; fewer where they are long.",
            ),
            Parameter("cursor", {"type": "integer", "minimum": 1, "maximum": MAX_CURSOR}, "The nextCursor before."),
        ),
    ),
)  # fmt: skip
