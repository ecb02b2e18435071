"""The OpenAPI document of a table of routes, from the table and the models it names; pure.

Laws: nothing about a route is said here; every route is in the document once, under ``/v1``, with the statuses that it
can answer; the same table gives the same document, which is kept in ``schemas/generated``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from schemas.ids import ORG_PATTERN
from stream_app.authoring.problems import EXPLAINED
from stream_app.web.route import PREFIXES, Route

JSON: Final = "application/json"
PROBLEM: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
SCHEMES: Final = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key, `ls_<id>_<secret>`, or the root key."}
}
ABOUT: Final = (
    "Lead scores from engagement events, each applied exactly once. Every address under /v1 is also served under "
    "/api/v1. A key of scope write may read, one of scope admin may write. The root key passes everywhere and names "
    "the org by ?orgId=."
)
FIELD_ERROR: Final = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("pointer", "code", "message")},
    "required": ["pointer", "code", "message"],
}
PROBLEM_SCHEMA: Final = {
    "type": "object",
    "description": "RFC 9457.",
    "properties": {
        "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
        "detail": {"type": "string"}, "instance": {"type": "string"}, "code": {"type": "string"},
        "errors": {"type": "array", "items": FIELD_ERROR, "maxItems": EXPLAINED}, "requestId": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail", "instance", "code", "errors", "requestId"],
}  # fmt: skip
META: Final = {
    "type": "object",
    "properties": {"nextCursor": {"type": ["string", "null"]}, "total": {"type": "integer"}},
}
ORG: Final = {
    "name": "orgId", "in": "query", "required": False, "schema": {"type": "string", "pattern": ORG_PATTERN},
    "description": "The org that the root key asks for; any other key's own.",
}  # fmt: skip
IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key", "in": "header", "required": False,
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"}, "description": "A repeat gets the first answer.",
}  # fmt: skip
CONDITIONS: Final = {412: ("If-Match", "Only if it still has this ETag."), 304: ("If-None-Match", "Unless it has it.")}
TEXT: Final = {"type": "string"}
FORM: Final = {
    "type": "object", "properties": {"file": {"type": "string", "format": "binary"}}, "required": ["file"],
    "additionalProperties": False,
}  # fmt: skip
PATH_ID: Final = {"type": "string", "minLength": 1, "maxLength": 128}


def openapi(routes: Iterable[Route]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of routes."""
    routes = tuple(routes)
    schemas = _Schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in sorted(routes, key=address):
        paths.setdefault(address(route), {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "leadstream", "version": "1", "description": ABOUT},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas.definitions, "securitySchemes": SCHEMES},
    }


def address(route: Route) -> str:
    """Return the address under which a route is documented."""
    return route.path if route.at_root else PREFIXES[0] + route.path


class _Schemas:
    """The models of all routes: bodies as they are read, answers as they are written."""

    def __init__(self, routes: Iterable[Route]) -> None:
        bodies = [(route.body, "validation") for route in routes if route.body]
        answers = [(route.answer, "serialization") for route in routes if route.answer]
        told = list(dict.fromkeys([*bodies, *answers]))
        self._refs, made = models_json_schema(told, ref_template="#/components/schemas/{model}")  # pyright: ignore[reportArgumentType] - the modes are literals
        self.definitions = dict(sorted({**made.get("$defs", {}), "Problem": PROBLEM_SCHEMA}.items()))

    def read(self, model: type[BaseModel]) -> Mapping[str, Any]:
        """Return the schema of a body."""
        return self._refs[model, "validation"]

    def written(self, model: type[BaseModel] | None) -> Mapping[str, Any]:
        """Return the schema of what stands in ``data``."""
        return {} if model is None else self._refs[model, "serialization"]


def _operation(route: Route, schemas: _Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _name(route),
        "tags": [address(route).removeprefix(PREFIXES[0]).split("/")[1]],
        "summary": route.summary,
        "description": _needs(route),
        "security": [] if route.scope == "open" else [{"key": []}],
        "parameters": list(_parameters(route)),
        "responses": {str(status): _response(route, status, schemas) for status in statuses(route)},
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": schemas.read(route.body)}}}
    if route.media:
        content = {media: {"schema": FORM if media.startswith("multipart/") else TEXT} for media in route.media}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _name(route: Route) -> str:
    words = re.findall(r"[A-Za-z]+", address(route).removeprefix(PREFIXES[0]))
    return route.method.lower() + "".join(word[0].upper() + word[1:] for word in words)


def _needs(route: Route) -> str:
    match route.scope:
        case "open":
            return "Needs no key."
        case "root":
            return "Needs the root key."
        case scope:
            return f"Needs a key of scope {scope}."


def _parameters(route: Route) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", route.path):
        yield {"name": name, "in": "path", "required": True, "schema": PATH_ID}
    for one in route.query:
        yield {"name": one.name, "in": "query", "schema": dict(one.schema), "description": one.description}
    if route.scope != "open" and not route.at_root:
        yield ORG
    if route.idempotent:
        yield IDEMPOTENCY_KEY
    for status, (name, description) in CONDITIONS.items():
        if status in route.statuses:
            yield {"name": name, "in": "header", "schema": {"type": "string"}, "description": description}


def statuses(route: Route) -> list[int]:
    """Return every status that a route can answer, those of the guard and of the road among them."""
    found = {*route.statuses, 413, 421, 431}
    if route.scope != "open":
        found |= {400, 401, 403, 429, 503}
    if "{" in route.path:
        found |= {404}
    if route.body is not None or route.media:
        found |= {415}
    return sorted(found)


def _response(route: Route, status: int, schemas: _Schemas) -> dict[str, Any]:
    response: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if status in (429, 503):
        response["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    if status >= 400:
        response["content"] = PROBLEM
    elif status not in (204, 304):
        response["content"] = _content(route, status, schemas)
    return response


def _content(route: Route, status: int, schemas: _Schemas) -> dict[str, Any]:
    if route.produces != JSON:
        return {route.produces: {"schema": {"type": "string"}}}
    if route.bare:
        return {JSON: {"schema": {"type": "object"}}}
    one = schemas.written(route.answer if status == route.statuses[0] else None)
    properties = {"data": {"type": "array", "items": one}, "meta": META} if route.many else {"data": one}
    return {JSON: {"schema": {"type": "object", "properties": properties, "required": list(properties)}}}
