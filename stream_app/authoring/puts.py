"""Plan what putting a list of objects changes, before anything is written.

Laws: an item with an id replaces that object, one without is added; an id that was deleted is never given again; an
equal body changes nothing; ``prune`` deletes what the list lacks, but never the profile ``default``.  Pure: the same
log, list and time give the same plan.  Source: contract section 4, semantics S12, S30.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, cast

from schemas.authored import DEFAULT_PROFILE, Profile, ProfileBody, Rule, RuleBody
from stream_app.authoring.config_log import AuthoredKey, Body, ConfigLog, Kind, decode_key
from stream_app.authoring.lint import Linted, Problem, lint_profile, lint_rule, pointer
from stream_app.authoring.put_warnings import put_warnings

MAX_BODY_BYTES: Final = 262_144
MAX_RULES_PER_ORG: Final = 500
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
    """All changes of one put in the order of the list, deletions last; not to be written when a problem is an error."""

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


def plan_put(kind: Kind, log: ConfigLog, org_id: str, items: Sequence[object], at: str, *, prune: bool = False) -> Plan:
    """Return the plan for an org; ``at`` is the time in output form; pointers begin with the item's index."""
    putting = _Putting(kind, log, org_id, at)
    for index, item in enumerate(items):
        putting.take(index, item)
    if prune:
        putting.prune()
    putting.limit()
    putting.problems += put_warnings(putting.put, log, at)
    return Plan(tuple(putting.changes.values()), tuple(putting.problems))


def lint_items(kind: Kind, items: Sequence[object]) -> tuple[Problem, ...]:
    """Judge a list without knowing what exists; pointers begin with the item's index."""
    return tuple(problem for index, item in enumerate(items) for problem in _placed(index, _lint(kind, item).problems))


def _lint(kind: Kind, item: object) -> Linted[RuleBody] | Linted[ProfileBody]:
    fields = _fields(item)
    body = {name: value for name, value in fields.items() if name not in STORED} if fields else item
    return lint_rule(body) if kind == "rule" else lint_profile(body)


def _fields(item: object) -> dict[str, Any]:
    return cast(dict[str, Any], item) if isinstance(item, dict) else {}


def _placed(index: int, problems: Iterable[Problem]) -> list[Problem]:
    return [replace(problem, pointer=pointer(index) + problem.pointer) for problem in problems]


