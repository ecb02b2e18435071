"""Questions about many contacts: each owner answers for its partitions, the worker that was asked merges.

Laws: every partition is answered for exactly once or the whole is a 503, never a partial answer; a question hops once:
the owner is told the partitions (``Leadstream-Partitions``) and answers for those or not at all.  A part holds what the
key may see and no more: a client can send the headers of a hop, too.
Reads Owners; asks Peers.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TypeVar, assert_never

import msgspec
from aiohttp import web

from schemas.hop import FORWARDED, PARTITIONS
from stream_app.reading.owners import At, Here, Unknown, grouped
from stream_app.web.answers import data
from stream_app.web.content_encoding import body_of
from stream_app.web.forwarding import OWNERS, PEERS, elsewhere, keys_differ, unknown, unreachable
from stream_app.web.peers import Answered, NoAnswer, NotSent
from stream_app.web.problems import Problem

T = TypeVar("T")


class _Envelope(msgspec.Struct):
    data: msgspec.Raw


async def ask_all(
    request: web.Request,
    kind: type[T],
    share: Callable[[int], Awaitable[T | None]],
    merge: Callable[[Mapping[int, T]], web.Response],
    *,
    partitions: Collection[int] | None = None,
) -> web.Response:
    """Answer a question of all partitions, or of those given.

    ``share(p)`` computes partition p's part on its owner, None when p is not open there; ``kind`` is its type, which
    msgspec writes and reads; ``merge`` makes the answer of all parts.  Owners run the same handler with the same
    request, so both see the same query and body.
    """
    owners = request.app[OWNERS]
    if FORWARDED in request.headers and PARTITIONS in request.headers:
        return data(await _local(request, share, _told(request)))
    groups = grouped(owners, range(owners.partitions) if partitions is None else partitions)
    if isinstance(groups, Unknown):
        raise unknown(groups)
    asked = [
        _local(request, share, own) if isinstance(owner, Here) else _remote(request, kind, owner, own)
        for owner, own in groups.items()
    ]
    parts: dict[int, T] = {}
    for found in await asyncio.gather(*asked, return_exceptions=True):
        if isinstance(found, BaseException):
            raise found
        parts |= found
    return merge(parts)


async def _local(
    request: web.Request, share: Callable[[int], Awaitable[T | None]], partitions: Collection[int]
) -> dict[int, T]:
    parts: dict[int, T] = {}
    for partition in partitions:
        if request.app[OWNERS].of(partition) != Here():
            raise elsewhere(partition)
        part = await share(partition)
        if part is None:
            detail = f"Partition {partition} is not open on its worker."
            raise Problem(503, "partition_restoring", detail, headers={"Retry-After": "1"})
        parts[partition] = part
    return parts


async def _remote(request: web.Request, kind: type[T], owner: At, partitions: list[int]) -> dict[int, T]:
    told = {PARTITIONS: ",".join(map(str, partitions))}
    answer = await request.app[PEERS].ask(owner.url, request, await body_of(request), told)
    match answer:
        case NotSent(why) | NoAnswer(why):
            raise unreachable(partitions[0], why)
        case Answered(200, _, body):
            return _read(body, kind, partitions)
        case Answered(401):
            raise keys_differ(partitions[0])
        case Answered(status, headers):
            detail = f"The owner of partition {partitions[0]} answered {status}."
            retry = {"Retry-After": headers.get("Retry-After", "2")}
            raise Problem(429 if status == 429 else 503, "owner_cannot_answer", detail, headers=retry)
        case never:
            assert_never(never)


def _read(body: bytes, kind: type[T], partitions: list[int]) -> dict[int, T]:
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
        parts = msgspec.json.decode(envelope.data, type=dict[int, kind])
    except msgspec.MsgspecError as error:
        raise unreachable(partitions[0], f"its answer is not one: {error}") from None
    if sorted(parts) != partitions:
        raise unreachable(partitions[0], "it answered for other partitions")
    return parts


def _told(request: web.Request) -> list[int]:
    """Return the partitions that the asking worker named."""
    count, words = request.app[OWNERS].partitions, request.headers[PARTITIONS].split(",")
    numbers = {int(word) for word in words if word.isdecimal() and len(word) <= 5}
    if len(numbers) != len(words) or max(numbers) >= count:
        raise Problem(400, "invalid_header", f"{PARTITIONS} is partition numbers below {count} with commas between.")
    return sorted(numbers)
