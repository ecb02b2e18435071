"""``POST GET /scoring/rules`` and ``GET PUT DELETE /scoring/rules/{id}``: PushMail's rules, field by field.

Laws: PushMail's fields first, in its order; a PUT changes what it names and null clears; a key of some sites sees and
edits the rules of those sites only, others are not there for it; rules of profiles beside ``default`` are drafts.
Reads and edits ``config`` through `editing`.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from schemas.authored import RuleBody
from schemas.ids import rest_id
from schemas.rest_rules import RuleAnswer, RuleCreate, RuleUpdate
from stream_app.authoring.config_log import AuthoredKey, Body, Stored
from stream_app.authoring.edits import Create, Delete, Put, visible
from stream_app.web.answers import data, integer_parameter
from stream_app.web.authentication import PRINCIPAL, org_of
from stream_app.web.bodies import read_json
from stream_app.web.editing import answer, apply, config_of, mark_of
from stream_app.web.etags import etag, known_already, not_modified, wanted_versions
from stream_app.web.problems import Problem, bad_parameter
from stream_app.web.route import Parameter, Route

PAGE: Final = 100
FILTERS: Final = ("siteId", "profileId", "category")
CURSOR: Final = re.compile(r"[1-9][0-9]{0,9}")
FIRST: Final = (
    "id", "orgId", "siteId", "name", "eventType", "eventFilter", "points", "maxPerContact", "active", "createdAt",
    "updatedAt",
)  # fmt: skip
DEFAULTS: Final[Mapping[str, Any]] = {
    str(field.alias): field.default for field in RuleBody.model_fields.values() if not field.is_required()
}


async def post_rule(request: web.Request) -> web.Response:
    """Create a rule."""
    org_id, body = org_of(request), await read_json(request)
    edit = Create(kind="rule", org_id=org_id, fields=body, sites=_sites(request), mark=mark_of(request, body))
    done = await apply(request, edit)
    rule = rule_body(done.stored.body if done.stored else {})
    return await answer(request, done, rule, status=201, location=f"{request.path}/{done.key.id}")


async def get_rules(request: web.Request) -> web.Response:
    """Answer an org's rules in id order, filtered, a page at a time."""
    org_id, sites = org_of(request), _sites(request)
    limit = integer_parameter(request, "limit", default=PAGE, low=1, high=PAGE)
    after = request.query.get("cursor")
    if after is not None and not CURSOR.fullmatch(after):
        raise bad_parameter("cursor", "the nextCursor of an earlier answer")
    asked = {name: request.query[name] for name in FILTERS if name in request.query}
    bodies = [stored.body for stored in config_of(request).stored("rule", org_id).values()]
    found = [body for body in bodies if visible(body, sites) and _meets(body, asked)]
    rest = [body for body in found if after is None or body["id"] > int(after)]
    cursor = str(rest[limit - 1]["id"]) if len(rest) > limit else None
    return data([rule_body(body) for body in rest[:limit]], meta={"nextCursor": cursor, "total": len(found)})


async def get_rule(request: web.Request) -> web.Response:
    """Answer one rule."""
    stored = _found(request)
    if known_already(request, stored.version):
        return not_modified(stored.version)
    return data(rule_body(stored.body), headers={"ETag": etag(stored.version)})


async def put_rule(request: web.Request) -> web.Response:
    """Change what the body names."""
    key, body = _key(request), await read_json(request)
    edit = Put(key=key, fields=body, partial=True, versions=wanted_versions(request), sites=_sites(request))
    done = await apply(request, edit)
    return await answer(request, done, rule_body(done.stored.body if done.stored else {}))


async def delete_rule(request: web.Request) -> web.Response:
    """Delete a rule; log rows of it show ruleId null from now on."""
    edit = Delete(key=_key(request), versions=wanted_versions(request), sites=_sites(request))
    return await answer(request, await apply(request, edit), status=204)


def rule_body(body: Body) -> dict[str, Any]:
    """Return a rule as REST writes it.

    One of an earlier version gets the defaults of fields that it lacks; what nobody but a hand in ``config`` can have
    left out is null.
    """
    site = body.get("siteId")
    told = {
        **DEFAULTS,
        **body,
        "orgId": rest_id(body["orgId"]),
        "siteId": rest_id(site) if isinstance(site, str) else site,
    }
    return {**{name: told.get(name) for name in FIRST}, **told}


def _meets(body: Body, asked: Mapping[str, str]) -> bool:
    return all({**DEFAULTS, **body}.get(name) == value for name, value in asked.items())


def _sites(request: web.Request) -> frozenset[str] | None:
    return request[PRINCIPAL].sites


def _key(request: web.Request) -> AuthoredKey:
    return AuthoredKey("rule", org_of(request), request.match_info["id"])


def _found(request: web.Request) -> Stored:
    stored = config_of(request).find(_key(request))
    if stored is None or not visible(stored.body, _sites(request)):
        raise Problem(404, "rule_not_found", "There is no such rule.")
    return stored


ROUTES: Final = (
    Route(
        method="POST", path="/scoring/rules", handler=post_rule, scope="admin", owner="config", idempotent=True,
        body=RuleCreate, answer=RuleAnswer, statuses=(201, 202, 409, 422, 503), summary="Create a rule",
    ),
    Route(
        method="GET", path="/scoring/rules", handler=get_rules, scope="read", answer=RuleAnswer, many=True,
        statuses=(200, 503), summary="The rules of an org in the order of their ids",
        query=(
            Parameter("siteId", {"type": "string"}, "Only rules of this site."),
            Parameter("profileId", {"type": "string"}, "Only rules of this profile."),
            Parameter("category", {"type": "string"}, "Only rules of this category."),
            Parameter("limit", {"type": "integer", "minimum": 1, "maximum": PAGE, "default": PAGE}),
            Parameter("cursor", {"type": "string", "pattern": f"^{CURSOR.pattern}$"}, "The nextCursor before."),
        ),
    ),
    Route(
        method="GET", path="/scoring/rules/{id}", handler=get_rule, scope="read", answer=RuleAnswer,
        statuses=(200, 304, 404, 503), summary="One rule",
    ),
    Route(
        method="PUT", path="/scoring/rules/{id}", handler=put_rule, scope="admin", owner="config", body=RuleUpdate,
        answer=RuleAnswer, statuses=(200, 202, 404, 412, 503), summary="Change what the body names; null clears",
    ),
    Route(
        method="DELETE", path="/scoring/rules/{id}", handler=delete_rule, scope="admin", owner="config",
        statuses=(204, 202, 404, 412, 503), summary="Delete a rule",
    ),
)  # fmt: skip
