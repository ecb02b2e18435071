"""What a put or an edit changes, before anything is written: records of ``config``, and what is wrong.

Laws: a plan with an error is not written; what stays as it is becomes no record.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, cast

from stream_app.authoring.config_log import AuthoredKey, Body
from stream_app.authoring.problems import Problem

MAX_BODY_BYTES: Final = 262_144
STORED: Final = ("id", "orgId", "createdAt", "updatedAt")  # what leadstream adds; taken back as it was given out

Action = Literal["add", "replace", "keep", "delete"]


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one object; ``value`` is the record's: None deletes."""

    action: Action
    key: AuthoredKey
    name: str
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Plan:
    """All changes of one put in the order of the list, deletions last, rules before their profile."""

    changes: tuple[Change, ...]
    problems: tuple[Problem, ...]

    @property
    def refused(self) -> bool:
        """Whether some problem is an error."""
        return any(problem.severity == "error" for problem in self.problems)

    @property
    def written(self) -> tuple[Change, ...]:
        """The changes that become records."""
        return tuple(change for change in self.changes if change.action != "keep")


def fields_of(item: object) -> dict[str, Any]:
    """Return the fields of an object, none of what is no object."""
    return cast(dict[str, Any], item) if isinstance(item, dict) else {}


def placed(place: str, problems: Iterable[Problem]) -> list[Problem]:
    """Return problems of an item as those of what holds it at a place."""
    return [replace(problem, pointer=place + problem.pointer) for problem in problems]


def foreign(fields: Mapping[str, Any], org_id: str) -> list[Problem]:
    """Return what is wrong with the org that an item names, if anything."""
    if str(fields.get("orgId", org_id)) == org_id:
        return []
    return [Problem("/orgId", "other_org", f"belongs to org {fields['orgId']}, not {org_id}")]


def given_id(fields: Mapping[str, Any]) -> str | Problem | None:
    """Return the id that an item has as text, None when it has none."""
    given = fields.get("id")
    if isinstance(given, bool) or not (given is None or isinstance(given, int | str)):
        return Problem("/id", "wrong_form", "an id is an integer or text")
    return None if given is None else str(given)


def encode(body: Body) -> bytes:
    """Return an object as its record holds it."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
