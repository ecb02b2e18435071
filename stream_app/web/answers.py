"""What routes share: the ``{"data": ...}`` envelope and integers in the query."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from stream_app.web.problems import bad_parameter

_INTEGER = re.compile(r"0|[1-9][0-9]{0,8}")


def data(
    body: Any, *, status: int = 200, meta: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Answer with ``{"data": body}`` and, for lists, ``meta``."""
    envelope = {"data": body} if meta is None else {"data": body, "meta": meta}
    return web.Response(
        status=status, body=msgspec.json.encode(envelope), content_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )  # fmt: skip


def integer_parameter(request: web.Request, name: str, *, default: int, low: int, high: int) -> int:
    """Return an integer query parameter within its inclusive bounds."""
    text = request.query.get(name)
    if text is None:
        return default
    if not _INTEGER.fullmatch(text) or not low <= int(text) <= high:
        raise bad_parameter(name, f"a whole number from {low} to {high}")
    return int(text)
