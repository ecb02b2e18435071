"""Fit rules: paid while their condition holds, taken back when it stops; and the conditions themselves."""

import json
from typing import Any

import pytest

from schemas.authored import RuleBody
from schemas.conditions import Condition
from schemas.outputs import AttributesCause, ClockCause
from schemas.state import Facts
from schemas.times import format_time
from stream_app.processing.sections import decode_facts
from stream_app.scoring.conditions import Known, asks_at_every_input, compile_condition
from stream_app.scoring.decide import needs_all
from stream_app.scoring.due import watched
from stream_app.scoring.rulebook import ConfigRecord
from tests.scoring_kit import (
    CONTACTS,
    ENGAGEMENT,
    SCORES,
    WRITTEN,
    Engine,
    FakeRecord,
    Fold,
    attributes,
    command,
    day,
    event,
    profile_record,
    published_record,
    rule_record,
    rulebook,
)  # fmt: skip
from tests.scoring_kit import with_records as after

GERMAN = {"type": "attribute", "field": "country", "op": "eq", "value": "DE"}
VIP = {"type": "tag", "op": "eq", "value": "vip"}
OPEN = {"eventType": "email_open", "points": 5}
UNSUBSCRIBED_9 = ConfigRecord(b"rule:1:9", None, 0)


def fit(points: int = 20, condition: Any = GERMAN, **fields: Any) -> dict[str, Any]:
    return {"id": 9, "name": "Fits", "points": points, "attribute": condition, **fields}


def logged(fold_: Fold) -> list[tuple[int, int | None, int, str]]:
    return [(a.log_id, a.rule_id, a.points, a.reason) for change in fold_.changes for a in change.awards]


def test_s36_a_fit_rule_pays_while_its_condition_holds() -> None:
    fold_ = Fold(rulebook(fit(), thresholds=[20]))
    assert fold_.put(attributes(country="DE")).outcome == "applied"
    assert fold_.put(attributes(country="DE", size=3)).outputs == []
    fold_.put(attributes(country="FR"))
    fold_.put(attributes(country="DE"))
    assert fold_.scores == [20, 0, 20]
    assert logged(fold_) == [(1, 9, 20, "Rule: Fits"), (2, 9, -20, "Taken back: Fits"), (3, 9, 20, "Rule: Fits")]
    assert fold_.crossings == [(20, "up"), (20, "down"), (20, "up")]
    change = fold_.changes[0]
    assert (change.cause, change.id, change.site_id) == (AttributesCause(), "t-0-1/default", None)
    assert fold_.contact is not None
    assert fold_.contact.core.fires == {}


def test_s36_tags_make_a_fit_rule_pay_by_event_and_by_command() -> None:
    tag_rule = {"id": 10, "eventType": "tag_added", "points": 1}
    fold_ = Fold(rulebook(tag_rule, fit(condition=VIP)))
    fold_.put(event("tag_added", tagName="vip"))
    fold_.put(command("untag", "c1", tag="vip"))
    fold_.put(command("tag", "c2", tag="vip"))
    assert [(rule, points) for _, rule, points, _ in logged(fold_)] == [(10, 1), (9, 20), (9, -20), (10, 1), (9, 20)]
    assert fold_.scores == [21, 1, 22]


def test_d24_an_edit_logs_one_award_of_the_difference() -> None:
    fold_ = Fold(rulebook(fit(20)))
    fold_.put(attributes(country="DE"))
    assert fold_.sweep(after(fold_.book, rule_record(0, **fit(35))))
    assert logged(fold_)[1:] == [(2, 9, 15, "Changed: Fits")]
    assert fold_.score == 35


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (UNSUBSCRIBED_9, "Taken back: a deleted rule"),
        (rule_record(0, **fit(active=False)), "Taken back: Fits"),
        (rule_record(0, **fit(condition=VIP)), "Taken back: Fits"),
        (rule_record(0, id=9, name="Opens", **OPEN), "Taken back: Opens"),
        (rule_record(0, **fit(profileId="draft")), "Taken back: Fits"),
    ],
)
def test_s18_a_fit_rule_that_is_gone_is_taken_back(record: ConfigRecord, reason: str) -> None:
    fold_ = Fold(rulebook(fit()))
    fold_.put(attributes(country="DE"))
    assert fold_.sweep(after(fold_.book, record))
    assert logged(fold_)[1:] == [(2, 9, -20, reason)]
    name = None if reason.endswith("a deleted rule") else reason.partition(": ")[2]
    assert fold_.changes[-1].awards[0].rule_name == name
    assert fold_.contact is not None
    assert fold_.contact.core.profiles["default"].parts is None


