"""What an author may say of silence, and how it is told that he may not (S37)."""

from typing import Any

import pytest

from stream_app.authoring.lint import lint_rule

RULE: dict[str, Any] = {"name": "Silent", "points": -5, "inactivity": {"days": 30, "repeat": True}}


@pytest.mark.parametrize(
    "more",
    [
        {}, {"eventType": None}, {"siteId": None, "eventFilter": None}, {"inactivity": {"days": 1}},
        {"maxPerContact": 3, "publishUp": "2026-01-01T00:00:00Z", "publishDown": "2026-02-01T00:00:00Z"},
        {"repeatable": False, "profileId": "engagement", "active": False},
    ],
)  # fmt: skip
def test_a_silence_may_say(more: dict[str, Any]) -> None:
    linted = lint_rule(RULE | more)
    assert linted.problems == ()
    assert linted.body is not None and linted.body.event_type is None and linted.body.inactivity is not None


@pytest.mark.parametrize(
    ("more", "place", "code"),
    [
        ({"inactivity": {}}, "/inactivity/days", "required"),
        ({"inactivity": {"days": 0}}, "/inactivity/days", "too_small"),
        ({"inactivity": {"days": 36_501}}, "/inactivity/days", "too_large"),
        ({"inactivity": {"days": 30.0}}, "/inactivity/days", "not_an_integer"),
        ({"inactivity": {"days": True}}, "/inactivity/days", "not_an_integer"),
        ({"inactivity": {"days": 1, "repeat": "yes"}}, "/inactivity/repeat", "not_a_boolean"),
        ({"inactivity": {"days": 1, "hours": 2}}, "/inactivity/hours", "unknown_field"),
        ({"inactivity": 30}, "/inactivity", "not_an_object"),
        ({"inactivity": None}, "/eventType", "required"),
        ({"eventType": "email_open"}, "/eventType", "contradiction"),
        ({"siteId": 1}, "", "contradiction"),
        ({"eventFilter": {}}, "", "contradiction"),
        ({"items": {"form": ["a"]}}, "", "contradiction"),
        ({"oncePer": "mail"}, "", "contradiction"),
    ],
)
def test_a_silence_may_not_say(more: dict[str, Any], place: str, code: str) -> None:
    linted = lint_rule(RULE | more)
    assert linted.body is None
    assert [(problem.pointer, problem.code) for problem in linted.problems] == [(place, code)]
