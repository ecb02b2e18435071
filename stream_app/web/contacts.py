"""One contact over REST: everything known of it but its log, its attributes, its end.

Laws: writes answer when they are committed and readable on this worker, the owner of the contact.
Reads Summaries; writes through ContactWrites.
"""

from typing import Any, Final

from aiohttp import web

from schemas.authored import DEFAULT_PROFILE
from schemas.events import Rejected
from schemas.ids import rest_id
from schemas.rest import Attributes, AttributesBody, Contact
from schemas.state import ProfileState
from schemas.times import format_time
from stream_app.reading.contacts import NotFound, NotHere
from stream_app.reading.own_writes import NotSent, Waiting, Written
from stream_app.reading.summaries import Summaries, WholeContact
from stream_app.web.answers import data
from stream_app.web.authentication import org_of
from stream_app.web.bodies import read_body
from stream_app.web.commands import WRITES
from stream_app.web.outcomes import contact_address, contact_of, fail, pending
from stream_app.web.problems import FieldError, Problem
from stream_app.web.route import Route

SUMMARIES: Final = web.AppKey("summaries", Summaries)


async def get_contact(request: web.Request) -> web.Response:
    """Answer everything known of a contact but its log."""
    org_id, contact_id = org_of(request), contact_of(request)
    found = request.app[SUMMARIES].whole(org_id, contact_id)
    return data(contact_body(found)) if isinstance(found, WholeContact) else fail(found, "", repeatable=True)


async def put_attributes(request: web.Request) -> web.Response:
    """Replace e-mail and attributes of a contact."""
    org_id, contact_id = org_of(request), contact_of(request)
    body = await read_body(request, AttributesBody)
    location = contact_address(request, contact_id)
    match await request.app[WRITES].attributes(org_id, contact_id, body.email, body.attributes):
        case Written():
            return data({"contactId": rest_id(contact_id), "email": body.email, "attributes": body.attributes})
        case Waiting() as waiting:
            return pending(waiting, contact_id, location)
        case Rejected(reason, message):
            error = FieldError("/attributes", reason, message)
            raise Problem(413 if reason == "too_large" else 400, reason, message, errors=[error])
        case NotSent() | NotHere() as outcome:
            fail(outcome, location, repeatable=True)


async def delete_contact(request: web.Request) -> web.Response:
    """Erase a contact (S52)."""
    org_id, contact_id = org_of(request), contact_of(request)
    location = contact_address(request, contact_id)
    match await request.app[WRITES].erase(org_id, contact_id):
        case Written():
            return web.Response(status=204)
        case Waiting() as waiting:
            return pending(waiting, contact_id, location)
        case NotSent() | NotFound() | NotHere() as outcome:
            fail(outcome, location, repeatable=True)


def contact_body(contact: WholeContact) -> dict[str, Any]:
    """Return a contact as REST writes it."""
    scores = {DEFAULT_PROFILE: ProfileState(), **contact.profiles}
    return {
        "contactId": rest_id(contact.contact_id),
        "email": contact.email,
        "leadScore": scores[DEFAULT_PROFILE].shown,
        "scores": [_score(profile_id, state) for profile_id, state in scores.items()],
        "tags": list(contact.tags),
        "attributes": contact.attributes,
        "attributesUpdatedAt": _time(contact.updated_at),
        "createdAt": format_time(contact.born_at),
        "lastEventAt": _time(contact.last_at),
    }


def _score(profile_id: str, state: ProfileState) -> dict[str, Any]:
    return {
        "profileId": profile_id, "score": state.shown, "version": state.version,
        "awards": {"count": state.awards, "points": state.total},
    }  # fmt: skip


def _time(at: int) -> str | None:
    return format_time(at) if at else None


ROUTES: Final = (
    Route(
        method="GET", path="/contacts/{id}", handler=get_contact, scope="read", owner="contact", answer=Contact,
        statuses=(200, 404, 503), summary="Everything known of a contact but its log",
    ),
    Route(
        method="PUT", path="/contacts/{id}/attributes", handler=put_attributes, scope="write", owner="contact",
        body=AttributesBody, answer=Attributes, statuses=(200, 202, 503), summary="Replace e-mail and all attributes",
    ),
    Route(
        method="DELETE", path="/contacts/{id}", handler=delete_contact, scope="write", owner="contact",
        statuses=(204, 202, 404, 503), summary="Erase a contact",
    ),
)  # fmt: skip