def test_d24_an_added_fit_rule_pays_all_contacts_that_fit() -> None:
    fold_ = Fold(rulebook({"id": 1, **OPEN}))
    fold_.put(attributes(country="DE"))
    assert fold_.sweep(after(fold_.book, rule_record(0, **fit())))
    assert fold_.scores == [20]


def test_d24_a_negation_is_asked_at_every_input() -> None:
    book = rulebook(fit(condition={"operator": "NOT", "conditions": [GERMAN]}))
    assert needs_all(event(), book)
    fold_ = Fold(book)
    assert fold_.put(event()).outcome == "applied"
    assert fold_.put(event()).outcome == "no_effect"
    fold_.put(attributes(country="DE"))
    assert fold_.scores == [20, 0]
    for number, given in enumerate([command("enrol", "c1"), command("untag", "c2", tag="x"), event("page_visit")]):
        fresh = Fold(book)
        fresh.put(given)
        assert fresh.scores == [20], number


def test_s30_fit_rules_pay_their_own_profile_when_it_is_published() -> None:
    fold_ = Fold(after(rulebook(), rule_record(0, **fit(profileId="suit"))))
    fold_.put(attributes(country="DE"))
    assert fold_.changes == []
    assert fold_.sweep(after(fold_.book, published_record(0, "suit", fit())))
    assert [(c.profile_id, c.score) for c in fold_.changes] == [("suit", 20)]


def test_a_fit_rule_asks_for_the_score_that_the_input_has_left() -> None:
    hot = {"type": "score", "op": "gte", "value": 10}
    fold_ = Fold(rulebook({"id": 1, **OPEN}, fit(100, hot)))
    for _ in range(3):
        fold_.put(event())
    assert fold_.scores == [5, 110, 115]
    fold_.put(command("adjust", "c", amount=-111))
    assert fold_.scores[3:] == [-96]  # 4 is below 10: the 100 are taken back


SILENT_30 = {"id": 2, "points": -30, "inactivity": {"days": 30}}


