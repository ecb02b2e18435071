"""Turns what a scenario authors into records of `config`: rules get their ids, profiles their versions."""

from collections.abc import Mapping
from typing import Any, Final

from stream_app.scoring.rulebook import ConfigRecord
from tests.scoring_kit import profile_record, published_record, rule_record

Said = Mapping[str, Any]

DEFAULT: Final = "default"
RULE_WORDS: Final = {
    "type": "eventType", "max": "maxPerContact", "when": "eventFilter", "once_per": "oncePer", "up": "publishUp",
    "down": "publishDown", "silent": "inactivity", "while": "attribute", "site": "siteId",
}  # fmt: skip


class Author:
    """Gives rules their ids and profiles their versions, as an editor would."""

    def __init__(self) -> None:
        self._rules: dict[str, dict[str, Any]] = {}
        self._publishes: dict[str, list[tuple[list[dict[str, Any]], dict[str, Any]]]] = {}

    def change(self, step: Said) -> list[ConfigRecord]:
        """Return the records of one edit."""
        if "unpublish" in step:
            return [ConfigRecord(f"profile:1:{step['unpublish']}".encode(), None, 0)]
        if "delete" in step:
            rule = self._rules.pop(step["delete"])
            return [ConfigRecord(f"rule:1:{rule['id']}".encode(), None, 0)]
        if "edit" in step:
            return [self._written({"name": name, **words}, None) for name, words in step["edit"].items()]
        if "rollback" in step:
            return [record for name, version in step["rollback"].items() for record in self._again(name, version)]
        publish = "publish" in step
        said = step["publish" if publish else "draft"]
        return [record for name, body in said.items() for record in self._profile(name, dict(body), publish)]

    def _profile(self, name: str, body: dict[str, Any], publish: bool) -> list[ConfigRecord]:
        said = body.pop("rules", [])
        drafts = [self._written(rule, name) for rule in said]
        if name == DEFAULT:
            return [*drafts, profile_record(0, *body.pop("thresholds", ()), **body)]
        if not publish:
            return drafts
        return [*drafts, self._published(name, [self._rules[rule["name"]] for rule in said], body)]

    def _again(self, name: str, version: int) -> list[ConfigRecord]:
        """Return the records of a rollback, which makes the draft what it publishes."""
        rules, body = self._publishes[name][version - 1]
        self._rules |= {rule["name"]: rule for rule in rules}
        return [*(rule_record(0, **rule) for rule in rules), self._published(name, rules, body)]

    def _published(self, name: str, rules: list[dict[str, Any]], body: dict[str, Any]) -> ConfigRecord:
        """Return the record of the next publish of a profile."""
        publishes = self._publishes.setdefault(name, [])
        publishes.append((rules, body))
        return published_record(0, name, *rules, version=len(publishes), **body)

    def _written(self, said: Said, profile: str | None) -> ConfigRecord:
        """Return the record of a rule: new in a profile, or changed in what is said."""
        words = {RULE_WORDS.get(word, word): value for word, value in said.items()}
        known = self._rules.get(said["name"])
        if profile is None:
            assert known is not None, f"there is no rule {said['name']}"
            rule = {**known, **words}
        else:
            rule = {"id": len(self._rules) + 1 if known is None else known["id"], **words, "profileId": profile}
        self._rules[said["name"]] = rule
        return rule_record(0, **rule)
