"""Authors are judged strictly: problems with a place, a code and a sentence; and puts are planned before they write."""

import datetime
import json
from typing import Any

import pytest

from schemas.authored import ProfileBody, RuleBody
from stream_app.authoring.changes import Plan
from stream_app.authoring.config_log import AuthoredKey, ConfigLog, decode_key
from stream_app.authoring.lint import lint_profile, lint_rule
from stream_app.authoring.puts import plan_put
from stream_app.scoring.rulebook import ConfigRecord

AT = "2026-03-01T00:00:00.000Z"
LATER = "2026-03-02T00:00:00.000Z"
RULE: dict[str, Any] = {"name": "Opened", "eventType": "email_open", "points": 5}

PARTY = "\N{PARTY POPPER}"  # one code point, two of UTF-16, four bytes


def codes(value: object) -> list[tuple[str, str]]:
    return [(problem.pointer, problem.code) for problem in lint_rule(value).problems]


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"points": 5.0}, "/points", "not_an_integer"),
        ({"points": "5"}, "/points", "not_an_integer"),
        ({"points": True}, "/points", "not_an_integer"),
        ({"points": {}}, "/points", "not_an_integer"),
        ({"points": 2**31}, "/points", "too_large"),
        ({"points": 2**64}, "/points", "too_large"),
        ({"name": ""}, "/name", "too_short"),
        ({"name": "x" * 201}, "/name", "too_long"),
        ({"description": "x" * 2001}, "/description", "too_long"),
        ({"eventType": "Email"}, "/eventType", "wrong_form"),
        ({"eventType": "email\n"}, "/eventType", "wrong_form"),
        ({"maxPerContact": 0}, "/maxPerContact", "too_small"),
        ({"active": 1}, "/active", "not_a_boolean"),
        ({"eventFilter": []}, "/eventFilter", "not_an_object"),
        ({"max_per_contact": 1}, "/max_per_contact", "unknown_field"),
        ({"a/b~c": 1}, "/a~1b~0c", "unknown_field"),
        ({"siteId": True}, "/siteId", "not_a_string"),
        ({"eventFilter": {"at": datetime.date(2026, 1, 1)}}, "/eventFilter/at", "not_json"),
        ({"eventFilter": {"a": [float("nan")]}}, "/eventFilter/a/0", "not_json"),
        ({"eventFilter": {3: 1}}, "/eventFilter/3", "not_json"),
        ({"eventFilter": {"a": "\ud800"}}, "/eventFilter/a", "not_json"),
    ],
)
def test_s16_s21_wrong_rules_are_refused(change: dict[str, Any], pointer: str, code: str) -> None:
    assert lint_rule({**RULE, **change}).body is None
    assert codes({**RULE, **change}) == [(pointer, code)]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "x"}, {"name": "x" * 200}, {"name": PARTY * 200}, {"description": "x" * 2000},
        {"description": PARTY * 2000},
        {"points": 2**31 - 1}, {"points": -(2**31)}, {"maxPerContact": 1}, {"eventType": "a" + "_" * 63},
    ],
)  # fmt: skip
def test_s16_s21_what_is_just_within_the_limits_is_taken(change: dict[str, Any]) -> None:
    assert [problem for problem in lint_rule({**RULE, **change}).problems if problem.severity == "error"] == []


def test_every_missing_field_is_told() -> None:
    assert codes({}) == [("/name", "required"), ("/points", "required"), ("/eventType", "required")]
    assert codes([]) == [("", "not_an_object")]


def test_deep_nesting_is_refused() -> None:
    value: object = 1
    for _ in range(200):
        value = [value]
    assert [code for _, code in codes({**RULE, "eventFilter": {"a": value}})] == ["too_deep"]