class _Putting:
    """One put under way."""

    def __init__(self, kind: Kind, log: ConfigLog, org_id: str, at: str) -> None:
        self.changes: dict[AuthoredKey, Change] = {}
        self.problems: list[Problem] = []
        self.put: dict[AuthoredKey, tuple[str, RuleBody | ProfileBody]] = {}
        self._kind: Kind = kind
        self._log, self._org_id, self._at = log, org_id, at
        self._live = log.objects(kind, org_id)
        self._profiles = {DEFAULT_PROFILE, *log.objects("profile", org_id)}
        self._highest = log.highest_rule_id(org_id)

    def take(self, index: int, item: object) -> None:
        """Plan one item, or note why not."""
        fields = _fields(item)
        linted = _lint(self._kind, item)
        found = [*linted.problems, *self._foreign(fields)]
        key = None if linted.body is None else self._key(fields, linted.body, found)
        self.problems += _placed(index, found)
        if key is not None and linted.body is not None and not any(problem.severity == "error" for problem in found):
            self._plan(index, key, linted.body)

    def limit(self) -> None:
        """Refuse more rules than an org may have."""
        deleted = sum(change.action == "delete" for change in self.changes.values())
        added = sum(change.action == "add" for change in self.changes.values())
        if self._kind == "rule" and len(self._live) + added - deleted > MAX_RULES_PER_ORG:
            self.problems.append(Problem("", "too_many_rules", f"an org has at most {MAX_RULES_PER_ORG} rules"))

    def prune(self) -> None:
        """Plan the deletion of what the list lacks."""
        for object_id, body in self._live.items():
            key = AuthoredKey(self._kind, self._org_id, object_id)
            if key in self.changes or (self._kind, object_id) == ("profile", DEFAULT_PROFILE):
                continue
            users = self._users(object_id) if self._kind == "profile" else []
            if users:
                self.problems.append(Problem("", "in_use", f"profile {object_id} has rules: {', '.join(users)}"))
            else:
                self.changes[key] = Change("delete", key, str(body.get("name", "")), None)

    def _foreign(self, fields: Mapping[str, Any]) -> Iterator[Problem]:
        if str(fields.get("orgId", self._org_id)) != self._org_id:
            yield Problem("/orgId", "other_org", f"belongs to org {fields['orgId']}, not {self._org_id}")

    def _key(self, fields: Mapping[str, Any], body: RuleBody | ProfileBody, found: list[Problem]) -> AuthoredKey | None:
        """Return the object's key, with an id of its own when it has none; None with a problem."""
        if isinstance(body, RuleBody) and body.profile_id not in self._profiles:
            found.append(Problem("/profileId", "unknown_profile", f"there is no profile {body.profile_id}"))
        given = fields.get("id")
        if isinstance(given, bool) or not (given is None or isinstance(given, int | str)):
            found.append(Problem("/id", "wrong_form", "an id is an integer or text"))
            return None
        key = AuthoredKey(self._kind, self._org_id, self._new_id(body) if given is None else str(given))
        if decode_key(key.encode()) != key:
            found.append(Problem("/id", "wrong_form", f"{key.id!r} is no id of a {self._kind}"))
        elif key in self._log.deleted:
            found.append(Problem("/id", "id_deleted", f"{key.id} was deleted: an id is never given twice"))
        elif key in self.changes:
            found.append(Problem("/id", "id_repeated", f"{key.id} is in this list twice"))
        elif not found and DEFAULT_PROFILE != (body.profile_id if isinstance(body, RuleBody) else key.id):
            found.append(Problem("", "not_scored", "only the profile default scores so far", "warning"))
        return key

    def _new_id(self, body: RuleBody | ProfileBody) -> str:
        if isinstance(body, RuleBody):
            self._highest += 1
            return str(self._highest)
        return re.sub(r"[^a-z0-9_]+", "-", body.name.lower()).strip("-")[:64]

    def _plan(self, index: int, key: AuthoredKey, body: RuleBody | ProfileBody) -> None:
        before = self._live.get(key.id)
        self.put[key] = (pointer(index), body)
        value = _encode(_stored(key, body, before, self._at))
        if len(value) > MAX_BODY_BYTES:
            self.problems.append(Problem(pointer(index), "too_large", f"longer than {MAX_BODY_BYTES} bytes"))
            return
        # As text, for Python takes 1, 1.0 and true for equal.
        if before is not None and _encode(_stored(key, body, before, str(before.get("updatedAt")))) == _encode(before):
            self.changes[key] = Change("keep", key, body.name, _encode(before))
        else:
            self.changes[key] = Change("add" if before is None else "replace", key, body.name, value)

    def _users(self, profile_id: str) -> list[str]:
        rules = self._log.objects("rule", self._org_id)
        return [rule_id for rule_id, rule in rules.items() if rule.get("profileId") == profile_id]


def _stored(key: AuthoredKey, body: RuleBody | ProfileBody, before: Body | None, at: str) -> Body:
    """Return the object as ``config`` keeps it; its creation time stays."""
    fields = body.model_dump() | {
        "id": int(key.id) if key.kind == "rule" else key.id, "org_id": key.org_id,
        "created_at": at if before is None else str(before.get("createdAt", at)), "updated_at": at,
    }  # fmt: skip
    model = Rule if key.kind == "rule" else Profile
    return model.model_validate(fields).model_dump(mode="json", by_alias=True)


def _encode(body: Body) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
