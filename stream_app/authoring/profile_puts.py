"""Plan what putting profiles changes: their bodies, and their rules where an item names them.

Laws: as `puts`; ``rules`` of an item are all rules that its profile will have, without them it keeps those it has;
what changes of a profile other than ``default`` is its draft; when its rules change its own record is written after
them.  A formula leads never back to its profile, and has no rules beside it (S35, D20).
Source: contract sections 2 and 4, decisions 0012 and 0016.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any, Final, cast

from schemas.authored import DEFAULT_PROFILE, Profile, ProfileRecord
from schemas.profiles import ProfileBody
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
from stream_app.authoring.config_log import AuthoredKey, ConfigLog, Stored, decode_key
from stream_app.authoring.drafts import ADDED, body_of, formulas_of, published_formulas, record_of
from stream_app.authoring.lint import Linted, lint_profile
from stream_app.authoring.problems import EXPLAINED, Problem, pointer
from stream_app.authoring.rule_puts import MAX_RULES_PER_ORG, RulePuts, id_problems, lint_put_rule
from stream_app.scoring.profiles import refers_to

MAX_PROFILES_PER_ORG: Final = 100
RULES: Final = "rules"


class ProfilePuts:
    """Profiles of one put under way, and their rules."""

    def __init__(self, log: ConfigLog, org_id: str, at: str, *, new_ids: bool = True) -> None:
        self.rules = RulePuts(log, org_id, at, new_ids=new_ids)
        self.changes: dict[AuthoredKey, Change] = {}
        self.problems: list[Problem] = []
        self.put: dict[AuthoredKey, tuple[str, ProfileBody]] = {}
        self._log, self._org_id, self._at = log, org_id, at
        self._live = log.stored("profile", org_id)

    def take(self, place: str, item: object) -> None:
        """Plan one profile at its place in what was put, or note why not."""
        fields, linted = fields_of(item), lint_put_profile(item)
        found = [*linted.problems, *foreign(fields, self._org_id)]
        given, key = given_id(fields), None
        if isinstance(given, Problem):
            found.append(given)
        elif linted.body is not None:
            key = self._key(given, linted.body, found)
        self.problems += placed(place, found)
        if key is None or linted.body is None or any(problem.severity == "error" for problem in found):
            return
        self.put[key] = (place, linted.body)
        if RULES in fields:
            self._take_rules(place, fields[RULES], key.id)
        self._plan(place, key, linted.body)

    def delete_others(self) -> None:
        """Plan the deletion of the profiles that were not put, unless something needs them."""
        gone = [one for one in self._live if self._key_of(one) not in self.changes and one != DEFAULT_PROFILE]
        for profile_id in gone:
            formulas = formula_users(self._formulas(), published_formulas(self._log, self._org_id), profile_id, gone)
            if users := [*self.rules_left(profile_id), *formulas]:
                self.problems.append(in_use(profile_id, users))
            else:
                key = self._key_of(profile_id)
                self.changes[key] = Change("delete", key, body_of(key, self._live[profile_id]).name, None)

    def rules_left(self, profile_id: str) -> Iterator[str]:
        """Yield the rules that a profile has after all this, as words."""
        yield from (f"rule {rule_id}" for rule_id in self.rules.left_of(profile_id))

    def judge(self) -> None:
        """Note what is wrong with all profiles together: how many they are, and what formulas are made of."""
        added = sum(change.action == "add" for change in self.changes.values())
        deleted = sum(change.action == "delete" for change in self.changes.values())
        if added > deleted and len(self._live) + added - deleted > MAX_PROFILES_PER_ORG:
            message = f"an org has at most {MAX_PROFILES_PER_ORG} profiles"
            self.problems.append(Problem("", "too_many_profiles", message))
        formulas = self._formulas()
        for key, (place, body) in self.put.items():
            for index, operand in enumerate(formulas[key.id]):
                if refers_to(formulas, [operand], key.id):
                    message = f"{operand} is made of {key.id}: a score cannot be made of itself"
                    self.problems.append(Problem(f"{place}/formula/average/{index}", "formula_cycle", message))
            if body.formula is not None and (left := list(self.rules_left(key.id))):
                message = f"a profile with a formula has no rules: {', '.join(left[:5])}"
                self.problems.append(Problem(f"{place}/formula", "has_rules", message))

    def _formulas(self) -> dict[str, tuple[str, ...]]:
        """Return what each profile will be made of as it is written."""
        put = {key.id: body.formula for key, (_, body) in self.put.items()}
        told = {one: () if formula is None else tuple(formula.average) for one, formula in put.items()}
        return formulas_of(self._log, self._org_id) | told

    def _key_of(self, profile_id: str) -> AuthoredKey:
        return AuthoredKey("profile", self._org_id, profile_id)

    def _key(self, given: str | None, body: ProfileBody, found: list[Problem]) -> AuthoredKey:
        """Return the profile's key, with an id made of its name when it has none; what is wrong with it is added."""
        key = self._key_of(self._new_id(body.name) if given is None else given)
        if decode_key(key.encode()) != key:
            found.append(Problem("/id", "wrong_form", f"{key.id!r} is no id of a profile: it is [a-z0-9_-]{{1,64}}"))
        else:
            found += id_problems(key, self._log.deleted, self.changes)
        if key.id == DEFAULT_PROFILE and body.formula is not None:
            found.append(Problem("/formula", "default_profile", "the default profile has rules, so no formula"))
        return key

    def _new_id(self, name: str) -> str:
        slug = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")[:56] or "profile"
        taken = {DEFAULT_PROFILE, *self._live, *(key.id for key in (*self.changes, *self._log.deleted))}
        numbered = (f"{slug}-{number}" for number in range(2, len(taken) + 3))
        return next(one for one in (slug, *numbered) if one not in taken)

    def _take_rules(self, place: str, given: object, profile_id: str) -> None:
        if not isinstance(given, list):
            self.problems.append(Problem(f"{place}/{RULES}", "not_a_list", "the rules of a profile are a list"))
            return
        rules = cast(list[object], given)
        if len(rules) > MAX_RULES_PER_ORG:  # judging each takes time, and none of them will be taken
            message = f"an org has at most {MAX_RULES_PER_ORG} rules, these are {len(rules)}"
            self.problems.append(Problem(f"{place}/{RULES}", "too_many_rules", message))
            return
        enough = self.rules.errors + EXPLAINED
        for index, rule in enumerate(rules):
            self.rules.take_of(place + pointer(RULES, index), rule, profile_id)
            if self.rules.errors >= enough:  # nothing will be written, and no more of it is told
                return
        self.rules.delete_others(profile_id)

    def _plan(self, place: str, key: AuthoredKey, body: ProfileBody) -> None:
        before = self._live.get(key.id)
        value = encode(stored_profile(key, body, before, self._at))
        if len(encode(body.model_dump(mode="json", by_alias=True))) > MAX_BODY_BYTES:
            self.problems.append(Problem(place, "too_large", f"longer than {MAX_BODY_BYTES} bytes"))
            return
        same = before is not None and not self._rules_change(key.id) and self._says(key, body, before)
        action = "add" if before is None else "keep" if same else "replace"
        self.changes[key] = Change(action, key, body.name, value)

    def _says(self, key: AuthoredKey, body: ProfileBody, before: Stored) -> bool:
        """Tell whether a record would say the same again, as text, for Python takes 1 and true for equal."""
        at = str(before.body.get("updatedAt"))
        if not is_time(at):
            return False
        now = stored_profile(key, body, before, at)
        if key.id == DEFAULT_PROFILE:
            return encode(now) == encode(before.body)
        return encode(now["draft"]) == encode(before.body.get("draft") or {})

    def _rules_change(self, profile_id: str) -> bool:
        """Tell whether the rules of a profile were changed by what was put with it."""
        own = {str(rule["id"]) for rule in self._log.rules_of(self._org_id, profile_id)}
        put = {key.id for key, (_, rule) in self.rules.put.items() if rule.profile_id == profile_id}
        return any(change.action != "keep" and key.id in own | put for key, change in self.rules.changes.items())


