"""``GET /stream``: the live stream of the key's org as Server-Sent Events.

Laws: an event's ``id`` are positions, so ``Last-Event-ID`` resumes after it; ``?last=N`` begins with about N of the
newest records; ``status`` events tell how the stream itself is.  A client that takes nothing for 30 s is cut off, one
whose key is no longer in force is written nothing more.
Reads Live.
"""

import asyncio
import time
from typing import Final

from aiohttp import web

from stream_app.reading.live import Live, TooManySubscribers
from stream_app.reading.output_feed import Start, Tail
from stream_app.reading.subscription import Message, Subscription
from stream_app.web.answers import integer_parameter
from stream_app.web.authentication import org_of, still_open
from stream_app.web.problems import REQUEST_ID, FieldError, Problem
from stream_app.web.route import Parameter, Route

LIVE: Final = web.AppKey("live", Live)
PING_SECONDS: Final = 15.0
WRITE_SECONDS: Final = 30.0
MAX_LAST: Final = 500
HEADERS: Final = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def get_stream(request: web.Request) -> web.StreamResponse:
    """Stream until the client goes, is too slow or the worker stops."""
    live, start = request.app[LIVE], _start(request)
    try:
        subscription = live.subscribe(org_of(request), start)
    except TooManySubscribers:
        headers = {"Retry-After": "10"}
        raise Problem(503, "too_many_streams", "This worker serves no more streams.", headers=headers) from None
    response = web.StreamResponse(headers={**HEADERS, "X-Request-Id": request[REQUEST_ID]})
    try:
        await response.prepare(request)
        await response.write(b"retry: 2000\n: leadstream\n\n")
        await _pump(request, response, subscription)
    except (ConnectionResetError, TimeoutError):
        if request.transport is not None:
            request.transport.abort()
    finally:
        await live.unsubscribe(subscription)
    return response


async def _pump(request: web.Request, response: web.StreamResponse, subscription: Subscription) -> None:
    written = time.monotonic()
    while request.transport is not None and not request.transport.is_closing():
        ended = subscription.ended
        messages = await subscription.take()
        if not still_open(request):
            return
        chunk = b"".join(map(frame, messages))
        if not chunk and time.monotonic() - written > PING_SECONDS:
            chunk = b": ping\n\n"
        if chunk:
            async with asyncio.timeout(WRITE_SECONDS):
                await response.write(chunk)
            written = time.monotonic()
        if ended and not messages:
            return


def frame(message: Message) -> bytes:
    """Return a message as Server-Sent Events write it."""
    head = f"event: {message.event}\n" if message.id is None else f"id: {message.id}\nevent: {message.event}\n"
    data = message.data.replace(b"\r", b" ").replace(b"\n", b" ")
    return head.encode() + b"data: " + data + b"\n\n"


def _start(request: web.Request) -> Start | None:
    event_id = request.headers.get("Last-Event-ID")
    if event_id:
        start = request.app[LIVE].start_from(event_id)
        if start is None:
            error = FieldError("Last-Event-ID", "invalid_event_id", "not an event id of this stream")
            raise Problem(400, "invalid_event_id", "Last-Event-ID is not of this stream.", errors=[error])
        return start
    last = integer_parameter(request, "last", default=0, low=0, high=MAX_LAST)
    return Tail(last) if last else None


ROUTES: Final = (
    Route(
        method="GET", path="/stream", handler=get_stream, scope="read", statuses=(200, 503),
        produces=HEADERS["Content-Type"],
        summary="Changes of scores and crossings of thresholds of the org, as Server-Sent Events",
        query=(Parameter("last", {"type": "integer", "minimum": 0, "maximum": MAX_LAST}, "Begin with about so many"),),
    ),
)  # fmt: skip
