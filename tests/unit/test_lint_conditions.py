"""Authors are judged on what a rule asks beyond its filter: items, publish window, oncePer, manual rules."""

from typing import Any

import pytest

from schemas.authored import RuleBody
from stream_app.authoring.config_log import ConfigLog
from stream_app.authoring.lint import lint_rule
from stream_app.authoring.puts import plan_put
from stream_app.scoring.rulebook import ConfigRecord

RULE: dict[str, Any] = {"name": "Opened", "eventType": "email_open", "points": 5}
UP, DOWN = "2026-03-01T00:00:00Z", "2026-03-31T23:59:59+02:00"


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"publishUp": DOWN, "publishDown": UP}, "/publishDown", "contradiction"),
        ({"publishUp": "2026-03-01T00:00:00.001Z", "publishDown": UP}, "/publishDown", "contradiction"),
        ({"publishUp": "2026-03-01"}, "/publishUp", "not_a_time"),
        ({"publishUp": "2026-03-01T00:00:00"}, "/publishUp", "not_a_time"),
        ({"publishDown": "2026-02-30T00:00:00Z"}, "/publishDown", "not_a_time"),
        ({"publishDown": "1969-12-31T23:59:59Z"}, "/publishDown", "not_a_time"),
        ({"publishDown": 1_767_225_600}, "/publishDown", "not_a_string"),
        ({"oncePer": ""}, "/oncePer", "too_short"),
        ({"oncePer": "x" * 201}, "/oncePer", "too_long"),
        ({"oncePer": ["mail"]}, "/oncePer", "not_a_string"),
        ({"items": ["a"]}, "/items", "not_an_object"),
        ({"items": {"form": "a"}}, "/items/form", "not_a_list"),
        ({"items": {"int": {}}}, "/items/int", "not_a_list"),
        ({"items": {"form": [float("inf")]}}, "/items/form/0", "not_json"),
    ],
)
def test_s13_s14_s17_wrong_conditions_are_refused(change: dict[str, Any], pointer: str, code: str) -> None:
    linted = lint_rule(RULE | change)
    assert linted.body is None
    assert [(problem.pointer, problem.code) for problem in linted.problems] == [(pointer, code)]


