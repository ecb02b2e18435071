"""Profiles as REST writes them.

Laws: ids as REST writes ids; rules as `rules.rule_body`; a list leaves them out.
"""

from collections.abc import Mapping
from typing import Any, Final

from schemas.ids import rest_id
from stream_app.web.rules import rule_body

WHOLE: Final = ("draft", "published")


def profile_body(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return a profile that is shown."""
    return {**shown, "orgId": rest_id(shown["orgId"]), **{name: _whole(shown[name]) for name in WHOLE}}


def listed_body(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return a profile of a list."""
    return {**shown, "orgId": rest_id(shown["orgId"]), **{name: _unruled(shown[name]) for name in WHOLE}}


def version_body(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return a publish."""
    return {**told, "body": _whole(told["body"])}


def _whole(body: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if body is None else {**body, "rules": [rule_body(rule) for rule in body["rules"]]}


def _unruled(body: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if body is None else {name: value for name, value in body.items() if name != "rules"}
