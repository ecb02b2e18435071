"""What a rule asks beyond type, site and filter: items, a publish window, a value that it has not paid for."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.state import ONCE_VALUES, Once
from schemas.times import parse_time
from stream_app.delivery.handler import Effects
from stream_app.scoring.filters import same
from stream_app.scoring.once import value_hash
from tests.scoring_kit import (
    COMMANDS,
    CONTACTS,
    ENGAGEMENT,
    T0,
    Engine,
    FakeRecord,
    Fold,
    command,
    command_json,
    deleted,
    edited,
    event,
    event_json,
    rulebook,
)  # fmt: skip

OPEN: dict[str, Any] = {"id": 1, "eventType": "email_open", "points": 5}
PER_MAIL = OPEN | {"oncePer": "mail"}
PER_TAG: dict[str, Any] = {"id": 1, "eventType": "tag_added", "points": 5, "oncePer": "tagName"}
MANUAL: dict[str, Any] = {"id": 1, "eventType": "manual", "points": 5}


def opened(fold_: Fold, *mails: Any) -> list[int]:
    """Scores after an opening of each mail."""
    scores: list[int] = []
    for mail in mails:
        fold_.put(event(mail=mail))
        scores.append(fold_.score)
    return scores


# ---------------------------------------------------------------------------------------------- oncePer
def test_s13_a_rule_pays_once_for_each_value() -> None:
    vain = [{"id": 3, "siteId": "2"}, {"id": 4, "eventFilter": {"n": 1}}]
    fold_ = Fold(rulebook(PER_MAIL, OPEN | {"id": 2, "points": 1}, *(PER_MAIL | other for other in vain)))
    assert opened(fold_, "a", "a", "b", "a", "b", "c") == [6, 7, 13, 14, 15, 21]


def test_d3_an_event_without_the_property_does_not_pay() -> None:
    fold_ = Fold(rulebook(PER_MAIL))
    assert fold_.put(event(url="a")).outcome == "no_effect"
    assert fold_.contact is not None and fold_.contact.core.once == ()


def test_s13_values_are_type_strict_and_null_and_arrays_are_values() -> None:
    fold_ = Fold(rulebook(PER_MAIL))
    different: list[Any] = [1, "1", True, None, [1], [1, 2], [2, 1], {"a": 1}, {"a": "1"}, "A", "a"]
    alike: list[Any] = [1.0, "1", True, None, [1.0], [1, 2.0], [2, 1], {"a": 1.0}, {"a": "1"}, "A", "a"]
    assert opened(fold_, *different) == [5 * n for n in range(1, 12)]
    assert opened(fold_, *alike) == [55] * 11


def test_s13_a_dotted_name_reaches_into_nested_properties() -> None:
    fold_ = Fold(rulebook(PER_MAIL | {"oncePer": "mail.id"}))
    different: list[Any] = [
        {"mail": {"id": 1}},
        {"mail.id": 1},
        {"mail": {"id": 2}},
        {"mail": 3},
        {"mail": {"name": 1}},
    ]
    for properties in different:
        fold_.put(event(**properties))
    assert fold_.awards == [(1, 5), (1, 5)]


def test_s13_is_independent_of_the_cap() -> None:
    fold_ = Fold(rulebook(PER_MAIL | {"maxPerContact": 2}))
    assert opened(fold_, "a", "a", "a", "b", "c", "a") == [5, 5, 5, 10, 10, 10]
    assert fold_.capped == 1  # "c" only: a value that was paid for is no match
    fold_.book = edited(fold_.book, **PER_MAIL, maxPerContact=3)
    assert opened(fold_, "a", "c", "c", "d") == [10, 15, 15, 15]


def test_s13_the_oldest_of_1000_values_is_forgotten_and_counted() -> None:
    fold_ = Fold(rulebook(PER_MAIL))
    opened(fold_, *range(ONCE_VALUES))
    assert fold_.put(event(mail=0)).outcome == "no_effect"
    opened(fold_, "one more")
    assert [fold_.put(event(mail=n)).outcome for n in (1, 0, 2, 1)] == ["no_effect", "applied", "no_effect", "applied"]
    assert fold_.contact is not None
    memory = fold_.contact.once[1]
    assert (memory.forgotten, len(memory.hashes)) == (3, 8 * ONCE_VALUES)


def test_s13_values_survive_switching_off_and_edits() -> None:
    fold_ = Fold(rulebook(PER_MAIL))
    opened(fold_, "a")
    for edit in ({"active": False}, {"oncePer": "url"}, {"oncePer": None}, {}):
        fold_.book = edited(fold_.book, **PER_MAIL | edit)
        opened(fold_, "a")
    assert fold_.awards == [(1, 5)] * 2  # the second without oncePer


def test_s13_values_of_another_property_are_other_values() -> None:
    fold_ = Fold(rulebook(PER_MAIL))
    opened(fold_, "a")
    fold_.book = edited(fold_.book, **PER_MAIL | {"oncePer": "url"})
    fold_.put(event(mail="a", url="a"))
    assert fold_.score == 10


def test_d26_reset_forgets_values_with_the_counts() -> None:
    fold_ = Fold(rulebook(PER_MAIL))
    opened(fold_, "a")
    fold_.put(command("reset", "r"))
    assert fold_.contact is not None and (fold_.contact.core.once, dict(fold_.contact.once)) == ((), {})
    assert opened(fold_, "a", "a") == [5, 5]


def test_d12_a_tag_given_by_command_counts_once_per_name() -> None:
    fold_ = Fold(rulebook(PER_TAG))
    for number, tag in enumerate(("vip", "x")):
        fold_.put(command("tag", f"t{number}", tag=tag))
        fold_.put(command("untag", f"u{number}", tag=tag))
    assert fold_.put(command("tag", "t2", tag="vip")).outputs == []
    fold_.put(command("untag", "u2", tag="vip"))
    fold_.put(event("tag_added", tagName="vip"))
    assert fold_.awards == [(1, 5)] * 2


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([2**53, 2**53 + 1, 2.0**53, 0.5, -0.0, 1e300])
    | st.sampled_from(["", "a", "1", "é", "\x00", "[]"]) | st.integers(-3, 3).map(float),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip


@given(json_values, json_values)
def test_s13_two_values_are_one_exactly_when_filters_call_them_the_same(one: Any, other: Any) -> None:
    assert (value_hash("p", one) == value_hash("p", other)) == same(one, other)
    assert value_hash("p", one) != value_hash("q", one)


# ---------------------------------------------------------------------------------------------- the once section
def put(engine: Engine, offset: int, *mails: str) -> Effects:
    events = [FakeRecord(offset + n, event_json(properties={"mail": mail})) for n, mail in enumerate(mails)]
    return engine.run(ENGAGEMENT, *events)


def memory(engine: Engine, rule: int = 1) -> Once | None:
    data = engine.state.data.get(b"1:42\x00o%d" % rule)
    return None if data is None else msgspec.msgpack.decode(data, type=Once)


def test_s13_values_are_found_again_in_later_batches() -> None:
    engine = Engine(rulebook(PER_MAIL))
    assert set(put(engine, 0, "a", "a", "b").changes) == {b"1:42\x00c", b"1:42\x00o1"}
    again = put(engine, 3, "a", "b")
    assert (again.outcomes.applied, again.outcomes.no_effect) == (0, 2)
    mixed = put(engine, 5, "c", "a", "c")
    assert (mixed.outcomes.applied, mixed.outcomes.no_effect) == (1, 2)
    assert memory(engine) == Once(1, 0, b"".join(value_hash("mail", mail) for mail in "abc"))


def test_s13_a_section_is_read_and_written_for_its_own_rule_only(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(rulebook(PER_MAIL, {"id": 2, "eventType": "email_click", "points": 1, "oncePer": "url"}))
    put(engine, 0, "a")
    asked: list[bytes] = []
    get = engine.state.get

    def noted(key: bytes) -> bytes | None:
        asked.append(key)
        return get(key)

    monkeypatch.setattr(engine.state, "get", noted)
    click = event_json(type="email_click", properties={"url": "u"})
    visit = event_json(type="page_visit")
    assert set(engine.run(ENGAGEMENT, FakeRecord(1, click), FakeRecord(2, visit)).changes) == {
        b"1:42\x00c", b"1:42\x00o2"
    }  # fmt: skip
    assert asked == [b"1:42\x00c"]
    put(engine, 3, "a")
    assert asked == [b"1:42\x00c", b"1:42\x00c", b"1:42\x00o1"]


def test_s18_deletion_drops_the_values_with_the_count() -> None:
    engine = Engine(rulebook(PER_MAIL, {"id": 2, "eventType": "email_open", "points": 1}))
    put(engine, 0, "a")
    engine = engine.under(deleted(engine.book, 1))
    effects = put(engine, 1, "a")
    assert effects.changes[b"1:42\x00o1"] is None
    assert memory(engine) is None


def test_remembered_values_go_with_the_fire_count() -> None:
    engine = Engine(rulebook(PER_MAIL, PER_TAG | {"id": 2}))
    put(engine, 0, "a")
    effects = engine.run(COMMANDS, FakeRecord(0, command_json(kind="reset", commandId="r")))
    assert effects.changes[b"1:42\x00o1"] is None
    put(engine, 1, "a")
    assert memory(engine) == Once(1, 0, value_hash("mail", "a"))
    engine.run(CONTACTS, FakeRecord(0, None))
    assert not engine.state.data
    assert put(engine, 2, "a").outcomes.applied == 1


def test_s13_a_reset_between_two_payments_of_one_batch_leaves_the_second_only() -> None:
    orders = [("adjust", {"points": 1}), ("reset", {}), ("adjust", {"points": 1})]
    for cut in (False, True):
        engine = Engine(rulebook(PER_TAG))
        tags = [("tag", {"tag": "a"}), ("untag", {"tag": "a"}), *orders, ("tag", {"tag": "a"}), ("untag", {"tag": "a"})]
        records = [FakeRecord(n, command_json(kind=k, commandId=f"c{n}", **f)) for n, (k, f) in enumerate(tags)]
        for batch in [[record] for record in records] if cut else [records]:
            engine.run(COMMANDS, *batch)
        assert memory(engine) == Once(1, 0, value_hash("tagName", "a"))


def test_s13_a_plain_payment_after_a_reset_does_not_bring_values_back() -> None:
    engine = Engine(rulebook(PER_TAG))
    order = iter(range(99))

    def run(*kinds: str) -> Effects:
        made = [(next(order), kind) for kind in kinds]
        return engine.run(
            COMMANDS, *[FakeRecord(n, command_json(kind=kind, commandId=f"c{n}", tag="a")) for n, kind in made]
        )

    run("tag", "untag")
    assert memory(engine) is not None
    engine = engine.under(edited(engine.book, **PER_TAG | {"oncePer": None}))
    assert run("reset", "tag", "untag").changes[b"1:42\x00o1"] is None
    engine = engine.under(edited(engine.book, **PER_TAG))
    assert run("tag").outcomes.applied == 1
    assert memory(engine) == Once(1, 0, value_hash("tagName", "a"))


def test_s13_memory_is_recalled_into_a_contact_that_has_changed_already() -> None:
    engine = Engine(rulebook(PER_MAIL, {"id": 2, "eventType": "email_click", "points": 1}))
    put(engine, 0, "a")
    before = memory(engine)
    click = FakeRecord(1, event_json(type="email_click"))
    tag = FakeRecord(2, event_json(type="tag_added", properties={"tagName": "x"}))
    again = FakeRecord(3, event_json(properties={"mail": "a"}))
    effects = engine.run(ENGAGEMENT, click, again, tag, again)
    assert set(effects.changes) == {b"1:42\x00c", b"1:42\x00f"}
    assert (effects.outcomes.applied, effects.outcomes.no_effect) == (2, 2)
    assert memory(engine) == before


def test_s13_a_tag_command_recalls_what_was_paid_in_an_earlier_batch() -> None:
    engine = Engine(rulebook(PER_TAG))
    applied = [
        bool(engine.run(COMMANDS, FakeRecord(n, command_json(kind=kind, commandId=f"c{n}", tag=tag))).outputs)
        for n, (kind, tag) in enumerate([("tag", "a"), ("untag", "a"), ("tag", "b"), ("tag", "a")])
    ]
    assert applied == [True, False, True, False]


# ---------------------------------------------------------------------------------------------- items
@pytest.mark.parametrize(
    ("items", "properties", "pays"),
    [
        ({"form": ["a", "b"]}, {"form": "b"}, True),
        ({"form": ["a", "b"]}, {"form": "c"}, False),
        ({"form": ["a", "b"]}, {}, False),
        ({"form": [1]}, {"form": "1"}, False),
        ({"form": [1]}, {"form": 1.0}, True),
        ({"form": ["a"]}, {"form": ["x", "a"]}, True),
        ({"form.id": [7]}, {"form": {"id": 7}}, True),
        ({"form": []}, {"form": "c"}, True),
        ({"form": []}, {}, True),
        ({}, {}, True),
        ({"form": ["a"], "page": ["p"]}, {"form": "a", "page": "p"}, True),
        ({"form": ["a"], "page": ["p"]}, {"form": "a", "page": "q"}, False),
        ({"form": ["a"], "page": []}, {"form": "a", "page": "q"}, True),
    ],
)
def test_s14_items_limit_and_an_empty_list_means_any(
    items: dict[str, Any], properties: dict[str, Any], pays: bool
) -> None:
    fold_ = Fold(rulebook(OPEN | {"items": items}))
    fold_.put(event(**properties))
    assert bool(fold_.awards) == pays


def test_s14_items_and_filter_of_one_property_must_both_hold() -> None:
    fold_ = Fold(rulebook(OPEN | {"items": {"form": ["a", "b"]}, "eventFilter": {"form": ["b", "c"]}}))
    for form in "abc":
        fold_.put(event(form=form))
    assert fold_.score == 5


# ---------------------------------------------------------------------------------------------- publish windows
UP, DOWN = "2026-01-01T00:00:00Z", "2026-01-01T02:00:00.500+01:00"


@pytest.mark.parametrize(
    ("window", "paid"),
    [
        ({"publishUp": UP, "publishDown": DOWN}, [T0, T0 + 3_600_500]),
        ({"publishUp": UP}, [T0, T0 + 3_600_500, T0 + 3_600_501]),
        ({"publishDown": DOWN}, [T0 - 1, T0, T0 + 3_600_500]),
        ({"publishUp": UP, "publishDown": UP}, [T0]),
        ({"publishUp": None, "publishDown": None}, [T0 - 1, T0, T0 + 3_600_500, T0 + 3_600_501]),
    ],
)
def test_s17_a_rule_pays_inside_its_window_by_event_time_both_ends_included(
    window: dict[str, str | None], paid: list[int]
) -> None:
    fold_ = Fold(rulebook(OPEN | window), clock=T0 + 10**10)
    times = [T0 - 1, T0, T0 + 3_600_500, T0 + 3_600_501]
    assert [at for at in times if fold_.put(event(at=at)).outputs] == paid


def test_s17_outside_the_window_no_cap_and_no_value_is_used() -> None:
    fold_ = Fold(rulebook(PER_MAIL | {"maxPerContact": 1, "publishUp": UP}))
    fold_.put(event(at=T0 - 1, mail="a"))
    fold_.put(event(at=T0, mail="a"))
    assert (fold_.awards, fold_.capped) == ([(1, 5)], 0)


def test_s17_plain_rules_beside_one_with_a_window_pay_as_ever() -> None:
    pricing = {"id": 2, "eventType": "email_open", "points": 1, "eventFilter": {"url": "p"}, "siteId": "1"}
    fold_ = Fold(rulebook(OPEN | {"publishDown": UP}, pricing, pricing | {"id": 3, "siteId": "2"}))
    fold_.put(event(at=T0 + 1, url="p"))
    fold_.put(event(at=T0 + 1, url="q"))
    fold_.put(event(at=T0, url="p"))
    assert fold_.awards == [(2, 1), (1, 5), (2, 1)]


# ---------------------------------------------------------------------------------------------- manual rules
def test_s19_manual_rules_follow_the_adjustments_award_in_id_order() -> None:
    fold_ = Fold(rulebook(MANUAL | {"id": 7, "points": 1}, MANUAL | {"id": 2, "points": 2, "maxPerContact": 1}))
    fold_.put(command("adjust", "a", amount=10))
    fold_.put(command("adjust", "b", amount=10))
    assert fold_.awards == [(None, 10), (2, 2), (7, 1), (None, 10), (7, 1)]
    assert (len(fold_.changes), fold_.score, fold_.capped) == (2, 24, 1)


def test_s17_manual_rules_go_by_the_time_of_the_command() -> None:
    fold_ = Fold(rulebook(MANUAL | {"publishUp": UP}), clock=T0 + 10**10)
    for number, at in enumerate((T0 - 1, T0)):
        fold_.put(command("adjust", f"c{number}", amount=1, at=at))
    assert fold_.awards == [(None, 1), (None, 1), (1, 5)]


@pytest.mark.parametrize("ask", [{"oncePer": "mail"}, {"items": {"mail": ["a"]}}, {"siteId": "1"}])
def test_s19_a_manual_rule_that_asks_for_what_adjustments_lack_never_pays(ask: dict[str, Any]) -> None:
    fold_ = Fold(rulebook(MANUAL | ask))
    fold_.put(command("adjust", "a", amount=1))
    assert fold_.awards == [(None, 1)]


def test_d8_manual_rules_do_not_pay_on_import_reset_or_tags() -> None:
    fold_ = Fold(rulebook(MANUAL))
    for number, (kind, fields) in enumerate(
        [("set", {"amount": 3, "fire_triggers": True}), ("tag", {"tag": "x"}), ("untag", {"tag": "x"}), ("reset", {})]
    ):
        fold_.put(command(kind, f"c{number}", **fields))
    assert fold_.awards == [(None, 3), (None, -3)]


def test_rules_keep_times_in_output_form() -> None:
    rule = rulebook(OPEN | {"publishUp": "2026-01-01T01:00:00.0009+01:00"}).org("1").rules[1]
    assert rule.publish_up == "2026-01-01T00:00:00.000Z"
    assert parse_time(rule.publish_up) == T0
