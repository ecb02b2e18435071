"""What writes and reads of contacts have in common over HTTP: who is meant, and answers that are no success.

Laws: 503 with Retry-After wherever asking again does no harm; a write that may still happen says so and names where to
look; a write that Kafka has but the worker has not applied in time is a 202 with its Location.
"""

from typing import Final, NoReturn, assert_never
from urllib.parse import quote, urlencode

from aiohttp import web

from schemas.ids import rest_id, valid_id
from stream_app.reading.contacts import NotFound, NotHere
from stream_app.reading.own_writes import NotSent, Waiting
from stream_app.web.answers import data
from stream_app.web.authentication import PRINCIPAL
from stream_app.web.editing import mark_of
from stream_app.web.problems import FieldError, Problem

RETRY_AFTER: Final = {"restoring": "1", "stopped": "30", "elsewhere": "2"}
WHY: Final = {
    "restoring": "Partition {p} is being restored on this worker.",
    "stopped": "Partition {p} has stopped on this worker and needs an operator.",
    "elsewhere": "Partition {p} is held by another worker.",
}


def contact_of(request: web.Request) -> str:
    """Return the contact that the path names; Problem 400 when it is no id."""
    contact_id = request.match_info["id"]
    if not valid_id(contact_id):
        error = FieldError("/id", "invalid_id", "an id is 1-128 characters without control characters")
        raise Problem(400, "invalid_id", "The contact id is not one.", errors=[error])
    return contact_id


def idempotency_key(request: web.Request) -> str | None:
    """Return the Idempotency-Key; Problem 400 when it is none."""
    mark = mark_of(request, None)
    return None if mark is None else mark.key


def command_address(request: web.Request, contact_id: str, command_id: str) -> str:
    """Return where to ask what became of a command."""
    return f"/v1/commands/{quote(command_id, safe='')}?{urlencode({'contactId': contact_id, **_org(request)})}"


def contact_address(request: web.Request, contact_id: str) -> str:
    """Return where a contact is read."""
    org = _org(request)
    return f"/v1/contacts/{quote(contact_id, safe='')}" + (f"?{urlencode(org)}" if org else "")


def pending(waiting: Waiting, contact_id: str, location: str) -> web.Response:
    """Answer 202: Kafka has it, and it will be applied."""
    body = {"contactId": rest_id(contact_id), "commandId": waiting.command_id or None, "status": "pending"}
    return data(body, status=202, headers={"Location": location})


def fail(outcome: NotSent | NotFound | NotHere, location: str, *, repeatable: bool) -> NoReturn:
    """Raise the problem of a write or read that came to nothing; ``repeatable``: sending it twice acts once."""
    match outcome:
        case NotFound(what):
            raise Problem(404, f"{what}_not_found", f"There is no such {what}.")
        case NotHere(partition, reason):
            headers = {"Retry-After": RETRY_AFTER[reason]}
            raise Problem(503, f"partition_{reason}", WHY[reason].format(p=partition), headers=headers)
        case NotSent(certain=True):
            detail = "Kafka does not answer; nothing was written."
            raise Problem(503, "broker_unavailable", detail, headers={"Retry-After": "2"})
        case NotSent():
            again = "Send it again as it was." if repeatable else "Look before you send it again."
            headers = {"Location": location} if location else {}
            headers |= {"Retry-After": "2"} if repeatable else {}
            detail = f"Kafka has not acknowledged this in time, and may still get it. {again}"
            raise Problem(503, "outcome_unknown", detail, headers=headers)
        case never:
            assert_never(never)


def _org(request: web.Request) -> dict[str, str]:
    """Return what the root key has to say about the org."""
    return {} if request[PRINCIPAL].org_id is not None else {"orgId": request.query.get("orgId", "")}
