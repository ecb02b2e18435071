"""What publishing, unpublishing, discarding and rolling back a profile change, before anything is written.

Laws: a publish is one record, which freezes the draft and raises ``version``; where it would change nothing it writes
nothing; a rollback publishes an earlier body again, and the draft becomes that too; a rule that was moved to another
profile since then stays there.  What is written is one transaction, the profile's own record its last.  Pure.
Source: S31, S33, D20, decisions 0012 and 0016.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from schemas.authored import DEFAULT_PROFILE, ProfileRecord, PublishedProfile, Rule
from stream_app.authoring.changes import Change, encode
from stream_app.authoring.config_log import AuthoredKey, ConfigLog, Publish, profile_of
from stream_app.authoring.drafts import (
    body_of,
    draft_of,
    formulas_of,
    frozen,
    pending,
    published_formulas,
    record_of,
    unruled,
)
from stream_app.authoring.problems import Problem, Severity
from stream_app.authoring.published_rules import published_ids
from stream_app.authoring.rule_puts import MAX_RULES_PER_ORG
from stream_app.scoring.profiles import refers_to

MAX_PUBLISHED_BYTES: Final = 524_288  # twice with the draft beside it it still fits a record of Kafka's default size

Action = Literal["publish", "unpublish", "discard", "rollback"]


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing may be written, and why."""

    reason: Literal["invalid", "always_live", "not_published", "too_many_rules"]
    problems: tuple[Problem, ...] = ()


class Published(NamedTuple):
    """What is to be written, nothing where all is so already, and what is odd about it."""

    changes: tuple[Change, ...]
    warnings: tuple[Problem, ...] = ()


def plan_act(log: ConfigLog, key: AuthoredKey, action: Action, version: int | None, at: str) -> Published | Refused:
    """Return what an action on a profile that is there writes; ``version`` is that of a rollback, ``at`` as output."""
    if key.id == DEFAULT_PROFILE:
        return Published(()) if action == "publish" else Refused("always_live")
    stored = log.find(key)
    if stored is None:
        raise LookupError(key)
    record = record_of(key, stored.body)
    draft = draft_of(body_of(key, stored), frozen(log.rules_of(key.org_id, key.id)))
    acting = _Acting(log, key, record, draft, at)
    match action:
        case "publish":
            return acting.publish()
        case "unpublish":
            return acting.unpublish()
        case "discard":
            return acting.discard()
        case "rollback":
            return acting.roll_back(version)