def test_message_names_the_value() -> None:
    (problem,) = lint_rule({**RULE, "points": "5"}).problems
    assert problem.message == "Input should be a valid integer: '5'"


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"eventType": "email_opened"}, "/eventType", "custom_type"),
        ({"eventType": "zzz"}, "/eventType", "custom_type"),
        ({"points": 0}, "/points", "no_points"),
        ({"repeatable": False, "maxPerContact": 3}, "/maxPerContact", "cap_unused"),
        ({"eventFilter": {}}, "/eventFilter", "always_true"),
        ({"eventFilter": {"a": []}}, "/eventFilter/a", "never_true"),
        ({"eventFilter": {"a": ["x", "https://x/*"]}}, "/eventFilter/a", "literal_star"),
    ],
)
def test_suspicious_rules_are_warned_of_and_taken(change: dict[str, Any], pointer: str, code: str) -> None:
    linted = lint_rule({**RULE, **change})
    assert isinstance(linted.body, RuleBody)
    assert [(p.pointer, p.code, p.severity) for p in linted.problems] == [(pointer, code, "warning")]


def test_good_rules_have_no_problems_and_site_numbers_become_text() -> None:
    linted = lint_rule({**RULE, "siteId": 1, "eventFilter": {"url": "https://x/pricing", "n": [1, None]}})
    assert linted.problems == () and linted.body is not None and linted.body.site_id == "1"
    assert lint_rule({**RULE, "eventType": "manual"}).problems == ()


@pytest.mark.parametrize(
    ("thresholds", "found"),
    [
        ([50, {"value": 100, "hysteresis": 5}], []),
        ([50, {"value": 50}], [("", "contradiction")]),
        (["50", 5.0], [("/thresholds/0", "not_an_integer"), ("/thresholds/1", "not_an_integer")]),
        ([{"value": 1, "hysteresis": -1}], [("/thresholds/0/hysteresis", "too_small")]),
        ([{"val": 1}], [("/thresholds/0/value", "required"), ("/thresholds/0/val", "unknown_field")]),
        ({}, [("/thresholds", "not_a_list")]),
    ],
)
def test_s40_thresholds_are_judged(thresholds: object, found: list[tuple[str, str]]) -> None:
    linted = lint_profile({"name": "Score", "thresholds": thresholds})
    assert [(problem.pointer, problem.code) for problem in linted.problems] == found
    assert isinstance(linted.body, ProfileBody) == (not found)


def records(*plans: Plan) -> ConfigLog:
    log = ConfigLog()
    for plan in plans:
        for change in plan.written:
            log.add(ConfigRecord(change.key.encode(), change.value, log.version))
    return log


def put(log: ConfigLog, *items: object, prune: bool = False, at: str = AT) -> Plan:
    return plan_put("rule", log, "1", items, at, prune=prune)


def test_items_without_id_are_added_and_numbered_by_org() -> None:
    plan = put(ConfigLog(), RULE, {**RULE, "name": "Again"})
    assert [(c.action, c.key.encode()) for c in plan.changes] == [("add", b"rule:1:1"), ("add", b"rule:1:2")]
    stored = json.loads(plan.changes[0].value or b"")
    assert (stored["id"], stored["orgId"], stored["createdAt"], stored["updatedAt"]) == (1, "1", AT, AT)
    assert plan_put("rule", records(plan), "2", [RULE], AT).changes[0].key.id == "1"


def test_items_with_id_replace_and_keep_their_creation_time() -> None:
    log = records(put(ConfigLog(), RULE))
    (change,) = put(log, {**RULE, "id": 1, "points": 7}, at=LATER).changes
    stored = json.loads(change.value or b"")
    assert (change.action, stored["points"], stored["createdAt"], stored["updatedAt"]) == ("replace", 7, AT, LATER)


def test_what_was_given_out_is_taken_back_unchanged() -> None:
    log = records(put(ConfigLog(), {**RULE, "eventFilter": {"n": 1}}))
    body = dict(log.objects("rule", "1")["1"])
    plan = put(log, body, at=LATER)
    assert [change.action for change in plan.changes] == ["keep"] and plan.written == ()
    assert [c.action for c in put(log, {**body, "eventFilter": {"n": True}}, at=LATER).changes] == ["replace"]


def test_s12_deleted_ids_are_never_given_again() -> None:
    log = records(put(ConfigLog(), RULE, RULE))
    deleting = put(log, {**RULE, "id": 1}, prune=True)
    assert [(c.action, c.key.id, c.value is None) for c in deleting.written] == [("delete", "2", True)]
    log.add(ConfigRecord(deleting.written[0].key.encode(), None, log.version))
    assert put(log, RULE).changes[0].key.id == "3"
    refused = put(log, {**RULE, "id": 2})
    assert refused.refused and [(p.pointer, p.code) for p in refused.problems] == [("/0/id", "id_deleted")]


