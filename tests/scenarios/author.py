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
        self._versions: dict[str, int] = {}

    def change(self, step: Said) -> list[ConfigRecord]:
        """Return the records of one edit."""
        if "unpublish" in step:
            return [ConfigRecord(f"profile:1:{step['unpublish']}".encode(), None, 0)]
        if "delete" in step:
            rule = self._rules.pop(step["delete"])
            return [ConfigRecord(f"rule:1:{rule['id']}".encode(), None, 0)]
        if "edit" in step:
            return [self._written({"name": name, **words}, None) for name, words in step["edit"].items()]
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
        self._versions[name] = self._versions.get(name, 0) + 1
        rules = [self._rules[rule["name"]] for rule in said]
        return [*drafts, published_record(0, name, *rules, version=self._versions[name], **body)]

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
