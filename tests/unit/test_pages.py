"""Page rules: visits counted, returned to, dwelt on, told twice (S25-S29, D5, D6, D25, decision 0013)."""

from typing import Any

import msgspec
import pytest

from schemas.state import CLICK_HASHES, VISIT_TIMES, RuleVisits, Visits
from stream_app.delivery.handler import Effects
from stream_app.scoring.dedupe import id_hash
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

A, B = "https://x.com/a", "https://x.com/b"


def rule(points: int = 5, rule_id: int = 1, **page: Any) -> dict[str, Any]:
    return {"id": rule_id, "eventType": "page_visit", "points": points, "page": {"url": f"{A}*"} | page}


def visit(at: float = 0, url: Any = A, kind: str = "page_visit", **properties: Any) -> Any:
    """A visit some seconds after T0."""
    return event(kind, at=T0 + int(at * 1000), **({} if url is None else {"url": url}) | properties)


def paying(fold_: Fold, *events: Any) -> list[int]:
    """What each event adds to the score."""
    added: list[int] = []
    for given in events:
        before = 0 if fold_.contact is None else fold_.score
        fold_.put(given)
        added.append(fold_.score - before)
    return added


def remembered(fold_: Fold) -> Visits:
    assert fold_.contact is not None
    return fold_.contact.visits


# ---------------------------------------------------------------------------------------------- url
def test_s25_a_page_rule_pays_for_each_visit_of_its_pages() -> None:
    fold_ = Fold(rulebook(rule()))
    visits = [visit(), visit(url=f"{A}/b?c"), visit(url=B), visit(url=None), visit(url=7), visit(url=[A])]
    assert paying(fold_, *visits) == [5, 5, 0, 0, 0, 0]
    assert fold_.contact is not None and fold_.contact.core.has == 0


def test_s25_without_an_address_any_page_will_do() -> None:
    fold_ = Fold(rulebook(rule(url=None, hits=2)))
    assert paying(fold_, visit(url=None), visit(url=B), visit(kind="email_click")) == [0, 5, 0]


def test_d6_a_rule_with_an_address_sees_clicks_too() -> None:
    fold_ = Fold(rulebook(rule(hits=2), rule(7, 2) | {"eventType": "email_click"}))
    visits = [visit(kind="email_click"), visit(), visit(kind="link_click"), visit(kind="email_click", url=B)]
    assert paying(fold_, *visits) == [7, 5, 0, 0]


def test_s10_page_rules_and_others_are_paid_in_id_order_in_one_change() -> None:
    plain = {"eventType": "page_visit", "points": 1}
    fold_ = Fold(rulebook(rule(rule_id=4), plain | {"id": 3}, rule(rule_id=2), plain | {"id": 5}))
    fold_.put(visit())
    assert len(fold_.changes) == 1
    assert fold_.awards == [(2, 5), (3, 1), (4, 5), (5, 1)]


def test_s29_site_filter_items_and_window_decide_what_is_a_visit() -> None:
    asked = {
        "siteId": "1", "eventFilter": {"lang": "de"}, "items": {"item": ["x"]}, "publishDown": "2026-01-01T00:00:09Z",
    }  # fmt: skip
    fold_ = Fold(rulebook(rule(hits=2) | asked, rule(1, 2, hits=1) | {"siteId": "2"}))
    fits = {"lang": "de", "item": "x"}
    visits = [visit(lang="de"), visit(item="x"), visit(0, B, **fits), visit(10, **fits), visit(0, **fits)]
    assert paying(fold_, *visits) == [0] * 5
    assert remembered(fold_).rules == {1: RuleVisits(1)}
    assert paying(fold_, visit(9, **fits)) == [5]


# ---------------------------------------------------------------------------------------------- clickId
@pytest.mark.parametrize(("first", "second"), [("c1", "c1"), (17, "17")])
def test_s25_one_click_that_arrives_twice_counts_once(first: Any, second: Any) -> None:
    fold_ = Fold(rulebook(rule(hits=2, everyNth=True)))
    twice = [visit(kind="email_click", clickId=first), visit(1, clickId=second)]
    assert paying(fold_, *twice, visit(2, clickId="c2"), visit(3)) == [0, 0, 5, 0]


@pytest.mark.parametrize("click", [None, "", True, 1.0, ["c"], {"c": 1}])
def test_s25_what_is_no_click_id_makes_no_repeat(click: Any) -> None:
    fold_ = Fold(rulebook(rule()))
    assert paying(fold_, visit(clickId=click), visit(clickId=click)) == [5, 5]


