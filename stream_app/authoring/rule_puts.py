"""Plan what putting rules changes: a list of them, or all rules of one profile.

Laws: as `puts`; a rule of a profile with a formula is refused (S35); a rule named within a profile belongs to it.
Source: contract sections 2 and 4, semantics S12, S35.
"""

import json
from collections.abc import Container, Iterator
from typing import Final

from schemas.authored import DEFAULT_PROFILE, Rule, RuleBody
from schemas.strict import INT32_MAX
from schemas.times import is_time
from stream_app.authoring.changes import (
    MAX_BODY_BYTES,
    STORED,
    Change,
    encode,
    fields_of,
    foreign,
    given_id,
    placed,
)
from stream_app.authoring.config_log import AuthoredKey, Body, ConfigLog, decode_key, profile_of
from stream_app.authoring.drafts import formulas_of
from stream_app.authoring.lint import Linted, lint_rule
from stream_app.authoring.problems import Problem

MAX_RULES_PER_ORG: Final = 500


class RulePuts:
    """Rules of one put under way, and how many ``errors`` theirs have.

    ``new_ids`` tells whether an author may give ids of his own to new rules.
    """

    def __init__(self, log: ConfigLog, org_id: str, at: str, *, new_ids: bool = True) -> None:
        self.changes: dict[AuthoredKey, Change] = {}
        self.problems: list[Problem] = []
        self.errors = 0
        self.put: dict[AuthoredKey, tuple[str, RuleBody]] = {}
        self.live = log.objects("rule", org_id)
        self._log, self._org_id, self._at, self._new_ids = log, org_id, at, new_ids
        self._profiles = {DEFAULT_PROFILE, *log.objects("profile", org_id)}
        self._formulas = formulas_of(log, org_id)
        self._highest = log.highest_rule_id(org_id)

    def take(self, place: str, item: object) -> None:
        """Plan one rule at its place in what was put, or note why not."""
        linted = lint_put_rule(item)
        found = [*linted.problems]
        if linted.body is not None:
            found += self._profile_problems(linted.body.profile_id)
        self._plan(place, item, linted, found)

    def take_of(self, place: str, item: object, profile_id: str) -> None:
        """Plan one rule of a profile that is put with it."""
        fields = fields_of(item)
        linted = lint_put_rule({**fields, "profileId": fields.get("profileId", profile_id)} if fields else item)
        found = [*linted.problems]
        if linted.body is not None and linted.body.profile_id != profile_id:
            found.append(Problem("/profileId", "other_profile", f"this is a rule of profile {profile_id}"))
        before = self.live.get(str(fields.get("id")))
        if before is not None and profile_of(before) != profile_id:
            found.append(Problem("/id", "other_profile", f"{fields['id']} is a rule of profile {profile_of(before)}"))
        self._plan(place, item, linted, found)

    def delete_others(self, profile_id: str | None = None) -> None:
        """Plan the deletion of the rules, perhaps of one profile only, that were not put."""
        for rule_id, body in self.live.items():
            key = AuthoredKey("rule", self._org_id, rule_id)
            if key not in self.changes and profile_id in (None, profile_of(body)):
                self.changes[key] = Change("delete", key, str(body.get("name", "")), None)

    def limit(self) -> None:
        """Refuse more rules than an org may have."""
        if len(self.live) + self._count("add") - self._count("delete") > MAX_RULES_PER_ORG:
            self.problems.append(Problem("", "too_many_rules", f"an org has at most {MAX_RULES_PER_ORG} rules"))

    def left_of(self, profile_id: str) -> Iterator[str]:
        """Yield the ids of the rules that a profile has after all this."""
        for rule_id in sorted({*self.live, *(key.id for key in self.changes)}, key=int):
            change = self.changes.get(AuthoredKey("rule", self._org_id, rule_id))
            if change is None:
                body: Body = self.live[rule_id]
            elif change.value is None:
                continue
            else:
                body = json.loads(change.value)
            if profile_of(body) == profile_id:
                yield rule_id

    def _count(self, action: str) -> int:
        return sum(change.action == action for change in self.changes.values())

    def _profile_problems(self, profile_id: str) -> Iterator[Problem]:
        if profile_id not in self._profiles:
            yield Problem("/profileId", "unknown_profile", f"there is no profile {profile_id}")
        if self._formulas.get(profile_id):
            yield Problem("/profileId", "formula_profile", f"profile {profile_id} has a formula, so no rules")

    def _plan(self, place: str, item: object, linted: Linted[RuleBody], found: list[Problem]) -> None:
        fields = fields_of(item)
        found += foreign(fields, self._org_id)
        given = given_id(fields)
        key = None
        if isinstance(given, Problem):
            found.append(given)
        elif linted.body is not None:
            key = self._key(given, found)
        self.problems += placed(place, found)
        errors = sum(problem.severity == "error" for problem in found)
        self.errors += errors
        if key is None or linted.body is None or errors:
            return
        self.put[key] = (place, linted.body)
        change = self._change(key, linted.body)
        if len(change.value or b"") > MAX_BODY_BYTES:
            self.problems.append(Problem(place, "too_large", f"longer than {MAX_BODY_BYTES} bytes"))
        else:
            self.changes[key] = change

    def _key(self, given: str | None, found: list[Problem]) -> AuthoredKey:
        """Return the rule's key, with an id of its own when it has none; what is wrong with it is added."""
        if given is None:
            self._highest += 1
        key = AuthoredKey("rule", self._org_id, str(self._highest) if given is None else given)
        if decode_key(key.encode()) != key or int(key.id) > INT32_MAX:
            found.append(Problem("/id", "wrong_form", f"{key.id!r} is no id of a rule"))
        else:
            found += id_problems(key, self._log.deleted, self.changes)
            if given is not None and not self._new_ids and not found and given not in self.live:
                found.append(Problem("/id", "unknown_rule", f"there is no rule {given}: leadstream gives new ids"))
        return key

    def _change(self, key: AuthoredKey, body: RuleBody) -> Change:
        before = self.live.get(key.id)
        if before is not None and _says(key, body, before):
            return Change("keep", key, body.name, encode(before))
        action = "add" if before is None else "replace"
        return Change(action, key, body.name, encode(_stored(key, body, before, self._at)))


def lint_put_rule(item: object) -> Linted[RuleBody]:
    """Judge a rule as it is put."""
    fields = fields_of(item)
    return lint_rule({name: value for name, value in fields.items() if name not in STORED} if fields else item)


def id_problems(key: AuthoredKey, deleted: Container[AuthoredKey], put: Container[AuthoredKey]) -> Iterator[Problem]:
    """Yield what is wrong with an id of the right form."""
    if key in deleted:
        yield Problem("/id", "id_deleted", f"{key.id} was deleted: an id is never given twice")
    elif key in put:
        yield Problem("/id", "id_repeated", f"{key.id} is in this list twice")


def _says(key: AuthoredKey, body: RuleBody, before: Body) -> bool:
    """Tell whether a record would say the same again, as text, for Python takes 1, 1.0 and true for equal."""
    at = str(before.get("updatedAt"))
    return is_time(at) and encode(_stored(key, body, before, at)) == encode(before)


def _stored(key: AuthoredKey, body: RuleBody, before: Body | None, at: str) -> Body:
    """Return the rule as ``config`` keeps it; its creation time stays."""
    fields = body.model_dump() | {
        "id": int(key.id), "org_id": key.org_id, "updated_at": at,
        "created_at": at if before is None else str(before.get("createdAt", at)),
    }  # fmt: skip
    return Rule.model_validate(fields).model_dump(mode="json", by_alias=True)