def lint_put_profile(item: object) -> Linted[ProfileBody]:
    """Judge a profile as it is put, without its rules."""
    fields = fields_of(item)
    beside = (*STORED, *ADDED, RULES)
    return lint_profile({name: value for name, value in fields.items() if name not in beside} if fields else item)


def lint_rules_in(item: object) -> Iterator[Problem]:
    """Yield what is wrong with the rules of a profile, without knowing what exists."""
    given: Any = fields_of(item).get(RULES, [])
    for index, rule in enumerate(cast(list[object], given) if isinstance(given, list) else []):
        yield from placed(pointer(RULES, index), lint_put_rule(rule).problems)


def stored_profile(key: AuthoredKey, body: ProfileBody, before: Stored | None, at: str) -> dict[str, Any]:
    """Return a profile as ``config`` keeps it: ``default`` live, of any other a new draft beside what is published."""
    created = at if before is None else str(before.body.get("createdAt", at))
    stamps = {"id": key.id, "org_id": key.org_id, "created_at": created, "updated_at": at}
    if key.id == DEFAULT_PROFILE:
        return Profile.model_validate(body.model_dump() | stamps).model_dump(mode="json", by_alias=True)
    record = None if before is None else record_of(key, before.body)
    kept = {
        "version": 0 if record is None else record.version,
        "published": None if record is None else record.published,
    }
    return ProfileRecord.model_validate({**stamps, **kept, "status": "draft", "draft": body}).model_dump(
        mode="json", by_alias=True
    )


def formula_users(
    written: Mapping[str, Iterable[str]], published: Mapping[str, Iterable[str]], profile_id: str, gone: Container[str]
) -> Iterator[str]:
    """Yield the profiles, those of ``gone`` aside, whose formula needs one, written or published, as words."""
    for one in sorted(written):
        if profile_id in {*written[one], *published.get(one, ())} and one not in gone:
            yield f"the formula of {one}"


def in_use(profile_id: str, users: list[str]) -> Problem:
    """Return why a profile cannot be deleted."""
    more = ", ..." if len(users) > 5 else ""
    return Problem("", "in_use", f"profile {profile_id} is needed: {', '.join(users[:5])}{more}")
