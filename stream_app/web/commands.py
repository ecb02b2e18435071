"""Commands over REST: adjust a score, give and take a tag, and ask what became of one.

Laws: answered when the command is committed and readable on this worker, the owner of the contact, with what the
command itself did; after 5 s a 202 that names where to ask (decision 0008).
Reads and writes through Orders.
"""

from typing import Any, Final

from aiohttp import web

from schemas.authored import DEFAULT_PROFILE
from schemas.ids import rest_id, valid_id
from schemas.outputs import ScoreChanged
from schemas.rest import AdjustBody, Adjusted, CommandStatus, TagBody, Tagged
from stream_app.reading.contact_writes import ContactWrites
from stream_app.reading.contacts import NotHere
from stream_app.reading.orders import Applied, Forgotten, Order, Orders, Refused, Reused, Unread, command_id_of
from stream_app.reading.own_writes import NotSent, Waiting
from stream_app.scoring.tags import valid_tag
from stream_app.web.answers import data
from stream_app.web.authentication import PRINCIPAL, org_of
from stream_app.web.bodies import read_body
from stream_app.web.outcomes import command_address, contact_of, fail, idempotency_key, pending
from stream_app.web.problems import FieldError, Problem, bad_parameter
from stream_app.web.route import Parameter, Route

ORDERS: Final = web.AppKey("orders", Orders)
WRITES: Final = web.AppKey("writes", ContactWrites)


async def post_score(request: web.Request) -> web.Response:
    """Add points to a contact's score."""
    contact_id, body = contact_of(request), await read_body(request, AdjustBody)
    profile_id = body.profile_id or DEFAULT_PROFILE
    payload = {"points": body.points, "reason": body.reason, "profileId": profile_id}
    order = _order(request, contact_id, "adjust", payload)
    answer = await _given(request, order, "/profileId" if profile_id != DEFAULT_PROFILE else "/points")
    return answer if isinstance(answer, web.Response) else data(_adjusted(order, answer.change))


async def post_tag(request: web.Request) -> web.Response:
    """Give a contact a tag."""
    contact_id, body = contact_of(request), await read_body(request, TagBody)
    answer = await _given(request, _order(request, contact_id, "tag", {"tag": body.tag}), "/tag")
    done = {"contactId": rest_id(contact_id), "tag": body.tag}
    return answer if isinstance(answer, web.Response) else data(done, status=201)


async def delete_tag(request: web.Request) -> web.Response:
    """Take a tag from a contact; one that it does not have is taken already."""
    contact_id, tag = contact_of(request), request.match_info["tag"]
    org_id = org_of(request)
    if not valid_tag(tag):
        error = FieldError("/tag", "invalid_tag", "a tag is a text of 1-128 characters")
        raise Problem(400, "invalid_tag", "The tag is none.", errors=[error])
    missing = request.app[WRITES].missing(org_id, contact_id)
    if missing is not None:
        fail(missing, "", repeatable=True)
    order = Order(org_id, contact_id, "untag", {"tag": tag}, request[PRINCIPAL].key_id, command_id_of(org_id, None))
    answer = await _given(request, order, "/tag", repeatable=True)
    return answer if isinstance(answer, web.Response) else web.Response(status=204)


async def get_command(request: web.Request) -> web.Response:
    """Answer what became of a command."""
    org_id, command_id = org_of(request), request.match_info["id"]
    contact_id = request.query.get("contactId", "")
    if not valid_id(contact_id):
        raise bad_parameter("contactId", "the contact that the command is for")
    found = request.app[ORDERS].fate(org_id, contact_id, command_id)
    if isinstance(found, NotHere):
        fail(found, "", repeatable=True)
    status, why = found
    body = {"commandId": command_id, "contactId": rest_id(contact_id), "status": status, "detail": why or None}
    return data(body)


def _order(request: web.Request, contact_id: str, kind: Any, payload: dict[str, Any]) -> Order:
    org_id = org_of(request)
    command_id = command_id_of(org_id, idempotency_key(request))
    return Order(org_id, contact_id, kind, payload, request[PRINCIPAL].key_id, command_id)


async def _given(
    request: web.Request, order: Order, pointer: str, *, repeatable: bool = False
) -> Applied | web.Response:
    """Give an order; a 202 when it takes too long, Problem when it did not act."""
    location = command_address(request, order.contact_id, order.command_id)
    match await request.app[ORDERS].give(order):
        case Applied() as applied:
            return applied
        case Waiting() as waiting:
            return pending(waiting, order.contact_id, location)
        case Refused(why):
            raise Problem(400, "invalid_command", why, errors=[FieldError(pointer, "invalid_command", why)])
        case Reused():
            detail = "This Idempotency-Key came with another request for this contact before."
            raise Problem(422, "idempotency_key_reused", detail)
        case Forgotten():
            detail = "This Idempotency-Key acted before; its answer is no longer at hand."
            raise Problem(409, "already_applied", detail)
        case Unread():
            detail = "This Idempotency-Key acted before; its answer is being read from the score log."
            raise Problem(503, "answer_unread", detail, headers={"Retry-After": "1"})
        case NotSent() | NotHere() as outcome:
            fail(outcome, location, repeatable=repeatable or idempotency_key(request) is not None)


def _adjusted(order: Order, change: ScoreChanged | None) -> dict[str, Any]:
    """Return PushMail's three fields first."""
    if change is None:
        raise TypeError("an adjustment always has a ScoreChanged")
    return {
        "contactId": rest_id(order.contact_id),
        "pointsAdded": order.payload["points"],
        "newScore": change.score,
        "profileId": change.profile_id,
        "version": change.version,
        "commandId": order.command_id,
    }


ROUTES: Final = (
    Route(
        method="POST", path="/contacts/{id}/score", handler=post_score, scope="write", owner="contact",
        body=AdjustBody, answer=Adjusted, statuses=(200, 202, 409, 422, 503), idempotent=True,
        summary="Add points; answers with the score shown right after them",
    ),
    Route(
        method="POST", path="/contacts/{id}/tags", handler=post_tag, scope="write", owner="contact", body=TagBody,
        answer=Tagged, statuses=(201, 202, 409, 422, 503), idempotent=True, summary="Give a tag",
    ),
    Route(
        method="DELETE", path="/contacts/{id}/tags/{tag}", handler=delete_tag, scope="write", owner="contact",
        statuses=(204, 202, 404, 503), summary="Take a tag away",
    ),
    Route(
        method="GET", path="/commands/{id}", handler=get_command, scope="read", owner="contact", answer=CommandStatus,
        statuses=(200, 503), summary="What became of a command",
        query=(Parameter("contactId", {"type": "string"}, "The contact that the command is for; required"),),
    ),
)  # fmt: skip