@pytest.mark.parametrize(
    ("rules", "body", "what", "at"),
    [([SILENT_30], {}, "2", day(30)), ([], {"decay": {"percent": 10, "periodDays": 1}}, "decay", day(2))],
)
def test_s36_a_fit_rule_over_a_score_is_taken_back_when_the_clock_moves_that(
    rules: list[dict[str, Any]], body: dict[str, Any], what: str, at: int
) -> None:
    hot = fit(100, {"type": "score", "op": "gte", "value": 50}, name="Hot")
    book = rulebook({"id": 1, "eventType": "email_open", "points": 60}, *rules, **body)
    book = after(book, published_record(0, "hot", hot, thresholds=[100]))
    fold_ = Fold(after(book, published_record(0, "mean", formula={"average": ["default", "hot"]})))
    fold_.put(event())
    assert (fold_.score, fold_.shown("hot"), fold_.shown("mean")) == (60, 100, 80)
    fold_.wait(at - 1)
    assert fold_.shown("hot") == 100
    fold_.wait(at)
    assert fold_.shown("hot") == 0
    assert fold_.crossings == [(100, "up"), (100, "down")]
    told = [change for change in fold_.changes if f"clock-{at}-" in change.id]
    assert [change.id for change in told] == [f"clock-{at}-{what}-1-42/{one}" for one in ("default", "hot", "mean")]
    assert [(award.points, award.reason) for award in told[1].awards] == [(-100, "Taken back: Hot")]
    assert (told[1].cause, told[2].score) == (ClockCause(), (told[0].score + 1) // 2)


@pytest.mark.parametrize(("points", "scores"), [(100, [160, 130, 115, 108]), (-20, [40, 10, 15, 8])])
def test_a_fit_rule_over_the_score_that_it_pays_is_asked_once_at_each_due_time(points: int, scores: list[int]) -> None:
    warm = fit(points, {"type": "score", "op": "gte", "value": 20})
    fold_ = Fold(rulebook({"id": 1, "eventType": "email_open", "points": 60}, warm, decay={"halfLifeDays": 10}))
    fold_.put(event())
    shown = [fold_.score]
    for number in (10, 20, 30):
        fold_.wait(day(number))
        shown.append(fold_.score)
    assert shown == scores
    days = [change.occurred_at for change in fold_.changes]
    assert len(set(days)) == len(days)
    fold_.wait(day(4000))
    assert fold_.contact is not None
    assert fold_.contact.core.alarm is not None
    assert fold_.contact.core.alarm.due is None


def test_what_a_reset_forgot_is_paid_again_at_the_next_due_time_that_acts() -> None:
    cold = fit(7, {"type": "score", "op": "lt", "value": 50})
    fold_ = Fold(after(rulebook({"id": 1, **OPEN}, SILENT_30), published_record(0, "cold", cold)))
    fold_.put(event())
    fold_.put(command("reset", "c"))
    assert fold_.shown("cold") == 0
    fold_.wait(day(30))
    assert (fold_.score, fold_.shown("cold")) == (-30, 7)


def test_d24_due_times_ask_for_facts_only_where_some_input_always_does() -> None:
    watching = rulebook(SILENT_30, fit(5, {"type": "score", "op": "lt", "value": 0}))
    assert [watched("1", watching), watched("2", watching), watched("1", rulebook(SILENT_30, fit()))] == [1, 0, 0]


def test_a_fit_rule_sees_what_formulas_show_and_nothing_of_unpublished_profiles() -> None:
    hot = {"type": "score", "profileId": "all", "op": "gte", "value": 5}
    cold = {"type": "score", "profileId": "draft", "op": "eq", "value": 0}
    book = after(
        rulebook({"id": 1, **OPEN}, fit(100, {"operator": "AND", "conditions": [hot, cold]})),
        published_record(0, "all", formula={"average": ["default"]}),
    )
    fold_ = Fold(book)
    fold_.put(event())
    assert [(c.profile_id, c.score) for c in fold_.changes] == [("all", 105), ("default", 105)]


def test_d8_set_and_reset_show_what_they_order() -> None:
    fold_ = Fold(rulebook(fit(condition={"operator": "NOT", "conditions": [VIP]})))
    fold_.put(command("set", "c1", amount=7))
    assert fold_.score == 7
    fold_.put(event())
    assert fold_.score == 27
    fold_.put(command("reset", "c2"))
    assert fold_.score == 0
    fold_.put(event())
    assert fold_.score == 20


def test_s34_a_fit_rule_counts_in_its_group_also_when_that_changes() -> None:
    limits = [{"name": "a", "max": 5}, {"name": "b", "max": 12}]
    fold_ = Fold(after(rulebook(fit(20, group="a")), profile_record(0, groups=limits)))
    fold_.put(attributes(country="DE"))
    assert fold_.score == 5
    assert fold_.sweep(after(fold_.book, rule_record(0, **fit(20, group="b"))))
    assert (fold_.score, fold_.changes[-1].awards) == (12, [])
    fold_.put(attributes())
    assert fold_.score == 0


def test_what_a_fit_rule_could_not_pay_in_full_it_takes_back_as_paid() -> None:
    fold_ = Fold(rulebook(fit()))
    fold_.put(command("adjust", "c", amount=2**63 - 6))
    fold_.put(attributes(country="DE"))
    fold_.put(attributes())
    assert [points for _, _, points, _ in logged(fold_)] == [2**63 - 6, 5, -5]


# ---------------------------------------------------------------------------------------------- conditions
def holds(tree: dict[str, Any], tags: tuple[str, ...] = (), score: int = 0, **values: Any) -> bool:
    known = Known(Facts(1, None, tags, values), lambda profile_id: score if profile_id == "default" else -score)
    return compile_condition(Condition.model_validate(tree))(known)


def leaf(op: str, value: Any = None, field: str = "a") -> dict[str, Any]:
    said = {"type": "attribute", "field": field, "op": op}
    return said if op == "exists" else {**said, "value": value}


@pytest.mark.parametrize(
    ("op", "value", "actual", "true"),
    [
        ("eq", 1, 1.0, True), ("eq", 1, True, False), ("eq", "1", 1, False), ("eq", None, None, True),
        ("eq", {"b": [1]}, {"b": [1.0]}, True), ("neq", 1, 2, True), ("neq", 1, 1.0, False),
        ("gt", 1, 2, True), ("gt", 1, 1, False), ("gte", 1, 1, True), ("lt", 1, 0.5, True), ("lte", 1, 1, True),
        ("gt", 1, "2", False), ("gt", "1", 2, False), ("gt", 0, True, False), ("gt", 1, None, False),
        ("gte", "2026-01-01", "2026-03-01", True), ("lt", "b", "a", True), ("lt", 1, [0], False),
        ("in", [1, "a"], "a", True), ("in", [1, "a"], 1.0, True), ("in", [1], True, False), ("in", [], 1, False),
        ("contains", "b", "abc", True), ("contains", "B", "abc", False), ("contains", 1, "1", False),
        ("contains", 1, [True, 1.0], True), ("contains", "a", ["ab"], False), ("contains", "a", {"a": 1}, False),
        ("exists", None, None, True), ("exists", None, 0, True),
    ],
)  # fmt: skip
def test_s55_operators_are_type_strict(op: str, value: Any, actual: Any, true: bool) -> None:
    assert holds(leaf(op, value), a=actual) is true


@pytest.mark.parametrize("op", ["eq", "neq", "gt", "gte", "lt", "lte", "in", "contains", "exists"])
def test_s55_a_missing_attribute_is_false_for_all_but_neq(op: str) -> None:
    assert holds(leaf(op, ["x"] if op == "in" else "x")) is (op == "neq")


def test_s55_lead_score_is_the_default_score_and_a_dotted_field_reaches_in() -> None:
    assert holds(leaf("gte", 50, "lead_score"), score=50)
    assert holds(leaf("eq", 1, "b.c"), b={"c": 1})
    assert holds({"type": "score", "profileId": "fit", "op": "lt", "value": 0}, score=1)


@pytest.mark.parametrize(
    ("op", "value", "true"),
    [("eq", "vip", True), ("eq", "VIP", False), ("contains", "x", True), ("neq", "vip", False), ("neq", "y", True),
     ("in", ["y", "x"], True), ("in", ["y"], False)],
)  # fmt: skip
def test_tags_are_had_or_not(op: str, value: Any, true: bool) -> None:
    assert holds({"type": "tag", "op": op, "value": value}, tags=("vip", "x")) is true


def test_trees() -> None:
    yes, no = {"type": "tag", "op": "exists"}, {"type": "tag", "op": "eq", "value": "none"}
    table = [("AND", [yes, no], False), ("AND", [yes, yes], True), ("OR", [no, yes], True), ("OR", [no], False),
             ("NOT", [no], True), ("NOT", [yes], False)]  # fmt: skip
    for operator, conditions, true in table:
        assert holds({"operator": operator, "conditions": conditions}, tags=("x",)) is true
    assert not holds(yes)


def test_D27_not_exists_is_not_around_exists() -> None:
    absent = {"operator": "NOT", "conditions": [leaf("exists")]}
    assert (holds(absent), holds(absent, a=None), holds(absent, a=0)) == (True, False, False)
    for op in ("notExists", "not_exists", "notEmpty", "empty"):
        with pytest.raises(ValueError, match="Input should be"):
            Condition.model_validate(leaf(op))


def test_which_conditions_every_input_asks() -> None:
    def asks(tree: dict[str, Any]) -> bool:
        return asks_at_every_input(Condition.model_validate(tree))

    assert not asks({"operator": "AND", "conditions": [GERMAN, VIP]})
    assert asks({"operator": "AND", "conditions": [GERMAN, {**VIP, "op": "neq"}]})
    assert asks({"operator": "NOT", "conditions": [GERMAN]})
    assert asks({"type": "score", "op": "eq", "value": 1})
    assert asks(leaf("gt", 1, "lead_score"))


@pytest.mark.parametrize(
    ("tree", "problem"),
    [
        ({}, "an operator"),
        ({"operator": "AND"}, "AND and OR have conditions"),
        ({"operator": "NOT", "conditions": [VIP, VIP]}, "NOT exactly one"),
        ({"operator": "AND", "conditions": [VIP], "op": "eq"}, "nothing else"),
        ({**VIP, "operator": "AND"}, "not both"),
        ({**VIP, "op": "gt"}, "op of a tag"),
        ({"type": "score", "op": "exists"}, "op of a score"),
        ({"type": "tag", "value": "x"}, "op of a tag"),
        ({**VIP, "field": "a"}, "field names the attribute"),
        ({"type": "attribute", "op": "exists"}, "field names the attribute"),
        ({**VIP, "profileId": "x"}, "profileId belongs"),
        ({**VIP, "value": 1}, "a tag with texts"),
        ({"type": "score", "op": "gt", "value": True}, "integers"),
        ({"type": "score", "op": "in", "value": [1, 1.5]}, "integers"),
        ({"type": "tag", "op": "in", "value": "vip"}, "a list of values"),
        ({**VIP, "value": ["vip"]}, "needs a value"),
        ({"type": "tag", "op": "eq"}, "needs a value"),
        ({"type": "tag", "op": "exists", "value": True}, "has no value"),
        (leaf("gt", None), "a number or a text"),
        ({"type": "label", "op": "eq", "value": 1}, "Input should be"),
        ({"operator": "OR", "conditions": [{"operator": "OR", "conditions": [VIP] * 60}] * 2}, "at most 100"),
    ],
)
def test_what_is_no_condition_is_refused(tree: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Condition.model_validate(tree)


@pytest.mark.parametrize(
    "fields",
    [{"eventType": "email_open"}, {"siteId": "1"}, {"maxPerContact": 2}, {"repeatable": False}, {"oncePer": "a"},
     {"items": {}}, {"publishUp": "2026-01-01T00:00:00Z"}, {"eventFilter": {}}],
)  # fmt: skip
def test_a_fit_rule_has_nothing_that_only_events_have(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a rule with attribute"):
        RuleBody.model_validate({"name": "Fits", "points": 1, "attribute": VIP, **fields})


def with_attributes(size: int) -> Engine:
    """Three contacts with so many bytes of attributes, silent from T0 on, in an org with a fit rule over the score."""
    silence = {"id": 1, "points": -30, "inactivity": {"days": 30}}
    engine = Engine(rulebook(silence, fit(7, {"type": "score", "op": "lt", "value": 0})))
    for number in range(3):
        said = {"orgId": "1", "contactId": f"{number}", "attributes": {"a": "x" * size}, "updatedAt": WRITTEN}
        engine.run(CONTACTS, FakeRecord(number, json.dumps(said).encode(), f"1:{number}".encode()))
    return engine


def test_due_times_of_contacts_with_much_to_read_are_fewer_in_a_batch() -> None:
    engine = with_attributes(3_000)  # reading it takes as long as three looks without
    work = engine.handler.begin(engine.batch("clock"), engine.state)
    assert [work.due(day(31), 5), work.due(day(31), 5)] == [2, 1]
    assert len(work.finish().outputs[SCORES]) == 3
    work = engine.handler.begin(engine.batch("sweep"), engine.state)
    assert work.sweep(b"", 5) == b"1:1\x00c"


def test_a_look_at_which_nothing_acts_reads_no_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []

    def reading(data: bytes) -> Facts:
        read.append(data)
        return decode_facts(data)

    monkeypatch.setattr("stream_app.processing.sections.decode_facts", reading)
    engine = with_attributes(10)
    for number in range(3):
        body = {"orgId": "1", "contactId": f"{number}", "type": "link_click", "occurredAt": format_time(day(9))}
        engine.run(ENGAGEMENT, FakeRecord(number, json.dumps(body).encode(), f"1:{number}".encode(), day(9)))
    for until, times in ((30, 0), (39, 3)):  # alarms are set anew, then silences pay
        read.clear()
        engine.run(ENGAGEMENT, kind="clock", until=day(until))
        assert len(read) == times
