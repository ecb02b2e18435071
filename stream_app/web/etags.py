"""ETags of authored objects: the rulebook version that an object's newest record gave.

Laws: strong; ``If-Match: *`` holds for whatever exists; a header that cannot be read holds for nothing.
Source: RFC 9110 sections 8.8.3 and 13.1, decision 0006.
"""

import re
from collections.abc import Iterable
from typing import Final

from aiohttp import ETag, web

ANY: Final = "*"
_VERSION: Final = re.compile(r"0|[1-9][0-9]{0,17}")


def etag(version: int) -> str:
    """Return the ETag of an object of a version."""
    return f'"{version}"'


def wanted_versions(request: web.Request) -> frozenset[int] | None:
    """Return the versions that If-Match lets through; None is any."""
    if request.headers.get("If-Match", ANY).strip() == ANY:
        return None
    return _versions(tag for tag in request.if_match or () if not tag.is_weak)


def known_already(request: web.Request, version: int) -> bool:
    """Tell whether If-None-Match names what would be answered, so that a 304 will do."""
    header = request.headers.get("If-None-Match")
    return header is not None and (header.strip() == ANY or version in _versions(request.if_none_match or ()))


def not_modified(version: int) -> web.Response:
    """Answer 304."""
    return web.Response(status=304, headers={"ETag": etag(version), "Cache-Control": "no-store"})


def _versions(tags: Iterable[ETag]) -> frozenset[int]:
    return frozenset(int(tag.value) for tag in tags if _VERSION.fullmatch(tag.value))