def test_s17_the_message_says_what_is_wrong_with_the_window() -> None:
    (problem,) = lint_rule(RULE | {"publishUp": DOWN, "publishDown": UP}).problems
    assert problem.message == "publishDown lies before publishUp: '2026-03-01T00:00:00Z'"
    (problem,) = lint_rule(RULE | {"publishUp": "tomorrow"}).problems
    assert problem.message == "a time is YYYY-MM-DDThh:mm:ss, a fraction if any, and an offset: 'tomorrow'"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"items": {"url": ["https://x/*"]}}, [("/items/url", "literal_star")]),
        ({"eventType": "manual", "oncePer": "mail"}, [("/oncePer", "never_true")]),
        ({"eventType": "manual", "siteId": 1}, [("/siteId", "never_true")]),
        ({"eventType": "manual", "items": {"form": ["a"]}}, [("/items", "never_true")]),
        ({"eventType": "manual", "eventFilter": {"a": 1}}, [("/eventFilter", "never_true")]),
    ],
)
def test_s19_rules_that_cannot_pay_are_warned_of_and_taken(
    change: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    linted = lint_rule(RULE | change)
    assert isinstance(linted.body, RuleBody)
    assert [(problem.pointer, problem.code) for problem in linted.problems] == found
    assert {problem.severity for problem in linted.problems} == {"warning"}


def test_good_conditions_have_no_problems_and_times_are_kept_in_output_form() -> None:
    window = {"publishUp": UP, "publishDown": DOWN}
    linted = lint_rule(RULE | window | {"oncePer": "mail.id", "items": {"form": [], "page": ["p", 1]}})
    assert linted.problems == () and linted.body is not None
    assert (linted.body.publish_up, linted.body.publish_down) == (
        "2026-03-01T00:00:00.000Z",
        "2026-03-31T21:59:59.000Z",
    )
    assert lint_rule(RULE | {"publishUp": UP, "publishDown": "2026-03-01T01:00:00+01:00"}).problems == ()
    assert lint_rule(RULE | {"eventType": "manual", "items": {"form": []}} | window).problems == ()


def test_a_window_put_again_in_other_words_changes_nothing() -> None:
    log = ConfigLog()
    (added,) = plan_put("rule", log, "1", [RULE | {"publishUp": UP}], "2026-03-01T00:00:00.000Z").written
    log.add(ConfigRecord(added.key.encode(), added.value, 0))
    again = RULE | {"id": 1, "publishUp": "2026-03-01T01:00:00.0001+01:00"}
    assert [c.action for c in plan_put("rule", log, "1", [again], "2026-03-02T00:00:00.000Z").changes] == ["keep"]


# ---------------------------------------------------------------------------------------------- pages
VISIT: dict[str, Any] = {"name": "Read", "eventType": "page_visit", "points": 5}
HOME = "https://x.com/"


@pytest.mark.parametrize(
    ("page", "pointer", "code"),
    [
        ({"url": ""}, "/page/url", "too_short"),
        ({"url": "x" * 513}, "/page/url", "too_long"),
        ({"url": "*a" * 9}, "/page/url", "too_many_wildcards"),
        ({"url": [HOME]}, "/page/url", "not_a_string"),
        ({"hits": 0}, "/page/hits", "too_small"),
        ({"hits": 2.0}, "/page/hits", "not_an_integer"),
        ({"hits": True}, "/page/hits", "not_an_integer"),
        ({"everyNth": True}, "/page/everyNth", "contradiction"),
        ({"everyNth": 1, "hits": 2}, "/page/everyNth", "not_a_boolean"),
        ({"returnsWithinSeconds": -1}, "/page/returnsWithinSeconds", "too_small"),
        ({"returnsWithinSeconds": 9, "returnsAfterSeconds": 10}, "/page/returnsAfterSeconds", "contradiction"),
        ({"timeSpentSeconds": 0}, "/page/timeSpentSeconds", "too_small"),
        ({"seconds": 5}, "/page/seconds", "unknown_field"),
        (HOME, "/page", "not_an_object"),
    ],
)
def test_s25_wrong_pages_are_refused(page: Any, pointer: str, code: str) -> None:
    linted = lint_rule(VISIT | {"page": page})
    assert linted.body is None
    assert [(problem.pointer, problem.code) for problem in linted.problems] == [(pointer, code)]


@pytest.mark.parametrize("url", ["x", "*a" * 8, "x" * 512, "*" + "\N{PARTY POPPER}" * 511])
def test_s25_an_address_of_512_characters_with_8_stars_is_taken(url: str) -> None:
    linted = lint_rule(VISIT | {"page": {"url": url}})
    assert linted.body is not None
    assert [problem for problem in linted.problems if problem.severity == "error"] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"eventType": "email_open"}, "only rules of type page_visit and email_click have a page"),
        ({"oncePer": "url"}, "a rule with timeSpentSeconds pays once: oncePer has no meaning beside it"),
    ],
)
def test_s28_a_page_must_have_a_meaning_beside_the_rest_of_the_rule(change: dict[str, Any], message: str) -> None:
    (problem,) = lint_rule(VISIT | {"page": {"timeSpentSeconds": 60}} | change).problems
    assert (problem.pointer, problem.code, problem.message) == ("/page", "contradiction", message)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"page": {"url": HOME, "hits": 2, "everyNth": True}}, []),
        ({"page": {"url": "*a" * 8, "returnsWithinSeconds": 9, "returnsAfterSeconds": 9}}, []),
        ({"page": {"timeSpentSeconds": 60}, "repeatable": False}, []),
        ({"page": None}, []),
        ({"page": {}}, [("/page", "always_true")]),
        ({"page": {"url": "**"}}, [("/page/url", "always_true")]),
        ({"page": {"url": "x.com/pricing*"}}, [("/page/url", "no_scheme")]),
        ({"page": {"url": "*/a b"}}, [("/page/url", "never_true")]),
        ({"page": {"url": HOME, "hits": 1}}, [("/page/hits", "always_true")]),
        ({"page": {"hits": 2, "everyNth": True}, "maxPerContact": 1}, [("/page/everyNth", "no_effect")]),
        ({"page": {"timeSpentSeconds": 60}, "maxPerContact": 2}, [("/page/timeSpentSeconds", "cap_unused")]),
        ({"page": {"returnsAfterSeconds": 0}}, [("/page/returnsAfterSeconds", "always_true")]),
    ],
)
def test_s25_pages_that_match_nothing_or_all_are_warned_of_and_taken(
    change: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    linted = lint_rule(VISIT | change)
    assert linted.body is not None
    assert [(problem.pointer, problem.code) for problem in linted.problems] == found
    assert all(problem.severity == "warning" for problem in linted.problems)
