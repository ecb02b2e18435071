"""``GET /contacts/{id}/score``: PushMail's shape, with what leadstream knows beyond it after PushMail's fields.

Reads ContactQueries.
"""

from typing import Any, Final

from aiohttp import web

from schemas.authored import DEFAULT_PROFILE
from schemas.ids import rest_id, valid_id
from stream_app.reading.contacts import ContactQueries, ContactScore, LogRow, NotFound, NotHere
from stream_app.web.answers import data, integer_parameter
from stream_app.web.authentication import org_of
from stream_app.web.problems import FieldError, Problem
from stream_app.web.route import Parameter, Route

CONTACTS: Final = web.AppKey("contacts", ContactQueries)
MAX_ROWS: Final = 100
ROWS: Final = 20
RETRY_AFTER: Final = {"restoring": "1", "stopped": "30", "elsewhere": "2"}
WHY: Final = {
    "restoring": "Partition {p} is being restored on this worker.",
    "stopped": "Partition {p} has stopped on this worker and needs an operator.",
    "elsewhere": "Partition {p} is held by another worker.",
}


async def get_score(request: web.Request) -> web.Response:
    """Answer one contact's score and log."""
    org_id, contact_id = org_of(request), request.match_info["id"]
    if not valid_id(contact_id):
        error = FieldError("/id", "invalid_id", "an id is 1-128 characters without control characters")
        raise Problem(400, "invalid_id", "The contact id is not one.", errors=[error])
    answer = request.app[CONTACTS].score(
        org_id,
        contact_id,
        profile_id=request.query.get("profileId", DEFAULT_PROFILE),
        limit=integer_parameter(request, "limit", default=ROWS, low=1, high=MAX_ROWS),
    )
    match answer:
        case ContactScore():
            return data(score_body(answer))
        case NotFound(what):
            raise Problem(404, f"{what}_not_found", f"There is no such {what}.")
        case NotHere(partition, reason):
            headers = {"Retry-After": RETRY_AFTER[reason]}
            raise Problem(503, f"partition_{reason}", WHY[reason].format(p=partition), headers=headers)


def score_body(score: ContactScore) -> dict[str, Any]:
    """Return a score as REST writes it: PushMail's four fields first, in its order."""
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
        statuses=(200, 404, 503), summary="One contact's score with its newest awards",
        query=(
            Parameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_ROWS, "default": ROWS}),
            Parameter("profileId", {"type": "string", "default": DEFAULT_PROFILE}),
        ),
    ),
)  # fmt: skip
