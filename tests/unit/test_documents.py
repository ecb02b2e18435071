"""The OpenAPI document: valid, whole, the same as the file; the page of it holds no script."""

import json
import re
from dataclasses import replace
from typing import Any

from openapi_spec_validator import validate

from stream_app.operations.schemas_commands import GENERATED
from stream_app.web import probes
from stream_app.web.docs_page import docs_page
from stream_app.web.openapi import address, openapi, statuses
from stream_app.web.page_files import POLICY
from stream_app.web.route import PREFIXES, ROUTE_TABLE
from stream_app.web.routes import ROUTES
from tests.unit.web_client import serving
from tests.unit.web_fakes import World

DOCUMENT = openapi(ROUTES)
OPERATIONS: dict[tuple[str, str], Any] = {
    (method.upper(), path): operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
PAGE = {"/", "/page/{name}"}


def test_the_document_is_openapi_3_1() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    validate(DOCUMENT)


def test_every_registered_route_is_documented_and_nothing_else() -> None:
    registered = {
        (method, re.sub(f"^{PREFIXES[1]}/", f"{PREFIXES[0]}/", resource.canonical))
        for resource in World().app.router.resources()
        for method in (route.method for route in resource)
        if resource.canonical not in PAGE
    }
    assert registered == set(OPERATIONS)


def test_every_resource_has_both_prefixes() -> None:
    for route in World().app[ROUTE_TABLE].routes:
        expected = (route.path,) if route.at_root else tuple(f"{prefix}{route.path}" for prefix in PREFIXES)
        assert route.addresses() == expected


def test_operations_say_key_statuses_and_parameters() -> None:
    for route in ROUTES:
        operation = OPERATIONS[route.method, address(route)]
        assert operation["security"] == ([] if route.scope == "open" else [{"key": []}])
        assert [int(status) for status in operation["responses"]] == statuses(route)
        assert set(route.statuses) <= set(statuses(route))
        asked = [(one["name"], one["in"]) for one in operation["parameters"]]
        assert len(asked) == len(set(asked))
        assert {name for name, place in asked if place == "path"} == set(re.findall(r"\{(\w+)\}", route.path))
        assert ("requestBody" in operation) == (route.body is not None or route.media != ())
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(names) == len(set(names))


def test_conditions_and_repeats_are_headers_where_a_route_takes_them() -> None:
    base = replace(ROUTES[0], statuses=(200,), idempotent=False)
    for changed, header in (
        (replace(base, statuses=(200, 412)), "If-Match"),
        (replace(base, statuses=(200, 304)), "If-None-Match"),
        (replace(base, idempotent=True), "Idempotency-Key"),
    ):
        [operation] = openapi([changed])["paths"][address(changed)].values()
        [plain] = openapi([base])["paths"][address(base)].values()
        assert header in [one["name"] for one in operation["parameters"]]
        assert header not in [one["name"] for one in plain["parameters"]]


def test_the_file_is_what_the_routes_say() -> None:
    assert json.loads((GENERATED / "openapi.json").read_bytes()) == DOCUMENT


async def test_both_documents_are_open_and_hold_no_script() -> None:
    async with serving(World()) as client:
        answer = await client.get("/openapi.json")
        assert (answer.status, answer.content_type) == (200, "application/json")
        assert await answer.json() == DOCUMENT
        page = await client.get("/docs")
        text = await page.text()
    assert (page.status, page.content_type, page.headers["Content-Security-Policy"]) == (200, "text/html", POLICY)
    assert "<script" not in text and "http://" not in text and "https://" not in text
    for method, path in OPERATIONS:
        assert f"{method} {path}" in text


def test_the_page_escapes_what_it_shows() -> None:
    evil = replace(probes.ROUTES[0], summary="<script>alert(1)</script>")
    assert "<script" not in docs_page(openapi([evil]))
