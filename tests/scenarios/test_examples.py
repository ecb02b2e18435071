"""Plays examples.yaml: each scenario is one contact, each step one input with what it must do."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.events import Erase
from schemas.outputs import ScoreChanged, ThresholdCrossed
from schemas.times import parse_time
from stream_app.scoring.decide import Input
from stream_app.scoring.rulebook import ConfigRecord, fold
from tests.scoring_kit import T0, Fold, command, event, rule_record, rulebook

BOOK: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "examples.yaml").read_text())
ORDERS = {"adjust": "amount", "set": "amount", "tag": "tag", "untag": "tag", "reset": None}
STEP_KEYS = {*"wait event with id at times score crossed pays rules erase fire_triggers".split(), *ORDERS}


def rules_of(scenario: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"id": number, "name": rule["name"], "eventType": rule.get("type"), "points": rule["points"],
         "maxPerContact": rule.get("max"), "eventFilter": rule.get("when"), "repeatable": rule.get("repeatable", True),
         "oncePer": rule.get("once_per"), "items": rule.get("items"),
         "publishUp": rule.get("up"), "publishDown": rule.get("down"), "inactivity": rule.get("silent"),
         "page": rule.get("page")}
        for number, rule in enumerate(BOOK["rule_sets"][scenario["rule_set"]], 1)
    ]  # fmt: skip


def change_rules(played: Fold, rules: list[dict[str, Any]], order: str) -> None:
    verb, _, rest = order.partition(" ")
    name, _, cap = rest.rpartition(" ") if verb == "cap" else (rest, "", "")
    rule = next(rule for rule in rules if rule["name"] == name)
    offset = played.book.version
    record = ConfigRecord(f"rule:1:{rule['id']}".encode(), None, offset)
    if verb == "cap":
        record = rule_record(offset, **{**rule, "maxPerContact": int(cap)})
    folded = fold(played.book, [record])
    assert not folded.ignored
    played.book = folded.rulebook


def input_of(step: dict[str, Any], name: str) -> Input:
    at = parse_time(step["at"]) if "at" in step else T0
    if "event" in step:
        return event(step["event"], name, at, **step.get("with", {}))
    if "erase" in step:
        return Erase("1", "42", T0)
    kind = next(kind for kind in ORDERS if kind in step)
    field = ORDERS[kind]
    fields = {"at": at} | ({field: step[kind]} if field else {})
    return command(kind, name, fire_triggers=step.get("fire_triggers", False), **fields)


@pytest.mark.parametrize("scenario", BOOK["scenarios"], ids=lambda scenario: scenario["name"].replace(" ", "_"))
def test_example(scenario: dict[str, Any]) -> None:
    rules = rules_of(scenario)
    played = Fold(rulebook(*rules, thresholds=scenario.get("thresholds", [])))
    for number, step in enumerate(scenario["steps"], 1):
        assert set(step) <= STEP_KEYS, f"step {number} has a word that no step knows"
        start = len(played.outputs)
        if "wait" in step:
            played.wait(parse_time(step["wait"]))
        elif "rules" in step:
            change_rules(played, rules, step["rules"])
        else:
            played.clock = max(played.clock, parse_time(step["at"]) if "at" in step else T0)
            for again in range(step.get("times", 1)):
                played.put(input_of(step, step.get("id", f"step-{number}-{again}")))
        new = played.outputs[start:]
        crossed = [f"{out.threshold} {out.direction}" for out in new if isinstance(out, ThresholdCrossed)]
        assert crossed == step.get("crossed", []), f"step {number}"
        if "score" in step:
            assert played.score == step["score"], f"step {number}"
        if "pays" in step:
            awards = [award for out in new if isinstance(out, ScoreChanged) for award in out.awards]
            assert [award.rule_name or award.reason for award in awards] == step["pays"], f"step {number}"