def test_d25_only_page_rules_ignore_the_second_event() -> None:
    plain = {"id": 2, "eventType": "page_visit", "points": 1}
    fold_ = Fold(rulebook(rule(), plain))
    assert paying(fold_, visit(clickId="c"), visit(clickId="c")) == [6, 1]


def test_d25_a_click_that_no_page_rule_has_counted_is_not_remembered() -> None:
    fold_ = Fold(rulebook(rule()))
    assert paying(fold_, visit(url=B, clickId="c"), visit(clickId="c"), visit(clickId="c")) == [0, 5, 0]


def test_d25_an_ignored_event_does_not_end_a_visit() -> None:
    fold_ = Fold(rulebook(rule(timeSpentSeconds=60)))
    said = [visit(kind="email_click", clickId="c"), visit(1, clickId="c"), event(at=T0 + 60_000)]
    assert paying(fold_, *said) == [0, 0, 5]


def test_d6_256_click_ids_are_remembered() -> None:
    fold_ = Fold(rulebook(rule()))
    paying(fold_, *(visit(clickId=number) for number in range(CLICK_HASHES)))
    assert paying(fold_, visit(clickId=0), visit(clickId="new"), visit(clickId=1), visit(clickId=0)) == [0, 5, 0, 5]
    assert len(remembered(fold_).clicks) == 8 * CLICK_HASHES


# ---------------------------------------------------------------------------------------------- hits
def test_s26_hits_pay_from_the_nth_visit_on() -> None:
    fold_ = Fold(rulebook(rule(hits=3)))
    assert paying(fold_, visit(), visit(url=f"{A}/b"), visit(), visit(url=B), visit()) == [0, 0, 5, 0, 5]


def test_s26_every_nth_pays_at_each_multiple() -> None:
    fold_ = Fold(rulebook(rule(hits=2, everyNth=True)))
    assert paying(fold_, *[visit()] * 5) == [0, 5, 0, 5, 0]


def test_s26_not_repeatable_pays_once_at_the_nth() -> None:
    fold_ = Fold(rulebook(rule(hits=2) | {"repeatable": False}))
    assert paying(fold_, *[visit()] * 4) == [0, 5, 0, 0]


def test_d5_visits_count_while_the_rule_is_capped_and_not_while_it_is_off() -> None:
    body = rule(hits=2, everyNth=True)
    fold_ = Fold(rulebook(body | {"maxPerContact": 1}))
    assert paying(fold_, *[visit()] * 5) == [0, 5, 0, 0, 0]
    assert fold_.capped == 1
    fold_.book = edited(fold_.book, **body)
    assert paying(fold_, visit()) == [5]
    fold_.book = edited(fold_.book, **body | {"active": False})
    assert paying(fold_, visit()) == [0]
    fold_.book = edited(fold_.book, **body)
    assert paying(fold_, visit(), visit()) == [0, 5]


def test_s13_a_visit_counts_though_its_value_was_paid_for() -> None:
    fold_ = Fold(rulebook(rule(hits=2) | {"oncePer": "url"}))
    assert paying(fold_, visit(), visit(), visit(), visit(url=f"{A}/b"), visit(url=f"{A}/b")) == [0, 5, 0, 5, 0]


def test_d3_a_visit_without_the_property_does_not_pay() -> None:
    fold_ = Fold(rulebook(rule() | {"oncePer": "lang"}))
    assert paying(fold_, visit(), visit(lang="de"), visit(lang="de")) == [0, 5, 0]


# ---------------------------------------------------------------------------------------------- returns
def test_s27_a_return_within_pays_both_ends_included() -> None:
    fold_ = Fold(rulebook(rule(returnsWithinSeconds=60)))
    visits = [visit(0), visit(60), visit(120.001), visit(121, B), visit(180.001), visit(180.001)]
    assert paying(fold_, *visits) == [0, 5, 0, 0, 5, 5]


def test_s27_a_return_after_pays_both_ends_included() -> None:
    fold_ = Fold(rulebook(rule(returnsAfterSeconds=60, returnsWithinSeconds=120)))
    assert paying(fold_, *map(visit, (0, 60, 119.999, 239.999, 360))) == [0, 5, 0, 5, 0]
    assert paying(Fold(rulebook(rule(returnsAfterSeconds=0))), visit(), visit()) == [0, 5]


def test_s27_a_late_visit_returns_to_the_one_before_it_and_pays_nothing_to_later_ones() -> None:
    fold_ = Fold(rulebook(rule(returnsWithinSeconds=60)))
    assert paying(fold_, *map(visit, (100, 300, 150, 50, 320))) == [0, 0, 5, 0, 5]


