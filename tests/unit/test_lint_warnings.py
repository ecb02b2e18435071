"""What is odd about rules and profiles is told by place and code, and stops nobody."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.authored import ProfileBody, RuleBody
from stream_app.authoring import rule_warnings
from stream_app.authoring.config_log import ConfigLog, Kind
from stream_app.authoring.lint import lint_profile, lint_rule
from stream_app.authoring.problems import Problem
from stream_app.authoring.profile_warnings import (
    formula_warnings,
    rule_in_profile_warnings,
    rules_in_profile_warnings,
)
from stream_app.authoring.puts import plan_put
from stream_app.scoring.filters import same
from stream_app.scoring.rulebook import ConfigRecord

RULE: dict[str, Any] = {"name": "Opened", "eventType": "email_open", "points": 5}
VISIT: dict[str, Any] = {"name": "Read", "eventType": "page_visit", "points": 5}
FITS: dict[str, Any] = {"name": "Fits", "points": 40, "attribute": {"type": "tag", "op": "eq", "value": "vip"}}
TAG: dict[str, Any] = {"name": "Tagged", "eventType": "tag_added", "points": 5}
MARCH = {"publishUp": "2026-03-01T00:00:00Z", "publishDown": "2026-03-02T00:00:00Z"}
AT = "2026-03-02T00:00:00.000Z"
Told = list[tuple[str, str]]
HIGH: Told = [("/thresholds/1", "out_of_reach")]


def places(problems: Any) -> Told:
    found: list[Problem] = list(problems)
    assert all(problem.severity == "warning" and problem.message for problem in found)
    return [(problem.pointer, problem.code) for problem in found]


def of_rule(body: dict[str, Any]) -> Told:
    linted = lint_rule(body)
    assert linted.body is not None
    return places(linted.problems)


def rule(**fields: Any) -> RuleBody:
    return RuleBody.model_validate(RULE | fields)


# --------------------------------------------------------------------------------------------- caps
@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"oncePer": "form", "items": {"form": ["a", "b"]}, "maxPerContact": 3}, True),
        ({"oncePer": "form", "items": {"form": ["a", "b"]}, "maxPerContact": 2}, False),
        ({"oncePer": "form", "items": {"form": ["a", "b"]}}, False),
        ({"oncePer": "form", "items": {"form": []}, "maxPerContact": 3}, False),
        ({"oncePer": "form", "items": {"page": ["a"]}, "maxPerContact": 3}, False),
        ({"oncePer": "form", "eventFilter": {"form": "a"}, "maxPerContact": 2}, True),
        ({"oncePer": "form", "eventFilter": {"form": [1, 1.0, 1]}, "maxPerContact": 2}, True),
        ({"oncePer": "form", "eventFilter": {"form": [1, True]}, "maxPerContact": 2}, False),
        ({"oncePer": "form", "eventFilter": {"form": ["a", "b"]}, "items": {"form": ["a"]}, "maxPerContact": 2}, True),
    ],
)  # fmt: skip
def test_s13_a_cap_above_the_number_of_values_that_pay_is_told(change: dict[str, Any], found: bool) -> None:
    assert of_rule(RULE | change) == ([("/maxPerContact", "cap_unused")] if found else [])


def test_s13_one_address_pays_once() -> None:
    once = VISIT | {"oncePer": "url", "maxPerContact": 2}
    assert of_rule(once | {"page": {"url": "https://x.com/"}}) == [("/maxPerContact", "cap_unused")]
    assert of_rule(once | {"page": {"url": "https://x.com/*"}}) == []


@pytest.mark.parametrize(
    "body",
    [
        VISIT | {"page": {"hits": 3}, "maxPerContact": 2},  # pays from the third visit on
        VISIT | {"page": {"hits": 3, "everyNth": True}, "maxPerContact": 2},
        {"name": "Silent", "points": -1, "inactivity": {"days": 7}, "maxPerContact": 3},  # once for each silence
        {"name": "Silent", "points": -1, "inactivity": {"days": 7, "repeat": True}, "maxPerContact": 3},
        TAG | {"eventFilter": {"tagName": "vip"}, "maxPerContact": 2},  # taken away and given again
    ],
)
def test_caps_that_can_be_reached_are_not_told(body: dict[str, Any]) -> None:
    assert of_rule(body) == []


# ----------------------------------------------------------------- filters, items, pages, tags, windows
@pytest.mark.parametrize(
    ("body", "found"),
    [
        (RULE | {"items": {}}, [("/items", "always_true")]),
        (RULE | {"items": {"form": []}}, []),
        (RULE | {"items": {"form": ["a"]}, "eventFilter": {"form": "b"}}, [("/items/form", "disjoint")]),
        (RULE | {"items": {"form": ["a"]}, "eventFilter": {"form": ["b", "a"]}}, []),
        (RULE | {"items": {"form": ["a"]}, "eventFilter": {"page": "b"}}, []),
        (RULE | {"items": {"a/b": ["x*"]}}, [("/items/a~1b", "literal_star")]),
        (TAG | {"eventFilter": {"tagName": 5}}, [("/eventFilter/tagName", "never_true")]),
        (TAG | {"eventFilter": {"tagName": ["", "x" * 129]}}, [("/eventFilter/tagName", "never_true")]),
        (TAG | {"items": {"tagName": [True]}}, [("/items/tagName", "never_true")]),
        (TAG | {"eventFilter": {"tagName": [5, "vip"]}}, []),
        (TAG | {"siteId": 1}, [("/siteId", "events_only")]),
        (VISIT | {"page": {"url": "*/a*"}, "eventFilter": {"url": "https://x.com/b"}}, [("/page/url", "never_true")]),
        (VISIT | {"page": {"url": "*/a"}, "items": {"url": ["https://x.com/b", 1]}}, [("/page/url", "never_true")]),
        (VISIT | {"page": {"url": "*/a"}, "items": {"url": []}}, []),
        (VISIT | {"page": {"url": "*/a"}, "eventFilter": {"url": ["https://x.com/b", "https://x.com/a"]}}, []),
        (VISIT | MARCH | {"page": {"returnsAfterSeconds": 86_401}}, [("/page/returnsAfterSeconds", "never_true")]),
        (VISIT | MARCH | {"page": {"returnsAfterSeconds": 86_400}}, []),
        (VISIT | {"publishUp": MARCH["publishUp"], "page": {"returnsAfterSeconds": 86_401}}, []),
    ],
)  # fmt: skip
def test_rules_that_never_pay_or_ask_for_nothing_are_told(body: dict[str, Any], found: Told) -> None:
    assert of_rule(body) == found


# ------------------------------------------------------------------------------------------ profiles
@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"thresholds": [50], "ceiling": 50}, []),
        ({"thresholds": [20, 51], "ceiling": 50}, HIGH),
        ({"thresholds": [{"value": 51, "hysteresis": 5}], "ceiling": 50}, [("/thresholds/0", "out_of_reach")]),
        ({"thresholds": [0], "ceiling": -5}, []),  # a contact begins with 0 and falls
        ({"thresholds": [0], "floor": 0}, [("/thresholds/0", "out_of_reach")]),
        ({"thresholds": [-5], "floor": -5}, [("/thresholds/0", "out_of_reach")]),
        ({"thresholds": [-5], "floor": -6}, []),
        ({"thresholds": [10], "floor": 10}, [("/thresholds/0", "once_only")]),
        ({"thresholds": [{"value": 5, "hysteresis": 5}], "floor": 0}, [("/thresholds/0", "once_only")]),
        ({"thresholds": [{"value": 5, "hysteresis": 4}], "floor": 0}, []),
        ({"floor": 5, "ceiling": 5}, [("/ceiling", "constant")]),
        ({"groups": [{"name": "mail"}]}, [("/groups/0", "no_effect")]),
        ({"groups": [{"name": "mail", "min": -1, "max": -1}]}, [("/groups/0/max", "constant")]),
        ({"groups": [{"name": "mail", "min": 1}]}, [("/groups/0/min", "unearned")]),
        ({"groups": [{"name": "mail", "max": 60}]}, []),
        (
            {"groups": [{"name": "web"}, {"name": "mail", "min": 60}], "ceiling": 50},
            [("/groups/0", "no_effect"), ("/groups/1/min", "unearned"), ("/groups/1/min", "out_of_reach")],
        ),
    ],
)
def test_s34_s40_limits_that_leave_something_out_of_reach_are_told(body: dict[str, Any], found: Told) -> None:
    linted = lint_profile(body)
    assert linted.body is not None
    assert places(linted.problems) == found


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ([], [("/groups/0", "unused")]),
        ([rule(group="mail", active=False)], [("/groups/0", "unused")]),
        ([rule(group="mail")], HIGH),  # the group pays 60 at most
        ([rule(group="mail"), rule(group="web")], []),
        ([rule(group="mail"), rule(maxPerContact=8)], []),
        ([rule(group="mail"), rule(maxPerContact=7)], HIGH),
        ([rule(group="mail"), rule(repeatable=False, points=40)], []),
        ([rule(group="mail", points=1, maxPerContact=5)], [("/thresholds/0", "out_of_reach"), *HIGH]),
        ([rule(group="mail"), rule(points=-5)], HIGH),
        ([rule(group="mail"), RuleBody.model_validate(FITS)], []),
        ([rule(group="mail"), rule(**VISIT | {"points": 39, "page": {"timeSpentSeconds": 60}})], HIGH),
    ],
)  # fmt: skip
def test_s34_s40_what_no_rule_reaches_or_uses_is_told(rules: list[RuleBody], found: Told) -> None:
    body = ProfileBody.model_validate({"groups": [{"name": "mail", "max": 60}], "thresholds": [50, 100]})
    assert places(rules_in_profile_warnings(body, rules)) == found


def test_s34_a_minimum_counts_even_where_no_rule_pays() -> None:
    body = ProfileBody.model_validate({"groups": [{"name": "mail", "min": 60}], "thresholds": [60, 61]})
    rules = [rule(group="mail", maxPerContact=1)]
    assert places(rules_in_profile_warnings(body, rules)) == HIGH


def test_s35_thresholds_of_a_formula_are_not_judged_by_rules() -> None:
    body = ProfileBody.model_validate({"formula": {"average": ["default"]}, "thresholds": [60]})
    assert places(rules_in_profile_warnings(body, [])) == []


def test_s34_a_group_that_the_profile_does_not_declare_is_told() -> None:
    profile = ProfileBody.model_validate({"groups": [{"name": "mail", "max": 60}]})
    assert places(rule_in_profile_warnings(rule(group="web"), profile, AT)) == [("/group", "no_limits")]
    assert places(rule_in_profile_warnings(rule(group="mail"), profile, AT)) == []
    assert places(rule_in_profile_warnings(rule(), profile, AT)) == []


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"type": "score", "op": "gt", "value": 100}, True),
        ({"type": "score", "op": "gte", "value": 100}, False),
        ({"type": "score", "op": "lt", "value": 0}, True),
        ({"type": "score", "op": "lte", "value": 0}, False),  # a contact begins there, though the floor is higher
        ({"type": "attribute", "field": "lead_score", "op": "eq", "value": 101}, True),
        ({"type": "score", "op": "gt", "value": 100, "profileId": "other"}, False),
    ],
)
def test_s34_s36_a_fit_rule_that_asks_for_a_score_beyond_the_limits_is_told(asked: dict[str, Any], found: bool) -> None:
    profile = ProfileBody.model_validate({"floor": 10, "ceiling": 100})
    fits = RuleBody.model_validate(FITS | {"attribute": asked})
    assert places(rule_in_profile_warnings(fits, profile, AT)) == ([("/attribute", "never_true")] if found else [])


def test_s36_the_largest_tree_is_judged_with_its_profile_too() -> None:
    leaf = {"type": "score", "op": "lt", "value": 0}
    fits = RuleBody.model_validate(FITS | {"attribute": {"operator": "AND", "conditions": [leaf] * 99}})
    found = rule_in_profile_warnings(fits, ProfileBody.model_validate({"floor": 0}), AT)
    assert places(found) == [("/attribute", "never_true")]


def test_long_selections_are_not_compared_so_that_judging_ends_soon() -> None:
    many = [str(value) for value in range(20_000)]
    asked = {"items": {"form": many}, "eventFilter": {"form": ["x", *many]}, "oncePer": "form", "maxPerContact": 30_000}
    assert of_rule(RULE | asked) == []


def test_many_short_selections_cost_what_their_length_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """One rule of 300 such properties kept a worker busy for 20 s."""
    looked, identity = list[object](), rule_warnings._identity  # pyright: ignore[reportPrivateUsage] counted
    monkeypatch.setattr(rule_warnings, "_identity", lambda value: looked.append(value) or identity(value))
    asked = {"items": {f"p{n}": [1] * 200 for n in range(9)}, "eventFilter": {f"p{n}": [2] * 200 for n in range(9)}}
    assert of_rule(RULE | asked) == [(f"/items/p{n}", "disjoint") for n in range(9)]
    assert len(looked) == 2 * 9 * 200


values = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 1.0, 1.5, 2**53, 2**53 + 1, float(2**53), "", "1", "true"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=4,
)


@given(one=values, other=values)
def test_S11_values_are_told_apart_as_filters_tell_them_apart(one: Any, other: Any) -> None:
    identity = rule_warnings._identity  # pyright: ignore[reportPrivateUsage] what a set compares
    assert (identity(one) == identity(other)) == same(one, other)
    assert not same(one, other) or hash(identity(one)) == hash(identity(other))


def test_s17_a_window_that_has_closed_is_told() -> None:
    spring = rule(**MARCH)
    assert places(rule_in_profile_warnings(spring, ProfileBody(), "2026-03-02T00:00:00.001Z")) == [
        ("/publishDown", "window_over")
    ]
    assert places(rule_in_profile_warnings(spring, ProfileBody(), AT)) == []


def test_d20_an_operand_that_does_not_exist_is_told() -> None:
    body = ProfileBody.model_validate({"formula": {"average": ["default", "fit"]}})
    assert places(formula_warnings(body, {"default"})) == [("/formula/average/1", "unknown_profile")]
    assert places(formula_warnings(body, {"default", "fit"})) == []
    assert places(formula_warnings(ProfileBody(), set())) == []


# -------------------------------------------------------------------------------------------- putting
def log_of(kind: Kind, *items: dict[str, Any]) -> ConfigLog:
    log = ConfigLog()
    for offset, change in enumerate(plan_put(kind, log, "1", items, AT).written):
        log.add(ConfigRecord(change.key.encode(), change.value, offset))
    return log


def test_s34_s40_putting_a_profile_judges_it_with_the_rules_that_are_there() -> None:
    limits = {"id": "default", "groups": [{"name": "web", "max": 9}], "thresholds": [50]}
    log = log_of("rule", RULE | {"group": "mail", "maxPerContact": 4})
    plan = plan_put("profile", log, "1", [limits], AT)
    assert places(plan.problems) == [("/0/groups/0", "unused"), ("/0/thresholds/0", "out_of_reach")]
    assert not plan.refused and len(plan.written) == 1
    log = log_of("rule", RULE | {"group": "web"}, RULE)
    assert places(plan_put("profile", log, "1", [limits], AT).problems) == []


def test_s34_s17_putting_rules_judges_each_with_its_profile_and_the_time() -> None:
    log = log_of("profile", {"id": "default", "groups": [{"name": "mail", "max": 60}]})
    rules = [RULE | {"group": "mail"}, RULE | {"group": "web"}, RULE | MARCH]
    later = "2026-04-01T00:00:00.000Z"
    assert places(plan_put("rule", log, "1", rules, later).problems) == [
        ("/1/group", "no_limits"), ("/2/publishDown", "window_over"),
    ]  # fmt: skip


def test_d20_a_formula_is_judged_with_the_profiles_that_are_put_beside_it() -> None:
    overall: dict[str, Any] = {"id": "overall", "formula": {"average": ["fit", "interest"]}}
    plan = plan_put("profile", ConfigLog(), "1", [overall, {"id": "fit"}], AT)
    told = [problem for problem in plan.problems if problem.code == "unknown_profile"]
    assert places(told) == [("/0/formula/average/1", "unknown_profile")]
