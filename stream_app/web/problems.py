"""Every error as RFC 9457 ``application/problem+json``.

Laws: a response of 400 and above is a problem with a ``code`` from a closed style (snake case) and a ``requestId``; of
its errors the first EXPLAINED are told, so that no answer is many times as long as what was sent; an unexpected
exception is logged with that id and the pattern of its address, whose ids are contacts', and says nothing of itself to
the client.
"""

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import HttpVersion11, web
from aiohttp.typedefs import Handler

from stream_app.authoring.problems import EXPLAINED

logger = logging.getLogger(__name__)

PROBLEM_JSON: Final = "application/problem+json"
REQUEST_ID: Final = web.RequestKey("request_id", str)
CODES: Final = {
    400: "bad_request", 404: "not_found", 405: "method_not_allowed", 411: "length_required", 413: "body_too_large",
    415: "unsupported_media_type",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field: a JSON pointer into the body, or ``?name`` for a query parameter."""

    pointer: str
    code: str
    message: str


class Problem(Exception):
    """An answer that is an error; ``more`` are extension members of the problem object."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.more = dict(more or {})


def bad_parameter(name: str, message: str) -> Problem:
    """Return the 400 that names a query parameter."""
    return Problem(
        400, "invalid_parameter", f"{name}: {message}", errors=[FieldError(f"?{name}", "invalid_parameter", message)]
    )


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give each request an id and turn whatever is raised into a problem."""
    request[REQUEST_ID] = uuid.uuid4().hex
    try:
        response = await handler(request)
    except Problem as problem:
        return _response(request, problem)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _response(request, _from_aiohttp(error))
    except web.RequestPayloadError:
        detail = "The body does not come, or not as its Transfer-Encoding says."
        unreadable = _response(request, Problem(400, "unreadable_body", detail))
        unreadable.force_close()  # where the next request begins is not known
        return unreadable
    except Exception:
        resource = request.match_info.route.resource
        where = "nowhere" if resource is None else resource.canonical
        logger.exception("request %s failed: %s %s", request[REQUEST_ID], request.method, where)
        return _response(request, Problem(500, "internal_error", "This is a fault of leadstream; its log has the id."))
    if not response.prepared:
        response.headers["X-Request-Id"] = request[REQUEST_ID]
    return response


def failed(request: web.BaseRequest, status: int) -> web.Response:
    """Return the answer to what no handler has answered: a request that cannot be read, or a fault."""
    request[REQUEST_ID] = uuid.uuid4().hex
    if status < 500:
        detail = "What was sent is no HTTP/1.1 request whose lines have at most 8 KiB."
        response = _response(request, Problem(400, "unreadable_request", detail))
    else:
        response = _response(request, Problem(500, "internal_error", "This is a fault of leadstream; see its log."))
    response.headers["Server"] = "leadstream"  # without it aiohttp's, with its version
    response.force_close()
    return response


async def meet_expectation(request: web.Request) -> web.Response | None:
    """Send 100 Continue to a client that waits for it; any other Expect is a 417 (RFC 9110 section 10.1.1)."""
    if request.version < HttpVersion11:
        return None
    if request.headers["Expect"].lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # as aiohttp's own: nothing of the answer is sent yet
        return None
    request[REQUEST_ID] = uuid.uuid4().hex
    return _response(request, Problem(417, "expectation_failed", "No Expect but 100-continue is met here."))


def _from_aiohttp(error: web.HTTPException) -> Problem:
    allow = error.headers.get("Allow")
    detail = {
        404: "There is nothing at this address.",
        405: f"This address takes {allow}.",
        413: "A body may have at most 1 MiB.",
    }.get(error.status, error.reason)
    return Problem(
        error.status, CODES.get(error.status, "http_error"), detail, headers={"Allow": allow} if allow else {}
    )


def _response(request: web.BaseRequest, problem: Problem) -> web.Response:
    body = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.path,
        "code": problem.code,
        "errors": list(problem.errors[:EXPLAINED]),
        "requestId": request[REQUEST_ID],
        **problem.more,
    }
    headers = {**problem.headers, "X-Request-Id": request[REQUEST_ID], "Cache-Control": "no-store"}
    return web.Response(
        status=problem.status, body=msgspec.json.encode(body), content_type=PROBLEM_JSON, headers=headers
    )
