"""``POST /events``: engagement events into Kafka, answered when Kafka has acknowledged all of them.

Laws: one event, an array or ``{"events": [...]}``, up to 1,000; all or none; the org is the key's.
Writes through EventPosts.
"""

from typing import Any, Final, cast

from aiohttp import web

from schemas.rest import AcceptedEvents, EventsBody
from stream_app.authoring.problems import EXPLAINED
from stream_app.reading.event_posts import Accepted, Bad, EventPosts, Foreign, Post
from stream_app.reading.orders import Reused
from stream_app.reading.own_writes import NotSent
from stream_app.web.answers import data
from stream_app.web.authentication import PRINCIPAL, org_of
from stream_app.web.bodies import invalid, read_json
from stream_app.web.outcomes import fail, idempotency_key
from stream_app.web.problems import FieldError, Problem
from stream_app.web.route import Route

EVENTS: Final = web.AppKey("events", EventPosts)
MAX_EVENTS: Final = 1000


async def post_events(request: web.Request) -> web.Response:
    """Send events."""
    org_id, key = org_of(request), idempotency_key(request)
    at, events = _events(await read_json(request))
    if not 0 < len(events) <= MAX_EVENTS:
        raise invalid([FieldError(at.removesuffix("/{}"), "invalid_value", f"1 to {MAX_EVENTS} events")])
    answer = await request.app[EVENTS].take(Post(org_id, request[PRINCIPAL].sites, events, key))
    match answer:
        case Accepted(event_ids):
            return data({"accepted": len(event_ids), "eventIds": event_ids}, status=202)
        case Foreign(index, field):
            what = "org" if field == "orgId" else "site"
            error = FieldError(f"{at.format(index)}/{field}", f"foreign_{what}", f"not this key's {what}")
            raise Problem(403, f"foreign_{what}", f"This key may not send events of that {what}.", errors=[error])
        case Reused():
            detail = "This Idempotency-Key came with other events before."
            raise Problem(422, "idempotency_key_reused", detail)
        case NotSent():
            fail(answer, "", repeatable=key is not None)
        case bad:
            raise invalid([_told(one, at) for one in bad[:EXPLAINED]])


def _events(body: Any) -> tuple[str, list[Any]]:
    """Return the pointer at which an event stands, and the events; Problem 400 when there are none."""
    if isinstance(body, list):
        return "/{}", cast("list[Any]", body)
    if not isinstance(body, dict):
        raise invalid([FieldError("", "invalid_value", "an event, an array of events, or an object with events")])
    fields = cast("dict[str, Any]", body)
    if "events" not in fields:
        return "", [fields]
    if not isinstance(fields["events"], list):
        raise invalid([FieldError("/events", "invalid_value", "an array of events")])
    return "/events/{}", cast("list[Any]", fields["events"])


def _told(bad: Bad, at: str) -> FieldError:
    place = at.format(bad.index)
    return FieldError(place if bad.field is None else f"{place}/{bad.field}", bad.reason, bad.message)


ROUTES: Final = (
    Route(
        method="POST", path="/events", handler=post_events, scope="write", body=EventsBody, answer=AcceptedEvents,
        statuses=(202, 422, 503), idempotent=True, summary="Send up to 1,000 engagement events",
    ),
)  # fmt: skip