def test_s27_the_newest_visits_are_remembered() -> None:
    fold_ = Fold(rulebook(rule(returnsWithinSeconds=1)))
    paying(fold_, *(visit(10 * number) for number in range(VISIT_TIMES + 1)))
    assert len(remembered(fold_).rules[1].times) == VISIT_TIMES
    assert paying(fold_, visit(1), visit(11)) == [0, 5]  # what was at 0 is forgotten, what was at 10 is not


# ---------------------------------------------------------------------------------------------- time spent
def test_s28_the_event_that_closes_the_visit_pays_when_the_sum_first_reaches() -> None:
    fold_ = Fold(rulebook(rule(timeSpentSeconds=60), rule(7, 2, timeSpentSeconds=90)))
    said = [visit(0), visit(30, B), visit(100), event(at=T0 + 130_000), event(at=T0 + 131_000), visit(200), visit(230)]
    assert paying(fold_, *said) == [0, 0, 0, 5, 0, 0, 7]
    assert [change.cause.type for change in fold_.changes] == ["email_open", "page_visit"]  # type: ignore[union-attr]  # events


def test_s28_a_visit_may_say_how_long_it_was() -> None:
    fold_ = Fold(rulebook(rule(timeSpentSeconds=60)))
    assert paying(fold_, visit(0, dwellSeconds=59.999), visit(100, dwellSeconds=0.001)) == [0, 5]
    for wrong in (True, "60", -1, None, [60]):
        assert paying(Fold(rulebook(rule(timeSpentSeconds=1))), visit(dwellSeconds=wrong), visit(1, B)) == [0, 5]


def test_s28_a_visit_counts_at_most_30_minutes() -> None:
    for long in ([visit(0, dwellSeconds=1e300), visit(1, dwellSeconds=10**30)], [visit(0), visit(9000), visit(18_000)]):
        fold_ = Fold(rulebook(rule(timeSpentSeconds=3600), rule(1, 2, timeSpentSeconds=3601)))
        assert paying(fold_, *long)[-1] == 5


def test_s28_the_longest_visit_is_a_setting() -> None:
    engine = Engine(rulebook(rule(timeSpentSeconds=11)), settings={"max_dwell_seconds": 10})
    times = ["2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z", "2026-01-01T00:02:00Z"]
    applied = [put(engine, n, url=A, at=at).outcomes.applied for n, at in enumerate(times)]
    assert applied == [0, 0, 1]


def test_d6_a_late_visit_has_no_dwell_and_neither_opens_nor_closes() -> None:
    fold_ = Fold(rulebook(rule(timeSpentSeconds=60)))
    said = [visit(100), visit(50), visit(60, dwellSeconds=600), event(at=T0 + 90_000), visit(160)]
    assert paying(fold_, *said) == [0, 0, 0, 0, 5]


def test_d6_the_next_event_may_be_of_any_type_and_of_the_same_instant() -> None:
    fold_ = Fold(rulebook(rule(timeSpentSeconds=1)))
    tag = event("tag_added", at=T0 + 1000, tagName="x")
    assert paying(fold_, visit(), visit(), tag) == [0, 0, 5]
    fold_ = Fold(rulebook(rule(timeSpentSeconds=2)))
    assert paying(fold_, tag, visit(1), event("tag_added", at=T0 + 3000, tagName="x")) == [0, 0, 5]


def test_s29_a_dwell_pays_for_a_visit_that_met_all_else() -> None:
    fold_ = Fold(rulebook(rule(timeSpentSeconds=10, hits=3)))
    assert paying(fold_, visit(0), visit(10), visit(20), visit(30), visit(40)) == [0, 0, 0, 5, 0]


def test_d5_a_rule_that_is_off_or_past_its_window_when_the_visit_ends_does_not_count_it() -> None:
    body = rule(timeSpentSeconds=10)
    for change in ({"active": False}, {"publishDown": "2026-01-01T00:00:15Z"}, {"page": {"url": A}}):
        fold_ = Fold(rulebook(body))
        fold_.put(visit())
        fold_.book = edited(fold_.book, **body | change)
        assert paying(fold_, event(at=T0 + 20_000)) == [0]
        fold_.book = edited(fold_.book, **body)
        assert paying(fold_, event(at=T0 + 40_000), visit(50), event(at=T0 + 60_000)) == [0, 0, 5]


