"""Plays profiles.yaml: each scenario is one contact with several scores, each step one input or change of profiles."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.events import ContactAttributes
from schemas.outputs import ScoreChanged, ThresholdCrossed
from stream_app.scoring.decide import Input
from stream_app.scoring.rulebook import ConfigRecord
from tests.scoring_kit import (
    T0,
    Fold,
    command,
    event,
    profile_record,
    published_record,
    rule_record,
    rulebook,
    with_records,
)  # fmt: skip

BOOK: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "profiles.yaml").read_text())
CHANGES = {"publish", "draft", "unpublish"}
ORDERS = {"adjust": "amount", "set": "amount", "tag": "tag", "untag": "tag", "reset": None}
STEP_KEYS = {*"event attributes of times shows pays crossed".split(), *CHANGES, *ORDERS}


class Author:
    """Gives rules their ids and profiles their versions, as an editor would."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self.versions: dict[str, int] = {}

    def change(self, step: dict[str, Any]) -> list[ConfigRecord]:
        if "unpublish" in step:
            return [ConfigRecord(f"profile:1:{step['unpublish']}".encode(), None, 0)]
        publish = "publish" in step
        said = step["publish" if publish else "draft"]
        return [record for name, body in said.items() for record in self.records(name, dict(body), publish)]

    def records(self, name: str, body: dict[str, Any], publish: bool) -> list[ConfigRecord]:
        rules = [self.rule(name, rule) for rule in body.pop("rules", [])]
        gone = [ConfigRecord(f"rule:1:{self.ids[rule]}".encode(), None, 0) for rule in body.pop("delete", [])]
        drafts = [*gone, *(rule_record(0, **rule) for rule in rules)]
        if name == "default":
            return [*drafts, profile_record(0, *body.pop("thresholds", ()), **body)]
        if not publish:
            return drafts
        self.versions[name] = self.versions.get(name, 0) + 1
        return [*drafts, published_record(0, name, *rules, version=self.versions[name], **body)]

    def rule(self, profile: str, said: dict[str, Any]) -> dict[str, Any]:
        number = self.ids.setdefault(said["name"], len(self.ids) + 1)
        fields = {"name": said["name"], "points": said["points"], "group": said.get("group"), "profileId": profile}
        return {"id": number, **fields, "eventType": said.get("type"), "attribute": said.get("while")}


def input_of(step: dict[str, Any], name: str) -> Input:
    if "event" in step:
        return event(step["event"], name)
    if "attributes" in step:
        return ContactAttributes("1", "42", None, step["attributes"], T0)
    kind = next(kind for kind in ORDERS if kind in step)
    field = ORDERS[kind]
    return command(kind, name, profile_id=step.get("of", "default"), **({field: step[kind]} if field else {}))


def awards_of(outputs: list[Any]) -> list[str]:
    awards = [award for out in outputs if isinstance(out, ScoreChanged) for award in out.awards]
    return [award.rule_name or award.reason for award in sorted(awards, key=lambda award: award.log_id)]


@pytest.mark.parametrize("scenario", BOOK["scenarios"], ids=lambda scenario: scenario["name"].replace(" ", "_"))
def test_profile_example(scenario: dict[str, Any]) -> None:
    author = Author()
    played = Fold(with_records(rulebook(), *author.change({"publish": scenario["profiles"]})))
    for number, step in enumerate(scenario["steps"], 1):
        assert set(step) <= STEP_KEYS, f"step {number} has a word that no step knows"
        start = len(played.outputs)
        if CHANGES & step.keys():
            played.sweep(with_records(played.book, *author.change(step)))
        else:
            for again in range(step.get("times", 1)):
                played.put(input_of(step, f"step-{number}-{again}"))
        new = played.outputs[start:]
        crossed = [f"{o.profile_id} {o.threshold} {o.direction}" for o in new if isinstance(o, ThresholdCrossed)]
        assert crossed == step.get("crossed", []), f"step {number}"
        assert awards_of(new) == step.get("pays", []), f"step {number}"
        for profile_id, score in step.get("shows", {}).items():
            assert played.shown(profile_id) == score, f"step {number}: {profile_id}"
