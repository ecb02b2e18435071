"""When a decaying score is looked at next: no tick passed over, and no long way to it (S38, decision 0015)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.profiles import ProfileBody
from schemas.state import ProfileState
from schemas.times import DAY_MS, format_time
from stream_app.scoring import decay_due
from stream_app.scoring.decay import open_sums, shares, unclamped
from stream_app.scoring.half_life import NANO
from stream_app.scoring.linear import Linear
from stream_app.scoring.profiles import ScoredProfile
from stream_app.scoring.rulebook import EMPTY_RULEBOOK, fold
from tests.scoring_kit import (
    ENGAGEMENT,
    T0,
    Engine,
    FakeRecord,
    Fold,
    attributes,
    edited,
    event,
    profile_record,
    rule_record,
    rulebook,
)  # fmt: skip

CANCELLING: list[dict[str, Any]] = [
    {"id": 1, "eventType": "email_open", "points": 10**6, "group": "g"},
    {"id": 2, "eventType": "email_click", "points": -(10**6)},
]
LINES = st.builds(
    lambda percent, days: {"percent": percent, "periodDays": days}, st.integers(2, 100), st.integers(1, 9)
)
HALVES = st.builds(lambda days: {"halfLifeDays": days}, st.integers(1, 40))
AWARDS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from([-40, -9, -1, 1, 5, 40]), st.integers(0, 9 * DAY_MS)), max_size=9
)
BOUNDS = st.tuples(st.sampled_from([None, 0, 7]), st.sampled_from([None, -5, -1]))


@pytest.mark.parametrize("groups", [[], [{"name": "g", "max": 10**6}], [{"name": "g", "max": 10**5, "min": 5}]])
@pytest.mark.parametrize("decay", [{"halfLifeDays": 36_500}, {"percent": 1, "periodDays": 365}])
def test_gains_and_losses_that_cancel_out_are_not_looked_at_day_by_day(
    decay: dict[str, int], groups: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [rule_record(n, **rule) for n, rule in enumerate(CANCELLING)]
    fold_ = Fold(fold(EMPTY_RULEBOOK, [*records, profile_record(2, decay=decay, groups=groups)]).rulebook)
    fold_.put(event())
    fold_.put(event("email_click", at=T0 - 7))
    looks = list[int]()

    def counted(profile: Any, sums: Any, fit: Any, at: int) -> Any:
        looks.append(at)
        return shares(profile, sums, fit, at)

    monkeypatch.setattr(decay_due, "shares", counted)
    assert fold_.contact is not None
    decay_due.next_move(fold_.book.org("1").profiles["default"], fold_.contact.core.profiles["default"])
    assert len(looks) < 200


def of_many_days(days: int = 290) -> Fold:
    """A contact that an email has cost and brought points on each of so many days, below a ceiling."""
    records = [
        rule_record(n, **{**rule, "points": points})
        for n, (rule, points) in enumerate(zip(CANCELLING, (5, -1), strict=True))
    ]
    line = {"percent": 10, "periodDays": 30}
    fold_ = Fold(fold(EMPTY_RULEBOOK, [*records, profile_record(2, decay=line, ceiling=100)]).rulebook)
    fold_.clock = T0 + days * DAY_MS
    for day in range(days):
        for n, kind in enumerate(("email_open", "email_click")):
            fold_.put(event(kind, at=T0 + day * DAY_MS + 7_000 * n))
    return fold_


def test_a_line_of_many_days_is_looked_at_without_walking_them_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    fold_, walked = of_many_days(), list[int]()
    one = Linear._left  # pyright: ignore[reportPrivateUsage]

    def counted(self: Linear, day: int, pile: tuple[int, int], at: int) -> int:
        walked.append(day)
        return one(self, day, pile, at)

    monkeypatch.setattr(Linear, "_left", counted)
    assert fold_.contact is not None
    state = fold_.contact.core.profiles["default"]
    assert decay_due.next_move(fold_.book.org("1").profiles["default"], state) is not None
    assert len(walked) < 600  # as many as there are piles; it was 100 times that


def test_contacts_that_take_long_to_look_at_are_fewer_in_a_batch() -> None:
    fold_ = of_many_days()
    assert fold_.contact is not None
    assert decay_due.weight(fold_.contact.core) == 1 + 580 // 8
    engine = Engine(fold_.book, clock=fold_.clock)
    for number in range(9):
        said = {"orgId": "1", "contactId": f"c{number}", "type": "email_open"}
        records = [
            FakeRecord(100 * number + day, json.dumps({**said, "occurredAt": format_time(T0 + day * DAY_MS)}).encode(),
                       f"1:c{number}".encode(), fold_.clock)
            for day in range(80)
        ]  # fmt: skip
        engine.run(ENGAGEMENT, *records, until=0)
    work = engine.handler.begin(engine.batch("sweep"), engine.state)
    assert work.sweep(b"", 25) == b"1:c2\x00c"  # 80 piles each weigh 11
    work = engine.handler.begin(engine.batch("clock"), engine.state)
    assert work.due(fold_.clock + 2 * DAY_MS, 25) == 3
    assert work.due(fold_.clock + 2 * DAY_MS, 1) == 1  # one at least


def test_an_alarm_is_not_later_than_what_is_due_of_a_profile_that_was_told_of_long_ago() -> None:
    """A fit rule that moves to another group tells nothing, but what is shown then falls sooner."""
    fits = {"type": "attribute", "field": "a", "op": "eq", "value": 1}
    rules = (
        {"id": 1, "eventType": "email_open", "points": 72},
        {"id": 9, "name": "Fits", "points": 30, "attribute": fits},
    )
    body = {"ceiling": 60, "thresholds": [60], "groups": [{"name": "h", "max": 0}]}
    fold_ = Fold(rulebook(*rules, decay={"halfLifeDays": 7}, **body))
    fold_.put(attributes(a=1))
    fold_.put(event())
    fold_.wait(T0 + 44 * 3_600_000)
    told = len(fold_.outputs)
    assert fold_.sweep(edited(fold_.book, **{**rules[1], "group": "h"}))
    assert fold_.contact is not None and fold_.contact.core.alarm is not None and len(fold_.outputs) == told
    state = fold_.contact.core.profiles["default"]
    due = decay_due.next_move(fold_.book.org("1").profiles["default"], state)
    assert state.decay is not None and state.decay.told == T0 and due is not None
    assert fold_.contact.core.alarm.due == due < T0 + 48 * 3_600_000


@given(st.one_of(LINES, HALVES), AWARDS, st.lists(BOUNDS, max_size=2), st.sampled_from([None, -3, 2]))
def test_no_tick_is_passed_over_at_which_another_integer_is_shown(
    decay: dict[str, int], awards: list[tuple[str, int, int]], bounds: list[tuple[int | None, int | None]],
    floor: int | None,
) -> None:  # fmt: skip
    groups = [{"name": name, "max": most, "min": least} for name, (most, least) in zip("ab", bounds, strict=False)]
    profile = ScoredProfile("default", ProfileBody.model_validate({"decay": decay, "groups": groups, "floor": floor}))
    assert profile.decay is not None
    sums = open_sums(profile, profile.decay, ProfileState(), 0)
    for group, points, at in awards:
        sums.add(group, points * NANO, at)
    told = 9 * DAY_MS
    shown = profile.clamp(unclamped(profile, sums, {}, told))
    ticks = (told + number * DAY_MS for number in range(1, (sums.ends_at() - told) // DAY_MS + 3))
    first = next((at for at in ticks if profile.clamp(unclamped(profile, sums, {}, at)) != shown), None)
    assert decay_due.next_move(profile, ProfileState(shown=shown, decay=sums.kept(told))) == first
