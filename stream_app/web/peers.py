"""Asks other workers of the group over HTTP, through one client that all requests of this worker share.

Laws: only URLs given by Owners are asked, never redirects, proxies or cookies; every question ends in bounded time as a
value; NotSent means that the other side cannot have begun.  Only a GET is ever sent twice.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientHandlerType,
    ClientOSError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    ServerDisconnectedError,
    TCPConnector,
    web,
)  # fmt: skip
from aiohttp.client_exceptions import ConnectionTimeoutError
from yarl import URL

from schemas.hop import FORWARDED, RULEBOOK_VERSION

ANSWER_SECONDS: Final = 10.0  # a write may take 5 s at its owner
CONNECT_SECONDS: Final = 2.0  # a place in the pool included
CONNECTIONS: Final = 128
CONNECTIONS_TO_ONE: Final = 32

PASSED: Final = ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "Accept")
RETURNED: Final = (
    "Content-Type", "ETag", "Location", "Retry-After", RULEBOOK_VERSION, "Cache-Control", "WWW-Authenticate", "Allow",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answered:
    """What the other worker said, with those of its headers that a client may see; ``request_id`` is its own."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class NotSent:
    """The request did not leave this worker."""

    why: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The request was sent, or may have been, and nothing complete came back."""

    why: str


class _Ended(ClientError):
    """A connection that ended after something was sent."""


async def _once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Keep aiohttp from sending a PUT or DELETE again when its connection ends without an answer."""
    try:
        return await handler(request)
    except ClientConnectorError:
        raise
    except (ClientOSError, ServerDisconnectedError) as error:
        raise _Ended(_told(error)) from error


class Peers:
    """The client; it opens with the first question, on the running loop."""

    def __init__(self, *, answer_seconds: float = ANSWER_SECONDS, connect_seconds: float = CONNECT_SECONDS) -> None:
        self._timeout = ClientTimeout(total=answer_seconds, connect=connect_seconds)
        self._session: ClientSession | None = None
        self.results: Counter[str] = Counter({"answered": 0, "not_sent": 0, "no_answer": 0})

    async def ask(
        self, url: str, request: web.Request, body: bytes, more: Mapping[str, str] | None = None
    ) -> Answered | NotSent | NoAnswer:
        """Send a request as it came, ``body`` read already, to the worker at ``url``."""
        result = await self._ask(url, request, body, more or {})
        self.results[{Answered: "answered", NotSent: "not_sent", NoAnswer: "no_answer"}[type(result)]] += 1
        return result

    async def close(self, _: web.Application) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _ask(
        self, url: str, request: web.Request, body: bytes, more: Mapping[str, str]
    ) -> Answered | NotSent | NoAnswer:
        headers = {name: request.headers[name] for name in PASSED if name in request.headers}
        headers |= {FORWARDED: "1", "Accept-Encoding": "identity", **more}
        try:
            async with self._open().request(
                request.method, address(url, request.rel_url), headers=headers, data=body or None,
                allow_redirects=False, middlewares=() if request.method == "GET" else (_once,),
            ) as response:  # fmt: skip
                kept = {name: response.headers[name] for name in RETURNED if name in response.headers}
                return Answered(response.status, kept, await response.read(), response.headers.get("X-Request-Id"))
        except (ClientConnectorError, ConnectionTimeoutError) as error:
            return NotSent(_told(error))
        except (ClientError, OSError, TimeoutError) as error:
            return NoAnswer(_told(error))

    def _open(self) -> ClientSession:
        if self._session is None:
            self._session = ClientSession(
                connector=TCPConnector(limit=CONNECTIONS, limit_per_host=CONNECTIONS_TO_ONE), timeout=self._timeout,
                cookie_jar=DummyCookieJar(), trust_env=False, auto_decompress=False,
                skip_auto_headers=("User-Agent", "Content-Type"),
            )  # fmt: skip
        return self._session


def address(url: str, target: URL) -> URL:
    """Return a request's path and query at a worker; whatever host the client wrote into its request line is gone."""
    worker = URL(url)
    return URL.build(
        scheme=worker.scheme, authority=worker.host_port_subcomponent or "", path=target.raw_path,
        query_string=target.raw_query_string, encoded=True,
    )  # fmt: skip


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
