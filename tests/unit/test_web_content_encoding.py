"""Bodies that are packed: whole they are taken, anything else is a 400 as every other, and nobody waits for it."""

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from stream_app.web.authentication import MAX_BODY_BYTES
from tests.unit.web_client import Client, serving
from tests.unit.web_fakes import World, bearer

LOOKUP = "/v1/scores/lookup"
GOOD = json.dumps({"contactIds": ["42"]}).encode()


def raw(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


PACKED = {"gzip": gzip.compress(GOOD, mtime=0), "deflate": zlib.compress(GOOD)}


async def answer(client: Client, body: bytes, encoding: str) -> tuple[int, str]:
    headers = bearer(**{"Content-Type": "application/json", "Content-Encoding": encoding})
    async with asyncio.timeout(10), client.post(LOOKUP, data=body, headers=headers) as said:
        assert said.content_type == ("application/json" if said.status == 200 else "application/problem+json")
        return said.status, (await said.json()).get("code", "")


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        *PACKED.items(), ("GZIP", PACKED["gzip"]), ("x-gzip", PACKED["gzip"]), ("deflate", raw(GOOD)),
        ("gzip", gzip.compress(GOOD[:5]) + gzip.compress(GOOD[5:])), ("identity", GOOD), ("", GOOD),
    ],
)  # fmt: skip
async def test_a_whole_body_is_taken(encoding: str, body: bytes) -> None:
    async with serving(World()) as client:
        assert await answer(client, body, encoding) == (200, "")


@pytest.mark.parametrize("encoding", PACKED)
async def test_a_body_that_ends_early_goes_on_or_is_something_else_is_unreadable(encoding: str) -> None:
    whole = PACKED[encoding]
    others = [whole[:end] for end in range(1, len(whole))]
    others += [whole + b"x", whole + bytes(8), GOOD, b"\x00", PACKED["deflate" if encoding == "gzip" else "gzip"]]
    async with serving(World()) as client:
        for body in others:
            assert await answer(client, body, encoding) == (400, "unreadable_body"), body
        assert await answer(client, b"", encoding) == (400, "invalid_json")
        assert await answer(client, whole, encoding) == (200, "")  # the connection is as good as before


async def test_a_deflate_body_that_ends_early_in_its_last_packet_is_answered() -> None:
    """aiohttp would tell nobody: the handler waited until the client gave up."""
    cut = PACKED["deflate"][:-1]
    async with serving(World()) as client:
        reader, writer = await asyncio.open_connection(client.host, client.port)
        lines = {
            "Host": "127.0.0.1", "Content-Type": "application/json", "Content-Encoding": "deflate",
            "Content-Length": str(len(cut)), **bearer(),
        }  # fmt: skip
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write(f"POST {LOOKUP} HTTP/1.1\r\n{head}\r\n".encode())
        await writer.drain()
        async with asyncio.timeout(10):
            for byte in cut:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0)
            said = await reader.readuntil(b"unreadable_body")
        assert said.startswith(b"HTTP/1.1 400 ") and b"application/problem+json" in said
        writer.close()


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "deflate, gzip", "nonsense"])
async def test_another_encoding_is_refused_with_those_that_are_taken(encoding: str) -> None:
    async with serving(World()) as client:
        headers = bearer(**{"Content-Type": "application/json", "Content-Encoding": encoding})
        async with client.post(LOOKUP, data=PACKED["gzip"], headers=headers) as said:
            assert (said.status, (await said.json())["code"]) == (415, "unsupported_content_encoding")
            assert said.headers["Accept-Encoding"] == "gzip, deflate"


async def test_the_cost_of_a_body_of_many_members_grows_with_its_length_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """1 MiB of empty members held up the worker for seconds: all that was left was looked at for each."""
    looked, opened, empty = list[int](), zlib.decompressobj, gzip.compress(b"", mtime=0)

    class Looking:
        def __init__(self, bits: int) -> None:
            self._stream = opened(bits)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._stream, name)

        def decompress(self, packed: bytes, limit: int) -> bytes:
            looked.append(len(packed))
            return self._stream.decompress(packed, limit)

    monkeypatch.setattr(zlib, "decompressobj", Looking)
    members = 10_000
    async with serving(World()) as client:
        assert await answer(client, empty * members + PACKED["gzip"], "gzip") == (200, "")
    assert members < len(looked) and sum(looked) < members * 10_000


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, raw])
async def test_a_body_may_have_1_mib_unpacked_and_no_more(pack: Callable[[bytes], bytes]) -> None:
    encoding = "gzip" if pack is gzip.compress else "deflate"
    room = MAX_BODY_BYTES - len(GOOD)
    async with serving(World()) as client:
        assert await answer(client, pack(GOOD + b" " * room), encoding) == (200, "")
        assert await answer(client, pack(GOOD + b" " * (room + 1)), encoding) == (413, "body_too_large")
        assert await answer(client, pack(bytes(64 * MAX_BODY_BYTES)), encoding) == (413, "body_too_large")
