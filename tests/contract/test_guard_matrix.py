"""Every route with every kind of key: the exact status of each, over the real handlers and the real engine.

A row is a request; a column is whose key it carries. Every key of an org is of scope admin unless its name says less;
`sites` has the sites ["9"] of org 1, and what exists belongs to org 1, its rule to site 1, its profile to all sites;
`org 2` asks for its own org, and `as org 1` is the same key with ?orgId=1. A route without a row fails, so a new one is
added here on purpose.
"""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from stream_app.web.openapi import statuses
from stream_app.web.route import PREFIXES, ROUTE_TABLE, Route
from tests.contract.guarded_world import KEYS, RULE, guarded_world
from tests.unit.web_client import serving
from tests.unit.web_fakes import World

NOBODY: Final = ("no key", "garbage", "expired", "revoked")
COLUMNS: Final = ("read", "write", "admin", "sites", "org 2", "as org 1", "root")

#  request                                     read write admin sites org 2 as org 1 root
TABLE: Final = """
POST   /keys                                    403  403   403   403   403   403     201
GET    /keys                                    403  403   403   403   403   403     200
DELETE /keys/{id}                               403  403   403   403   403   403     204
GET    /contacts                                200  200   200   200   200   403     200
GET    /contacts/{id}                           200  200   200   200   404   403     200
DELETE /contacts/{id}                           403  204   204   204   404   403     204
PUT    /contacts/{id}/attributes                403  200   200   200   200   403     200
POST   /contacts/{id}/tags                      403  201   201   201   201   403     201
DELETE /contacts/{id}/tags/{tag}                403  204   204   204   404   403     204
GET    /contacts/{id}/score                     200  200   200   200   404   403     200
POST   /contacts/{id}/score                     403  200   200   200   200   403     200
POST   /scores/lookup                           200  200   200   200   200   403     200
GET    /commands/{id}                           200  200   200   200   200   403     200
POST   /events                                  403  202   202   403   202   403     202
POST   /imports                                 403  202   202   202   202   403     202
POST   /scoring/rules                           403  403   201   403   201   403     201
GET    /scoring/rules                           200  200   200   200   200   403     200
GET    /scoring/rules/{id}                      200  200   200   404   404   403     200
PUT    /scoring/rules/{id}                      403  403   200   404   404   403     200
DELETE /scoring/rules/{id}                      403  403   204   404   404   403     204
GET    /scoring/profiles                        200  200   200   200   200   403     200
POST   /scoring/profiles                        403  403   201   403   201   403     201
GET    /scoring/profiles/{id}                   200  200   200   200   404   403     200
PUT    /scoring/profiles/{id}                   403  403   200   403   404   403     200
DELETE /scoring/profiles/{id}                   403  403   204   403   404   403     204
POST   /scoring/profiles/{id}/publish           403  403   200   403   404   403     200
POST   /scoring/profiles/{id}/unpublish         403  403   200   403   404   403     200
POST   /scoring/profiles/{id}/discard           403  403   200   403   404   403     200
POST   /scoring/profiles/{id}/rollback          403  403   200   403   404   403     200
GET    /scoring/profiles/{id}/versions          200  200   200   200   404   403     200
GET    /scoring/fires                           200  200   200   200   200   403     200
GET    /whoami                                  200  200   200   200   200   403     200
GET    /stream                                  200  200   200   200   200   403     200
GET    /accounting                              200  200   200   200   200   200     200
GET    /metrics                                 200  200   200   200   200   200     200
"""
OPEN: Final = {"/", "/page/{name}", "/live", "/ready", "/openapi.json", "/docs"}
NAMES: Final = {"/keys/{id}": "demo", "/scoring/rules/{id}": "1", "/commands/{id}": "c-1"}
QUERIES: Final = {"/commands/{id}": {"contactId": "42"}}
BODIES: Final[Mapping[tuple[str, str], Any]] = {
    ("POST", "/keys"): {"orgId": "1", "scope": "read"},
    ("PUT", "/contacts/{id}/attributes"): {"attributes": {"plan": "pro"}},
    ("POST", "/contacts/{id}/tags"): {"tag": "new"},
    ("POST", "/contacts/{id}/score"): {"points": 5},
    ("POST", "/scores/lookup"): {"contactIds": ["42"]},
    ("POST", "/events"): {"contactId": "42", "type": "email_open", "siteId": "1"},
    ("POST", "/imports"): b"contactId,score\n42,7\n",
    ("POST", "/scoring/rules"): RULE,
    ("PUT", "/scoring/rules/{id}"): {"points": 6},
    ("POST", "/scoring/profiles"): {"name": "Engaged"},
    ("PUT", "/scoring/profiles/{id}"): {"thresholds": [50]},
    ("POST", "/scoring/profiles/{id}/rollback"): {"version": 1},
}


def rows() -> dict[tuple[str, str], dict[str, int]]:
    """Return the table: the expected status of each column, by method and path."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for line in TABLE.strip().splitlines():
        method, path, *expected = line.split()
        nobody = dict.fromkeys(NOBODY, 401)
        found[method, path] = {**nobody, **dict(zip(COLUMNS, map(int, expected), strict=True))}
    return found


ROWS: Final = rows()


async def ask(route: Route, prefix: str, who: str) -> int:
    """Send a row's request with a column's key to a world of its own; the status."""
    made = await guarded_world()
    known = "fit" if route.path.startswith("/scoring/profiles/") else NAMES.get(route.path, "42")
    path = route.path.replace("{id}", known).replace("{tag}", "vip")
    query = {**QUERIES.get(route.path, {}), **({"orgId": "1"} if who in ("as org 1", "root") else {})}
    key = KEYS[who]
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    body = BODIES.get((route.method, route.path))
    sent: dict[str, Any] = {"data": body} if isinstance(body, bytes) else {"json": body}
    if isinstance(body, bytes):
        headers["Content-Type"] = "text/csv"
    async with (
        serving(made) as client,
        client.request(route.method, prefix + path, params=query, headers=headers, **sent) as answer,
    ):
        return answer.status


def routes() -> list[Route]:
    return [route for route in World().app[ROUTE_TABLE].routes if route.scope != "open"]


def test_every_route_has_a_row_and_only_probes_documents_and_page_are_open() -> None:
    table = World().app[ROUTE_TABLE].routes
    assert {(route.method, route.path) for route in table if route.scope != "open"} == set(ROWS)
    assert {route.path for route in table if route.scope == "open"} == OPEN


@pytest.mark.parametrize("route", routes(), ids=lambda route: f"{route.method} {route.path}")
async def test_exact_status_for_every_kind_of_key(route: Route) -> None:
    expected = ROWS[route.method, route.path]
    prefixes = [""] if route.at_root else PREFIXES
    assert {who: await ask(route, prefixes[0], who) for who in expected} == expected
    for prefix in prefixes[1:]:
        assert await ask(route, prefix, "read") == expected["read"]
        assert await ask(route, prefix, "garbage") == 401
    assert set(expected.values()) <= set(statuses(route))
