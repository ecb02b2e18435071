"""Reads the JSON body of a request into a model.

Laws: RFC 8259 only (UTF-8, no NaN, no half of a surrogate pair), at most 32 levels deep; what is wrong is a 400 that
names each field by JSON pointer; an unknown field is an error, as for every author.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from stream_app.authoring.problems import EXPLAINED, pointer
from stream_app.web.content_encoding import body_of
from stream_app.web.problems import FieldError, Problem

Model = TypeVar("Model", bound=BaseModel)

MAX_DEPTH: Final = 32
_HALF_PAIR: Final = re.compile(rb"\\u[dD][89a-fA-F]")  # or a whole one
CODES: Final = {"extra_forbidden": "unknown_field", "missing": "missing_field", "json_invalid": "invalid_json"}


async def read_json(request: web.Request) -> Any:
    """Return the body as JSON; Problem 400, 413 or 415."""
    if request.content_type != "application/json":
        raise Problem(415, "unsupported_media_type", "Send the body as application/json.")
    received = await body_of(request)
    try:
        value = json.loads(received.decode(), parse_constant=_refuse)
        if _HALF_PAIR.search(received):
            json.dumps(value, ensure_ascii=False).encode()  # what cannot be said in UTF-8 could not be answered either
    except (ValueError, RecursionError):
        raise Problem(400, "invalid_json", "The body is not JSON.") from None
    if _deeper(value, MAX_DEPTH):
        raise Problem(400, "too_deep", f"JSON may be nested {MAX_DEPTH} levels deep.")
    return value


async def read_body(request: web.Request, model: type[Model]) -> Model:
    """Return the body as a model; Problem 400, 413 or 415."""
    return fitted(await read_json(request), model)


def fitted(value: Any, model: type[Model], at: str = "") -> Model:
    """Return a JSON value as a model; Problem 400 whose pointers begin with ``at``."""
    try:
        return model.model_validate(value, by_alias=True, by_name=False)
    except ValidationError as error:
        raise invalid(field_errors(error, value, at)) from None


def field_errors(error: ValidationError, value: Any, at: str = "") -> list[FieldError]:
    """Return what pydantic found in a value, the first EXPLAINED places, each once, as JSON pointers."""
    told: dict[str, FieldError] = {}
    for one in error.errors(include_url=False, include_input=False, include_context=False):
        place = at + pointer(*_walked(one["loc"], value, missing=one["type"] == "missing"))
        earlier = told.get(place)
        if earlier is None and len(told) == EXPLAINED:
            break
        message = one["msg"] if earlier is None else f"{earlier.message}, or: {one['msg']}"
        told[place] = FieldError(place, _code(one["type"]), message)
    return list(told.values())


def _walked(steps: Sequence[Any], value: Any, *, missing: bool) -> Iterator[int | str]:
    """Yield the steps that lead on in a value, and to what is missing; pydantic names branches of unions among them."""
    for number, step in enumerate(steps, 1):
        if isinstance(step, int) if isinstance(value, list) else isinstance(value, dict) and step in value:
            yield step
            value = value[step]  # pyright: ignore[reportUnknownVariableType] JSON
        elif missing and number == len(steps):
            yield step


def invalid(errors: list[FieldError]) -> Problem:
    """Return the 400 that names fields."""
    first = errors[0]
    where = first.pointer or "The body"
    return Problem(400, "invalid_body", f"{where}: {first.message}", errors=errors)


def _code(kind: str) -> str:
    return CODES.get(kind, "invalid_value")


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _deeper(value: Any, levels: int) -> bool:
    """Tell whether a value is nested more than so many levels."""
    level = [value]
    while level:
        if levels == 0:
            return True
        levels -= 1
        inner: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                inner += one.values()  # pyright: ignore[reportUnknownMemberType,reportUnknownArgumentType] JSON
            elif isinstance(one, list):
                inner += one  # pyright: ignore[reportUnknownArgumentType] JSON
        level = [one for one in inner if isinstance(one, dict | list)]  # pyright: ignore[reportUnknownVariableType] JSON
    return False
