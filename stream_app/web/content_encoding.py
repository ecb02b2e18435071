"""The body of a request, as it was before its Content-Encoding.

Laws: a body is whole or a 400: aiohttp takes a gzip body that ends early for the whole, and lets the handler of such a
deflate body wait for ever, so the server leaves bodies as they come (`DECODING`); no more than the limit is unpacked,
and what that costs grows with the length only; nobody waits longer than `BODY_SECONDS` for one that stalls.
Source: RFC 9110 section 8.4, RFC 1950 to 1952.
"""

import asyncio
import zlib
from typing import Any, Final

from aiohttp import web

from stream_app.web.authentication import MAX_BODY_BYTES
from stream_app.web.problems import Problem

DECODING: Final[dict[str, Any]] = {"auto_decompress": False}  # of the runner, where handlers use `body_of`
BODY_SECONDS = 30.0
PLAIN: Final = frozenset({"", "identity"})
GZIP: Final = frozenset({"gzip", "x-gzip"})
DEFLATE: Final = "deflate"
ACCEPTED: Final = "gzip, deflate"
PIECE_BYTES: Final = 4096  # what follows a member's end is copied: of 1 MiB, which may have 50,000, that took seconds
_GZIP_BITS: Final = zlib.MAX_WBITS | 16


async def body_of(request: web.Request) -> bytes:
    """Return the body; Problem 400, 413 or 415, RequestPayloadError when it does not come."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            received = await request.read()
    except (TimeoutError, ConnectionResetError) as error:
        raise web.RequestPayloadError("the body does not come") from error
    encoding = ", ".join(request.headers.getall("Content-Encoding", ())).strip().lower()
    if encoding in PLAIN:
        return received
    if encoding in GZIP:
        return _unpacked(received, _GZIP_BITS, MAX_BODY_BYTES)
    if encoding == DEFLATE:
        raw = received[:1] != b"" and received[0] & 0x0F != zlib.DEFLATED  # without its head, as some senders have it
        return _unpacked(received, -zlib.MAX_WBITS if raw else zlib.MAX_WBITS, MAX_BODY_BYTES)
    detail = f"A body may be encoded as {ACCEPTED}, by one of them once."
    raise Problem(415, "unsupported_content_encoding", detail, headers={"Accept-Encoding": ACCEPTED})


def _unpacked(received: bytes, bits: int, limit: int) -> bytes:
    """Return what was packed; gzip may come in several members, one after the other."""
    parts, left, at = list[bytes](), limit, 0
    packed = memoryview(received)
    while at < len(packed):
        stream = zlib.decompressobj(bits)
        while at < len(packed) and not stream.eof:
            piece = packed[at : at + PIECE_BYTES]
            try:
                part = stream.decompress(piece, left + 1)
            except zlib.error:
                raise _unreadable() from None
            left -= len(part)
            if left < 0:
                raise Problem(413, "body_too_large", "A body may have at most 1 MiB.")
            at += len(piece) - len(stream.unused_data)
            parts.append(part)
        if not stream.eof or (at < len(packed) and bits != _GZIP_BITS):
            raise _unreadable()
    return b"".join(parts)


def _unreadable() -> Problem:
    return Problem(400, "unreadable_body", "The body is not what its Content-Encoding says, or not all of it.")