@pytest.mark.parametrize(
    ("item", "pointer", "code"),
    [
        ({**RULE, "id": True}, "/1/id", "wrong_form"),
        ({**RULE, "id": "x"}, "/1/id", "wrong_form"),
        ({**RULE, "id": 0}, "/1/id", "wrong_form"),
        ({**RULE, "id": 9}, "/1/id", "id_repeated"),
        ({**RULE, "orgId": "2"}, "/1/orgId", "other_org"),
        ({**RULE, "profileId": "fit", "id": 8}, "/1/profileId", "unknown_profile"),
        ({**RULE, "eventFilter": {"a": "x" * 300_000}}, "/1", "too_large"),
        ("rule", "/1", "not_an_object"),
    ],
)
def test_one_wrong_item_refuses_the_put(item: object, pointer: str, code: str) -> None:
    plan = put(ConfigLog(), {**RULE, "id": 9}, item)
    assert plan.refused and [(p.pointer, p.code) for p in plan.problems] == [(pointer, code)]


def test_profiles_are_named_and_default_is_never_pruned() -> None:
    bodies = [{"id": "default", "thresholds": [50]}, {"name": "Fit & Finish!"}]
    plan = plan_put("profile", ConfigLog(), "1", bodies, AT)
    assert plan.problems == ()
    log = records(plan)
    assert list(log.objects("profile", "1")) == ["default", "fit-finish"]
    pruned = plan_put("profile", log, "1", [], AT, prune=True)
    assert [(c.action, c.key.id) for c in pruned.changes] == [("delete", "fit-finish")]
    used = plan_put("rule", log, "1", [{**RULE, "profileId": "fit-finish"}], AT)
    log.add(ConfigRecord(used.changes[0].key.encode(), used.changes[0].value, log.version))
    assert [p.code for p in plan_put("profile", log, "1", [], AT, prune=True).problems] == ["in_use"]


def test_a_put_prunes_no_profile_of_which_it_makes_another_and_any_that_nothing_is_made_of_any_more() -> None:
    both = plan_put("profile", ConfigLog(), "1", [{"id": "a"}, {"id": "b"}], AT)
    made_of_a = [{"id": "b", "formula": {"average": ["a"]}}]
    kept = plan_put("profile", records(both), "1", made_of_a, AT, prune=True)
    assert [(p.code, p.message) for p in kept.problems] == [("in_use", "profile a is needed: the formula of b")]
    needed = records(plan_put("profile", ConfigLog(), "1", [{"id": "a"}, *made_of_a], AT))
    freed = plan_put("profile", needed, "1", [{"id": "b"}], AT, prune=True)
    assert [(c.action, c.key.id) for c in freed.changes] == [("replace", "b"), ("delete", "a")] and not freed.problems


@pytest.mark.parametrize("key", [b"", b"rule:1", b"list:1:2", b"rule:1:x", b"rule:a b:1", b"profile:1:A", b"\xff:1:1"])
def test_foreign_keys_are_no_objects(key: bytes) -> None:
    assert decode_key(key) is None
    assert ConfigLog.of([ConfigRecord(key, b"{}", 4)]) == ConfigLog(version=5)


@pytest.mark.parametrize("value", [b"", b"[]", b"\xff", b"[" * 100_000])
def test_foreign_values_count_for_the_version_only(value: bytes) -> None:
    log = ConfigLog.of([ConfigRecord(AuthoredKey("rule", "1", "1").encode(), value, 0)])
    assert (log.version, log.live, log.deleted) == (1, {}, set())


def test_an_org_has_at_most_500_rules() -> None:
    full = put(ConfigLog(), *[RULE] * 500)
    assert not full.refused
    more = put(records(full), RULE)
    assert more.refused and [problem.code for problem in more.problems] == ["too_many_rules"]
    assert not put(records(full), {**RULE, "id": 7, "points": 9}).refused
