"""Profiles as REST writes them.

Laws: ids as REST writes ids; rules as `rules.rule_body`; a list leaves them out; ``sites`` are those of a key, which
sees the rules of no other (None: all).
"""

from collections.abc import Mapping
from typing import Any, Final

from schemas.ids import rest_id
from stream_app.authoring.edits import Sites, visible
from stream_app.web.rules import rule_body

WHOLE: Final = ("draft", "published")


def profile_body(shown: Mapping[str, Any], sites: Sites | None) -> dict[str, Any]:
    """Return a profile that is shown."""
    return {**shown, "orgId": rest_id(shown["orgId"]), **{name: _whole(shown[name], sites) for name in WHOLE}}


def listed_body(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return a profile of a list."""
    return {**shown, "orgId": rest_id(shown["orgId"]), **{name: _unruled(shown[name]) for name in WHOLE}}


def version_body(told: Mapping[str, Any], sites: Sites | None) -> dict[str, Any]:
    """Return a publish."""
    return {**told, "body": _whole(told["body"], sites)}


def _whole(body: Mapping[str, Any] | None, sites: Sites | None) -> dict[str, Any] | None:
    if body is None:
        return None
    return {**body, "rules": [rule_body(rule) for rule in body["rules"] if visible(rule, sites)]}


def _unruled(body: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if body is None else {name: value for name, value in body.items() if name != "rules"}
