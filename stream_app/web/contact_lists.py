"""Many contacts over REST: the ones that changed last, and the scores of those that are asked for by id.

Laws: each owner answers for its partitions, and a missing one is a 503.  The list of the last changes is of what the
owners remember: all that changed at ``meta.exactSince`` or later is there; of what is older contacts may be missing,
unless it is ``meta.complete``.
Reads Summaries through `ask_all`.
"""

import base64
import binascii
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from schemas.authored import DEFAULT_PROFILE
from schemas.ids import contact_key, rest_id, text_id
from schemas.rest import ListedContact, Looked, LookupBody
from schemas.times import format_time
from stream_app.processing.placement import partition_of
from stream_app.reading.summaries import Bounds, ChangedPart, ChangedRow, ScoreRow, order_of
from stream_app.web.answers import data, integer_parameter
from stream_app.web.authentication import org_of
from stream_app.web.bodies import invalid, read_body
from stream_app.web.contacts import SUMMARIES
from stream_app.web.fan_out import ask_all
from stream_app.web.forwarding import OWNERS
from stream_app.web.problems import FieldError, bad_parameter
from stream_app.web.route import Parameter, Route

SORT: Final = "-changed"
PAGE: Final = 20
MAX_PAGE: Final = 100
FILTERS_TO_COME: Final = ("above", "below", "label", "segment")

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_PROFILE = re.compile(r"[a-z0-9_-]{1,64}")


async def list_contacts(request: web.Request) -> web.Response:
    """Answer contacts by their last change."""
    summaries, org_id, profile_id = request.app[SUMMARIES], org_of(request), profile_of(request)
    if request.query.get("sort", SORT) != SORT:
        raise bad_parameter("sort", f"{SORT} is the one order there is")
    for name in FILTERS_TO_COME:
        if name in request.query:
            raise bad_parameter(name, "not served yet; minScore and maxScore are the filters there are")
    bounds, after = Bounds(_score(request, "minScore"), _score(request, "maxScore")), _cursor(request)
    limit = integer_parameter(request, "limit", default=PAGE, low=1, high=MAX_PAGE)

    async def share(partition: int) -> ChangedPart | None:
        return await summaries.changed(partition, org_id, profile_id, bounds, after, limit + 1)

    def merge(parts: Mapping[int, ChangedPart]) -> web.Response:
        rows = sorted((row for part in parts.values() for row in part.rows), key=order_of)
        more = cursor_of(rows[limit - 1]) if len(rows) > limit else None
        since = max(part.since for part in parts.values())
        meta = {"nextCursor": more, "complete": since == 0, "exactSince": format_time(since) if since else None}
        return data([_listed(row, profile_id) for row in rows[:limit]], meta=meta)

    return await ask_all(request, ChangedPart, share, merge)


async def post_lookup(request: web.Request) -> web.Response:
    """Answer the scores of up to 500 contacts."""
    summaries, org_id = request.app[SUMMARIES], org_of(request)
    body = await read_body(request, LookupBody)
    profile_id = body.profile_id or DEFAULT_PROFILE
    wanted = list(dict.fromkeys(_ids(body.contact_ids)))
    count, placed = request.app[OWNERS].partitions, defaultdict[int, list[str]](list)
    for contact_id in wanted:
        placed[partition_of(contact_key(org_id, contact_id), count)].append(contact_id)

    async def share(partition: int) -> dict[str, ScoreRow] | None:
        return await summaries.scores(partition, org_id, placed.get(partition, ()), profile_id)

    def merge(parts: Mapping[int, dict[str, ScoreRow]]) -> web.Response:
        found = {contact_id: row for part in parts.values() for contact_id, row in part.items()}
        scores = [_found(found[contact_id], profile_id) for contact_id in wanted if contact_id in found]
        return data({"scores": scores, "unknown": [rest_id(one) for one in wanted if one not in found]})

    return await ask_all(request, dict[str, ScoreRow], share, merge, partitions=placed)


def profile_of(request: web.Request) -> str:
    """Return the profile that the query names."""
    profile_id = request.query.get("profileId", DEFAULT_PROFILE)
    if not _PROFILE.fullmatch(profile_id):
        raise bad_parameter("profileId", "a profile id is [a-z0-9_-]{1,64}")
    return profile_id


def cursor_of(row: ChangedRow) -> str:
    """Return a row as the place where the next page begins."""
    return base64.urlsafe_b64encode(f"{row.changed_at}:{row.row.contact_id}".encode()).decode()


def _cursor(request: web.Request) -> tuple[int, str] | None:
    given = request.query.get("cursor")
    if given is None:
        return None
    try:
        at, colon, contact_id = base64.b64decode(given, altchars=b"-_", validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        at, colon, contact_id = "", "", ""
    if not colon or not _INTEGER.fullmatch(at):
        raise bad_parameter("cursor", "take it from meta.nextCursor of the page before")
    return -int(at), contact_id


def _score(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    if not _INTEGER.fullmatch(text) or not -(2**63) <= int(text) < 2**63:
        raise bad_parameter(name, "a whole number of 64 bits")
    return int(text)


def _ids(given: list[int | str]) -> list[str]:
    """Return ids as text; Problem 400 that names those that are none."""
    ids: list[str] = []
    errors: list[FieldError] = []
    for index, one in enumerate(given):
        try:
            ids.append(text_id(one))
        except ValueError as error:
            errors.append(FieldError(f"/contactIds/{index}", "invalid_id", str(error)))
    if errors:
        raise invalid(errors)
    return ids


def _found(row: ScoreRow, profile_id: str) -> dict[str, Any]:
    return {
        "contactId": rest_id(row.contact_id), "email": row.email, "leadScore": row.score, "profileId": profile_id,
        "version": row.version,
    }  # fmt: skip


def _listed(row: ChangedRow, profile_id: str) -> dict[str, Any]:
    return {**_found(row.row, profile_id), "changedAt": format_time(row.changed_at)}


_PROFILE_PARAMETER: Final = Parameter("profileId", {"type": "string", "default": DEFAULT_PROFILE})

ROUTES: Final = (
    Route(
        method="GET", path="/contacts", handler=list_contacts, scope="read", answer=ListedContact, many=True,
        statuses=(200, 503), summary="Contacts by the last change of any of their scores",
        query=(
            Parameter("sort", {"type": "string", "enum": [SORT], "default": SORT}),
            Parameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": PAGE}),
            Parameter("cursor", {"type": "string"}, "meta.nextCursor of the page before"),
            Parameter("minScore", {"type": "integer"}, "Inclusive"),
            Parameter("maxScore", {"type": "integer"}, "Inclusive"),
            _PROFILE_PARAMETER,
        ),
    ),
    Route(
        method="POST", path="/scores/lookup", handler=post_lookup, scope="read", body=LookupBody, answer=Looked,
        statuses=(200, 503), summary="Scores of up to 500 contacts",
    ),
)  # fmt: skip
