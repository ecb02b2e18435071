"""Plays every scenario of every sheet in this folder; each S-number that is built has one that begins with it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.scenarios.story import play

SHEETS: dict[str, dict[str, Any]] = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(Path(__file__).parent.glob("*.yaml"))
}
SCENARIOS = [(sheet, scenario) for sheet, book in SHEETS.items() for scenario in book["scenarios"]]
RANGES = ((1, 5), (10, 21), (25, 38), (40, 46), (50, 53), (55, 58), (60, 60), (65, 66))
NUMBERS = {f"S{number}" for first, last in RANGES for number in range(first, last + 1)}
NOT_BUILT = {
    "S41": "labels come with the triggers",
    "S42": "triggers are a later issue",
    "S43": "triggers are a later issue",
    "S44": "triggers are a later issue",
    "S45": "triggers are a later issue",
    "S51": "merge comes later, as semantics says",
    "S55": "segments are a later issue",
    "S56": "lists of segments are a later issue",
    "S57": "programs are a later issue",
    "S58": "dynamic content is a later issue",
    "S65": "explain is a later issue",
    "S66": "overlaps are a later issue",
}
EXAMPLES = 9  # rows of the table of examples in semantics
EXAMPLES_NOT_BUILT = {8: "segments are a later issue"}


def numbers_of(scenario: dict[str, Any]) -> set[str]:
    begins = re.match(r"(?:[SD]\d+ )*", scenario["name"])
    return set() if begins is None else {word for word in begins[0].split() if word.startswith("S")}


@pytest.mark.parametrize(
    ("sheet", "scenario"), SCENARIOS, ids=[f"{sheet}-{told['name']}".replace(" ", "_") for sheet, told in SCENARIOS]
)
def test_scenario(sheet: str, scenario: dict[str, Any]) -> None:
    play(scenario, SHEETS[sheet].get("rule_sets", {}))


def test_every_number_that_is_built_has_a_scenario_and_no_other_has() -> None:
    covered = {number for _, scenario in SCENARIOS for number in numbers_of(scenario)}
    assert covered == NUMBERS - NOT_BUILT.keys()


def test_every_example_of_semantics_that_is_built_is_a_scenario() -> None:
    told = [scenario["example"] for _, scenario in SCENARIOS if "example" in scenario]
    assert sorted({*told, *EXAMPLES_NOT_BUILT}) == list(range(1, EXAMPLES + 1))
    assert not set(told) & EXAMPLES_NOT_BUILT.keys()


def test_names_differ_so_that_each_failure_names_one_scenario() -> None:
    names = [scenario["name"] for _, scenario in SCENARIOS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "wrong",
    [{"score": 4}, {"pays": []}, {"crossed": ["3 up"]}, {"known": False}, {"changes": 2}, {"earned": {"default": 4}}],
)
def test_a_wrong_expectation_fails(wrong: dict[str, Any]) -> None:
    rule = {"name": "Opened", "type": "email_open", "points": 5}
    play({"name": "right", "rules": [rule], "steps": [{"event": "email_open", "score": 5}]}, {})
    with pytest.raises(AssertionError):
        play({"name": "wrong", "rules": [rule], "steps": [{"event": "email_open", **wrong}]}, {})


def test_a_word_that_nobody_knows_fails() -> None:
    with pytest.raises(AssertionError):
        play({"name": "a step", "steps": [{"event": "email_open", "scores": 5}]}, {})
    with pytest.raises(AssertionError):
        play({"name": "a sheet", "treshold": [5], "steps": []}, {})