class _Acting:
    """One profile that is acted on."""

    def __init__(
        self, log: ConfigLog, key: AuthoredKey, record: ProfileRecord, draft: PublishedProfile, at: str
    ) -> None:
        self._log, self._key, self._record, self._draft, self._at = log, key, record, draft, at

    def publish(self) -> Published | Refused:
        """Freeze the draft."""
        if not pending(self._draft, self._record.published):
            return Published(())
        if problems := self._unfit(self._draft):
            return Refused("invalid", problems)
        return Published((self._written(self._next, self._draft, self._draft),), self._uncounted(self._draft))

    def unpublish(self) -> Published:
        """Stop scoring; the draft stays, and scores do."""
        if self._record.published is None:
            return Published(())
        return Published((self._written(self._record.version, self._draft, None),))

    def discard(self) -> Published | Refused:
        """Make the draft what is published."""
        published = self._record.published
        if published is None:
            return Refused("not_published")
        if not pending(self._draft, published):
            return Published(())
        body, moved = self._without_moved(published)
        changes = self._restore(body.rules)
        if refused := self._too_many(changes):
            return refused
        written = self._written(self._record.version, body, published)
        return Published((*changes, written), (*moved, *self._back_among_drafts(body)))

    def roll_back(self, version: int | None) -> Published | Refused:
        """Publish what an earlier publish froze."""
        found = next((one for one in self._log.publishes_of(self._key) if one.version == version), None)
        if found is None:
            return Refused("invalid", (Problem("/version", "unknown_version", f"there is no version {version} kept"),))
        body, moved = self._without_moved(_body_of(self._key, found))
        if problems := self._unfit(body):
            return Refused("invalid", problems)
        changes = self._restore(body.rules)
        if refused := self._too_many(changes):
            return refused
        warnings = (*moved, *self._uncounted(body), *self._back_among_drafts(body))
        return Published((*changes, self._written(self._next, body, body)), warnings)

    @property
    def _next(self) -> int:
        known = self._log.publishes_of(self._key)
        return max(self._record.version, known[-1].version if known else 0) + 1

    def _written(self, version: int, draft: PublishedProfile, published: PublishedProfile | None) -> Change:
        record = ProfileRecord(
            id=self._key.id, org_id=self._key.org_id, created_at=self._record.created_at, updated_at=self._at,
            status="draft" if published is None else "published", version=version, draft=unruled(draft),
            published=None if published is None else PublishedProfile.model_validate(published.model_dump()),
        )  # fmt: skip
        return Change("replace", self._key, draft.name, encode(record.model_dump(mode="json", by_alias=True)))

    def _unfit(self, body: PublishedProfile) -> tuple[Problem, ...]:
        """Return why a body may not be published."""
        problems = self._leading_back(body, published_formulas(self._log, self._key.org_id), "as published")
        if body.formula is not None and body.rules:
            problems.append(Problem("/formula", "has_rules", "a profile with a formula has no rules"))
        if len(encode(body.model_dump(mode="json", by_alias=True))) > MAX_PUBLISHED_BYTES:
            problems.append(Problem("", "too_large", f"longer than {MAX_PUBLISHED_BYTES} bytes with its rules"))
        return tuple(problems)

    def _leading_back(
        self, body: PublishedProfile, formulas: Mapping[str, Sequence[str]], how: str, severity: Severity = "error"
    ) -> list[Problem]:
        """Return which operands of a body are made of its own profile by the formulas that others have."""
        operands = [] if body.formula is None else body.formula.average
        return [
            Problem(
                f"/formula/average/{index}", "formula_cycle", f"{operand} {how} is made of {self._key.id}", severity
            )
            for index, operand in enumerate(operands)
            if refers_to({**formulas, self._key.id: operands}, [operand], self._key.id)
        ]  # fmt: skip

    def _back_among_drafts(self, body: PublishedProfile) -> list[Problem]:
        """Return what cannot be published as it stands once this body is a draft again."""
        return self._leading_back(body, formulas_of(self._log, self._key.org_id), "as drafted", "warning")

    def _uncounted(self, body: PublishedProfile) -> tuple[Problem, ...]:
        """Return which operands count 0, as they are not published (D20)."""
        live = {DEFAULT_PROFILE, *published_formulas(self._log, self._key.org_id)}
        operands = [] if body.formula is None else body.formula.average
        return tuple(
            Problem(f"/formula/average/{index}", "not_published", f"{one} is not published: it counts 0", "warning")
            for index, one in enumerate(operands)
            if one not in live
        )

    def _without_moved(self, body: PublishedProfile) -> tuple[PublishedProfile, tuple[Problem, ...]]:
        """Return a frozen body without the rules that are another profile's now, and which these are.

        A rule is where it is written; one that is deleted where it scores still.
        """
        homes = _scoring_homes(self._log, self._key.org_id)
        homes |= {rule_id: profile_of(one) for rule_id, one in self._log.objects("rule", self._key.org_id).items()}
        home = {rule.id: homes.get(str(rule.id), self._key.id) for rule in body.rules}
        kept = [rule for rule in body.rules if home[rule.id] == self._key.id]
        moved = tuple(
            Problem("/rules", "rule_moved", f"rule {rule_id} is one of profile {other} now and stays there", "warning")
            for rule_id, other in home.items()
            if other != self._key.id
        )
        return body.model_copy(update={"rules": kept}), moved

    def _restore(self, wanted: Sequence[Rule]) -> list[Change]:
        """Return the records that make the draft's rules these."""
        now = {rule.id: rule for rule in self._draft.rules}
        changes = [
            Change(
                "replace" if rule.id in now else "add", self._rule_key(rule.id), rule.name,
                encode({**_said(rule), "updatedAt": self._at}),
            )
            for rule in wanted
            if rule.id not in now or _timeless(now[rule.id]) != _timeless(rule)
        ]  # fmt: skip
        kept = {rule.id for rule in wanted}
        gone = [rule for rule in now.values() if rule.id not in kept]
        return changes + [Change("delete", self._rule_key(rule.id), rule.name, None) for rule in gone]

    def _too_many(self, changes: Sequence[Change]) -> Refused | None:
        added = sum(change.action == "add" for change in changes) - sum(change.action == "delete" for change in changes)
        if len(self._log.objects("rule", self._key.org_id)) + added > MAX_RULES_PER_ORG:
            return Refused("too_many_rules")
        return None

    def _rule_key(self, rule_id: int) -> AuthoredKey:
        return AuthoredKey("rule", self._key.org_id, str(rule_id))


def _scoring_homes(log: ConfigLog, org_id: str) -> dict[str, str]:
    """Return in which profile each published rule scores, by its id as text."""
    return {
        str(rule_id): profile_id
        for profile_id, body in log.objects("profile", org_id).items()
        for rule_id in published_ids(body)
    }


def _body_of(key: AuthoredKey, publish: Publish) -> PublishedProfile:
    return record_of(key, json.loads(publish.value())).published or PublishedProfile()


def _said(rule: Rule) -> dict[str, object]:
    return rule.model_dump(mode="json", by_alias=True)


def _timeless(rule: Rule) -> bytes:
    return encode({**_said(rule), "createdAt": "", "updatedAt": ""})
