"""The rules that count in what is published of profiles: those that no other has taken since (S31).

Laws: as scoring.claims, over bodies as ``config`` keeps them; what is no rule is nobody's and stays.
Source: decision 0012.
"""

from collections import defaultdict
from collections.abc import Container, Mapping
from typing import Any, cast

from stream_app.scoring.claims import Claims

Body = Mapping[str, Any]


class PublishedRules:
    """Whose they are, of all orgs, while records are read."""

    def __init__(self) -> None:
        self._claims: defaultdict[str, Claims] = defaultdict(Claims)

    def default_writes(self, org_id: str, rule_id: int) -> list[str]:
        """Note a record of a rule of ``default``; return the profiles that may have lost it."""
        return self._claims[org_id].default_writes(rule_id)

    def publish(self, org_id: str, profile_id: str, body: Body, of_default: Container[int]) -> list[str]:
        """Note a record of another profile, an empty one of its end; return the others that may have lost rules by it.

        ``of_default`` has the ids of the rules that ``default`` has.
        """
        claims, version = self._claims[org_id], body.get("version")
        if not isinstance(body.get("published"), dict):
            claims.unpublish(profile_id)
            return []
        number = version if isinstance(version, int) else 0
        return claims.publish(profile_id, number, published_ids(body), of_default)

    def claimed(self, org_id: str, profile_id: str, body: Body) -> Body:
        """Return the body of a profile with the published rules that count in it, the same where all do."""
        rules, claims = _rules(body), self._claims[org_id]
        kept = [rule for rule in rules if (one := _id(rule)) is None or claims.has(profile_id, one)]
        return body if len(kept) == len(rules) else {**body, "published": {**body["published"], "rules": kept}}


def published_ids(body: Body) -> list[int]:
    """Return the ids of the rules that are published of a profile."""
    return [one for one in map(_id, _rules(body)) if one is not None]


def _rules(body: Body) -> list[Any]:
    published = body.get("published")
    rules = cast(Body, published).get("rules") if isinstance(published, dict) else None
    return cast("list[Any]", rules) if isinstance(rules, list) else []


def _id(rule: Any) -> int | None:
    one: Any = cast(Body, rule).get("id") if isinstance(rule, dict) else None
    return one if type(one) is int else None