# ---------------------------------------------------------------------------------------------- what is remembered
def test_d26_a_reset_starts_visits_anew_but_remembers_clicks() -> None:
    fold_ = Fold(rulebook(rule(hits=2), rule(7, 2, timeSpentSeconds=5)))
    assert paying(fold_, visit(clickId="c"), command("reset", "r"), visit(1, clickId="c"), visit(9)) == [0, 0, 0, 0]
    assert remembered(fold_).clicks == id_hash("c")
    assert paying(fold_, visit(10), visit(14)) == [5, 12]


def put(engine: Engine, offset: int, at: str = "2026-01-01T00:00:00Z", **properties: Any) -> Effects:
    return engine.run(
        ENGAGEMENT, FakeRecord(offset, event_json(type="page_visit", occurredAt=at, properties=properties))
    )


def section(engine: Engine) -> Visits | None:
    data = engine.state.data.get(b"1:42\x00v")
    return None if data is None else msgspec.msgpack.decode(data, type=Visits)


def test_s26_visits_are_found_again_in_later_batches() -> None:
    engine = Engine(rulebook(rule(hits=2)))
    assert set(put(engine, 0, url=A).changes) == {b"1:42\x00c", b"1:42\x00v"}
    assert put(engine, 1, url=A).outcomes.applied == 1
    assert section(engine) == Visits(1, {1: RuleVisits(2)})


def test_the_visits_section_is_read_only_where_a_page_rule_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(rulebook(rule(hits=2), rule(1, 2, url=B, timeSpentSeconds=60)))
    put(engine, 0, url=A)
    asked: list[bytes] = []
    get = engine.state.get

    def noted(key: bytes) -> bytes | None:
        asked.append(key.rpartition(b"\x00")[2])
        return get(key)

    monkeypatch.setattr(engine.state, "get", noted)
    engine.run(ENGAGEMENT, FakeRecord(1, event_json()))
    assert asked == [b"c"]
    asked.clear()
    put(engine, 2, url=B)
    assert asked == [b"c", b"v"]
    asked.clear()
    engine.run(ENGAGEMENT, FakeRecord(3, event_json()))  # closes the visit
    engine.run(ENGAGEMENT, FakeRecord(4, event_json()))
    assert asked == [b"c", b"v", b"c"]


def test_s12_deletion_drops_what_was_remembered() -> None:
    engine = Engine(rulebook(rule(hits=9), rule(1, 2, hits=9)))
    put(engine, 0, url=A)
    engine = engine.under(deleted(engine.book, 1))
    put(engine, 1, url=A)
    assert section(engine) == Visits(1, {2: RuleVisits(2)})


def test_a_section_of_visits_that_would_be_empty_is_deleted() -> None:
    engine = Engine(rulebook(rule(timeSpentSeconds=60)))
    put(engine, 0, url=A)
    engine = engine.under(deleted(engine.book, 1))
    effects = put(engine, 1, url=A)
    assert effects.changes[b"1:42\x00v"] is None and section(engine) is None


def test_s52_an_erased_contact_leaves_no_visits() -> None:
    engine = Engine(rulebook(rule(hits=9)))
    put(engine, 0, url=A, clickId="c")
    engine.run(CONTACTS, FakeRecord(0, None))
    assert not engine.state.data


def test_d26_a_reset_drops_the_section_unless_it_holds_clicks() -> None:
    for click, left in (({}, None), ({"clickId": "c"}, Visits(1, clicks=id_hash("c")))):
        engine = Engine(rulebook(rule(hits=9)))
        put(engine, 0, url=A, **click)
        engine.run(COMMANDS, FakeRecord(0, command_json(kind="reset", commandId="r")))
        assert section(engine) == left
        put(engine, 1, url=A)
        assert section(engine) == Visits(1, {1: RuleVisits(1)}, clicks=b"" if left is None else left.clicks)


def test_visits_are_recalled_into_a_contact_that_has_changed_already() -> None:
    engine = Engine(rulebook(rule(hits=3), {"id": 2, "eventType": "email_open", "points": 1}))
    put(engine, 0, url=A)
    records = [event_json(), event_json(type="page_visit", properties={"url": A})]
    engine.run(ENGAGEMENT, *(FakeRecord(1 + n, value) for n, value in enumerate(records * 2)))
    assert section(engine) == Visits(1, {1: RuleVisits(3)})


def test_s13_a_page_rule_recalls_the_values_that_it_has_paid_for() -> None:
    engine = Engine(rulebook(rule() | {"oncePer": "lang"}))
    applied = [put(engine, n, url=A, lang=lang).outcomes.applied for n, lang in enumerate(["de", "en", "de"])]
    assert applied == [1, 1, 0]
