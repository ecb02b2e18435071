"""``GET /contacts/{id}/score``: PushMail's shape, with what leadstream knows beyond it after PushMail's fields.

Reads ContactQueries.
"""

from typing import Any, Final

from aiohttp import web

from schemas.authored import DEFAULT_PROFILE
from schemas.ids import rest_id
from schemas.times import format_time
from stream_app.reading.contacts import ContactQueries, ContactScore, LogRow
from stream_app.web.answers import data, integer_parameter
from stream_app.web.authentication import org_of
from stream_app.web.outcomes import contact_of, fail
from stream_app.web.route import Parameter, Route

CONTACTS: Final = web.AppKey("contacts", ContactQueries)
MAX_ROWS: Final = 100
ROWS: Final = 20
MAX_LOG_ID: Final = 999_999_999


async def get_score(request: web.Request) -> web.Response:
    """Answer one contact's score and log."""
    org_id, contact_id = org_of(request), contact_of(request)
    answer = await request.app[CONTACTS].score(
        org_id,
        contact_id,
        profile_id=request.query.get("profileId", DEFAULT_PROFILE),
        limit=integer_parameter(request, "limit", default=ROWS, low=1, high=MAX_ROWS),
        before=_before(request),
    )
    return data(score_body(answer)) if isinstance(answer, ContactScore) else fail(answer, "", repeatable=True)


def _before(request: web.Request) -> int | None:
    given = request.query.get("before")
    if given is None:
        return None
    return integer_parameter(request, "before", default=1, low=1, high=MAX_LOG_ID)


def score_body(score: ContactScore) -> dict[str, Any]:
    """Return a score as REST writes it: PushMail's four fields first, in its order; one that decays says when."""
    as_of = {} if score.as_of is None else {"asOf": format_time(score.as_of)}
    return {
        "contactId": rest_id(score.contact_id),
        "email": score.email,
        "leadScore": score.score,
        "logs": [_row(row) for row in score.logs],
        "profileId": score.profile_id,
        "version": score.version,
        "awards": {"count": score.awards, "points": score.points},
        "earlier": {"count": score.earlier_count, "points": score.earlier_points},
        "complete": score.complete,
        **as_of,
    }


def _row(row: LogRow) -> dict[str, Any]:
    return {
        "id": row.log_id,
        "ruleId": row.rule_id,
        "points": row.points,
        "reason": row.reason,
        "createdAt": row.created_at,
        "ruleName": row.rule_name,
    }


ROUTES: Final = (
    Route(
        method="GET", path="/contacts/{id}/score", handler=get_score, scope="read", owner="contact",
        statuses=(200, 404, 503), summary="One contact's score (one that decays: at asOf) with its newest awards",
        query=(
            Parameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_ROWS, "default": ROWS}),
            Parameter(
                "before", {"type": "integer", "minimum": 1, "maximum": MAX_LOG_ID},
                "Only rows with a smaller log id: the id of the last row of the page before",
            ),
            Parameter("profileId", {"type": "string", "default": DEFAULT_PROFILE}),
        ),
    ),
)  # fmt: skip
