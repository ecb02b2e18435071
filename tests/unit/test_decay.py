"""Decay: its numbers, when it is told, what it does beside limits, fit rules, silences, formulas (S38)."""

import asyncio
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.ids import contact_key
from schemas.outputs import ScoreChanged
from schemas.profiles import ProfileBody
from schemas.state import HalfLifeSums, LinearSums, ProfileState
from schemas.times import DAY_MS, MAX_TIME, format_time, parse_time
from stream_app.delivery.status import PartitionStatus
from stream_app.processing.placement import partition_of
from stream_app.reading.contacts import ContactQueries, ContactScore
from stream_app.reading.recent_awards import RecentAwards
from stream_app.scoring.half_life import NANO, HalfLife, decayed, factor
from stream_app.scoring.rulebook import Rulebook
from tests.scoring_kit import (
    T0,
    Fold,
    attributes,
    command,
    event,
    profile_record,
    published_record,
    rulebook,
    with_records,
)  # fmt: skip
from tests.unit.web_fakes import SCORES, FakePartitions

HALF = {"halfLifeDays": 14}
LINE = {"percent": 50, "periodDays": 30}
INT64 = 2**63 - 1
OPENED = {"id": 1, "eventType": "email_open", "points": 25}


def book(*rules: dict[str, Any], thresholds: tuple[Any, ...] = (), **body: Any) -> Rulebook:
    return rulebook(*rules or (OPENED,), thresholds=thresholds, **body)


def state(fold_: Fold, profile_id: str = "default") -> ProfileState:
    assert fold_.contact is not None
    return fold_.contact.core.profiles[profile_id]


def due(fold_: Fold) -> int | None:
    assert fold_.contact is not None and fold_.contact.core.alarm is not None
    return fold_.contact.core.alarm.due


def time_of(change: ScoreChanged) -> int:
    return parse_time(change.occurred_at)


# ---------------------------------------------------------------------------------------------- numbers
@pytest.mark.parametrize(
    ("points", "days", "shown"), [(25, 14, 13), (25, 28, 6), (-25, 14, -12), (-25, 28, -6), (25, 0, 25), (1, 14, 1)]
)
def test_S38_whole_half_lives_are_exact_and_rounded_half_up(points: int, days: int, shown: int) -> None:
    fold_ = Fold(book({**OPENED, "points": points}, decay=HALF))
    fold_.put(event())
    fold_.wait(T0 + days * DAY_MS)
    assert (fold_.score, state(fold_).total) == (shown, points)


def test_D4_the_sum_is_rounded_and_never_an_award() -> None:
    fold_ = Fold(book({**OPENED, "points": 1}, decay=HALF))
    for number in range(3):
        fold_.put(event(event_id=str(number)))
    fold_.wait(T0 + 14 * DAY_MS)
    assert fold_.score == 2


@given(st.integers(-(10**30), 10**30), st.integers(0, 10**13), st.integers(0, 10**13), st.integers(1, 36_500))
def test_a_half_life_in_one_step_equals_two_steps_within_rounding(nano: int, one: int, two: int, days: int) -> None:
    half_life = days * DAY_MS
    direct = decayed(nano, one + two, half_life)
    stepwise = decayed(decayed(nano, one, half_life), two, half_life)
    assert abs(direct - stepwise) <= 2 + (abs(nano) >> 36)


@given(st.integers(1, 10**15), st.lists(st.integers(0, 10**12), min_size=2, max_size=2), st.integers(1, 36_500))
def test_a_half_life_is_what_the_power_of_two_says(nano: int, passed: list[int], days: int) -> None:
    sooner, later = sorted(passed)
    half_life = days * DAY_MS
    assert abs(decayed(nano, later, half_life) - nano * 2 ** (-later / half_life)) <= 1 + nano * 2**-38
    assert decayed(nano, later, half_life) <= decayed(nano, sooner, half_life) + 1


@given(st.integers(-(10**12), 10**12), st.integers(0, 100 * DAY_MS), st.sampled_from([-1, 0, 1]))
def test_a_sum_is_shifted_by_no_more_than_its_bits(nano: int, passed: int, beside: int) -> None:
    left, whole = factor(passed, DAY_MS)
    for amount in (nano, (1 << whole) + beside, -(1 << whole) + beside):
        assert decayed(amount, passed, DAY_MS) == (amount * left + (1 << 61 + whole)) >> 62 + whole
    ages = DAY_MS << 80  # 2^80 half-lives: shifted by so many bits it would not fit any machine
    assert (decayed(nano, ages, DAY_MS), decayed(-(2**62), ages, DAY_MS)) == (0, 0)


@pytest.mark.parametrize("decay", [HALF, {"percent": 1, "periodDays": 36_500}])
def test_sums_beyond_64_bits_are_kept_and_int64_is_shown(decay: dict[str, int]) -> None:
    fold_ = Fold(book(decay=decay))
    fold_.put(command("adjust", "a", amount=INT64))
    assert (fold_.score, state(fold_).total) == (INT64, INT64)
    coded = msgspec.msgpack.encode(state(fold_))
    assert msgspec.msgpack.decode(coded, type=ProfileState) == state(fold_)
    fold_.wait(T0 + 14 * DAY_MS)
    assert 0 < fold_.score < INT64
    fold_.put(command("adjust", "b", amount=-INT64, at=fold_.clock))
    assert state(fold_).total == 0 and fold_.score < 0


def test_state_from_before_decay_is_read() -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode([5, 1, 5, 1]), type=ProfileState) == ProfileState(5, 1, 5, 1)


def test_half_life_sums_hold_no_zeros_and_are_in_order_of_groups() -> None:
    sums = HalfLife(1)
    for group in ("b", None, "a", "z"):
        sums.add(group, NANO if group != "z" else 0, 5)
    assert [group for group, _ in sums.kept(7).sums] == [None, "a", "b"]
    assert HalfLife(1, sums.kept(7)).kept(7) == sums.kept(7)


# ---------------------------------------------------------------------------------------------- bodies
@pytest.mark.parametrize(
    "decay",
    [{}, {"percent": 5}, {"periodDays": 5}, {**HALF, **LINE}, {"halfLifeDays": 0}, {"halfLifeDays": 36_501},
     {"halfLifeDays": 1.0}, {"percent": 101, "periodDays": 1}, {"percent": 0, "periodDays": 1}, {"days": 3}],
)  # fmt: skip
def test_a_decay_says_one_kind_in_whole_numbers(decay: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ProfileBody.model_validate({"decay": decay})


def test_a_formula_does_not_decay_and_a_decay_is_answered_as_it_may_be_put() -> None:
    with pytest.raises(ValidationError):
        ProfileBody.model_validate({"decay": HALF, "formula": {"average": ["default"]}})
    for decay in (HALF, LINE, None):
        assert ProfileBody.model_validate({"decay": decay}).model_dump(by_alias=True)["decay"] == decay


# ---------------------------------------------------------------------------------------------- when it is told
def test_S38_a_threshold_is_told_at_the_millisecond_and_other_moves_once_a_day() -> None:
    fold_ = Fold(book(decay=HALF, thresholds=(20, {"value": 10, "hysteresis": 2})))
    fold_.put(event())
    fold_.wait(T0 + 60 * DAY_MS)
    clock = [change for change in fold_.changes if change.cause.__class__.__name__ == "ClockCause"]
    assert all(not change.awards and change.previous_score != change.score for change in clock)
    assert fold_.crossings == [(10, "up"), (20, "up"), (20, "down"), (10, "down")]
    crossed = next(change for change in clock if change.score == 19)
    at = int(crossed.id.split("-")[1])
    assert crossed.id == f"clock-{at}-decay-1-42/default"
    assert crossed.occurred_at == format_time(at)
    account = HalfLife(14)
    account.add(None, 25 * NANO, T0)
    assert sum(account.left(at)[None]) * 2 < 39 * NANO <= sum(account.left(at - 1)[None]) * 2
    steps = pairwise([fold_.changes[0], *clock])
    gaps = {after.score: time_of(after) - time_of(before) for before, after in steps}
    assert [score for score, gap in gaps.items() if gap % DAY_MS] == [19, 7]


def test_idle_contacts_have_no_alarm_when_nothing_moves_any_more() -> None:
    fold_ = Fold(book(decay=HALF, ceiling=5))
    fold_.put(event())
    alarm = due(fold_)
    assert alarm is not None and alarm > T0 + 20 * DAY_MS  # 25 falls below 5.5 after 30 days
    fold_.wait(T0 + 400 * DAY_MS)
    assert (fold_.score, due(fold_)) == (0, None)
    told = len(fold_.changes)
    fold_.wait(T0 + 9999 * DAY_MS)
    assert len(fold_.changes) == told


def test_a_move_after_the_last_time_there_is_is_not_due() -> None:
    fold_ = Fold(book(decay={"halfLifeDays": 36_500}), clock=MAX_TIME - DAY_MS)
    fold_.put(event(at=MAX_TIME - DAY_MS))
    assert due(fold_) is None


def test_an_award_tells_what_was_shown_and_counts_what_time_has_taken() -> None:
    fold_ = Fold(book(decay=HALF))
    fold_.put(event(event_id="a"))
    fold_.wait(T0 + 14 * DAY_MS)
    fold_.put(event(event_id="b", at=T0 + 14 * DAY_MS))
    assert (fold_.changes[-1].previous_score, fold_.score) == (13, 38)
    fold_.put(event(event_id="late", at=T0))
    assert fold_.score == 50
    fold_.put(event(event_id="ahead", at=T0 + 28 * DAY_MS))
    assert fold_.score == 75


@pytest.mark.parametrize("kind", ["adjust", "set", "event"])
def test_what_came_late_to_the_clock_is_not_older_for_it(kind: str) -> None:
    """Another source is two days behind, and so is the clock (S60): what comes now is of now all the same."""
    now = T0 + 2 * DAY_MS
    fold_ = Fold(book({**OPENED, "points": 50}, decay={"halfLifeDays": 1}), wall=now + 5)
    fold_.put(event(at=now) if kind == "event" else command(kind, "c1", amount=50, at=now))
    assert fold_.scores == [50]
    assert due(fold_) == now + DAY_MS
    fold_.wait(now)
    assert fold_.scores == [50]
    fold_.wait(now + DAY_MS)
    assert fold_.scores == [50, 25]


def test_an_award_from_the_future_decays_from_the_wall_time_at_which_it_was_taken() -> None:
    fold_ = Fold(book(decay=HALF), wall=T0 + DAY_MS)
    fold_.put(event(at=T0 + 999 * DAY_MS))
    fold_.wait(T0 + 15 * DAY_MS)
    assert fold_.score == 13


@pytest.mark.parametrize("first", ["adjust", "attributes"])
def test_a_wrong_time_at_a_first_start_does_not_end_decay(first: str) -> None:
    """The clock stands at 0, for a source is unread; what is dated of the end of time is of when it was taken."""
    fold_ = Fold(book({**OPENED, "points": 100}, decay={"halfLifeDays": 1}), clock=0, wall=T0)
    wrong = command("adjust", "c1", amount=0, at=MAX_TIME)
    fold_.put(wrong if first == "adjust" else attributes(at=MAX_TIME))
    fold_.put(event(event_id="a", at=T0))
    assert fold_.scores[-1] == 100
    for day in (1, 2):
        fold_.wait(T0 + day * DAY_MS)
    assert fold_.scores[-2:] == [50, 25]
    fold_.put(event(event_id="b", at=T0 + 2 * DAY_MS))
    assert fold_.scores[-1] == 125


def test_what_the_source_that_lags_brings_is_as_old_as_it_is() -> None:
    fold_ = Fold(book(decay=HALF), wall=T0 + 14 * DAY_MS)
    fold_.put(event(event_id="now", at=T0 + 14 * DAY_MS))
    fold_.put(event(event_id="then", at=T0))
    assert fold_.scores == [25, 38]
    fold_.put(command("set", "c1", amount=10, at=T0))
    assert fold_.scores[-1] == 10


def test_decay_acts_before_a_silence_of_the_same_instant() -> None:
    silence = {"id": 5, "points": -3, "inactivity": {"days": 1, "repeat": True}}
    fold_ = Fold(book(OPENED, silence, decay={"halfLifeDays": 1}))
    fold_.put(event())
    fold_.wait(T0 + DAY_MS)
    assert [change.id.split("-")[2] for change in fold_.changes[1:]] == ["decay", "5"]
    assert [(change.previous_score, change.score) for change in fold_.changes[1:]] == [(25, 13), (13, 10)]
    fold_.wait(T0 + 2 * DAY_MS)
    assert [change.score for change in fold_.changes[3:]] == [5, 2]


def test_a_formula_follows_in_the_same_occasion_once() -> None:
    config = with_records(
        book(decay={"halfLifeDays": 1}),
        published_record(0, "buy", {"id": 7, "eventType": "email_open", "points": 40}, decay={"halfLifeDays": 1}),
        published_record(0, "all", formula={"average": ["default", "buy"]}),
    )
    fold_ = Fold(config)
    fold_.put(event())
    fold_.wait(T0 + DAY_MS)
    ids = [change.id for change in fold_.changes[3:]]
    assert ids == [f"clock-{T0 + DAY_MS}-decay-1-42/{name}" for name in ("all", "buy", "default")]
    assert [fold_.shown(name) for name in ("default", "buy", "all")] == [13, 20, 17]


def test_groups_are_limited_by_what_they_have_left() -> None:
    rules = [{"id": 1, "eventType": "email_open", "points": 100, "group": "g"},
             {"id": 2, "eventType": "email_open", "points": 10}]  # fmt: skip
    fold_ = Fold(book(*rules, decay={"halfLifeDays": 1}, groups=[{"name": "g", "max": 60, "min": None}]))
    fold_.put(event())
    assert fold_.score == 70
    fold_.wait(T0 + DAY_MS)
    assert fold_.score == 55


def test_a_fit_rule_takes_back_what_it_pays() -> None:
    fit = {"id": 4, "points": 40, "attribute": {"type": "attribute", "field": "vip", "op": "eq", "value": True}}
    fold_ = Fold(book(OPENED, fit, decay={"halfLifeDays": 1}))
    fold_.put(attributes(vip=True))
    fold_.put(event())
    fold_.wait(T0 + DAY_MS)
    assert fold_.score == 53
    fold_.put(attributes(at=fold_.clock))
    assert fold_.score == 13


@pytest.mark.parametrize(("kind", "more"), [("set", {"amount": 50}), ("adjust", {"amount": 37})])
def test_S60_while_the_clock_stands_at_0_an_order_tells_its_own_time(kind: str, more: dict[str, Any]) -> None:
    fold_ = Fold(book(decay={"halfLifeDays": 1}), clock=0)
    fold_.put(event())
    later = T0 + DAY_MS
    fold_.put(command(kind, "c", at=later, **more))
    assert fold_.score == 50  # 13 of 25 were left
    assert fold_.outputs[-1].occurred_at == format_time(later)
    kept = state(fold_).decay
    assert isinstance(kept, HalfLifeSums) and (kept.at, kept.told) == (later, later)


@pytest.mark.parametrize(("kind", "shown"), [("reset", 0), ("untag", 13)])
def test_S60_what_an_order_takes_back_is_taken_back_at_its_own_time(kind: str, shown: int) -> None:
    fits = {"id": 9, "name": "Fits", "points": 30, "attribute": {"type": "tag", "op": "eq", "value": "x"}}
    fold_ = Fold(book({**OPENED, "points": 100}, fits, decay={"halfLifeDays": 1}), clock=0)
    fold_.put(event())
    fold_.put(command("tag", "a", tag="x"))
    assert fold_.score == 130
    fold_.put(command(kind, "b", at=T0 + 3 * DAY_MS, **({"tag": "x"} if kind == "untag" else {})))
    assert fold_.score == shown  # an eighth of 100


# ---------------------------------------------------------------------------------------------- changes
def test_D15_switched_to_the_other_kind_it_begins_with_what_is_left() -> None:
    fold_ = Fold(book({**OPENED, "points": 100}, decay={"halfLifeDays": 10}))
    fold_.put(event())
    fold_.wait(T0 + 10 * DAY_MS)
    fold_.sweep(with_records(fold_.book, profile_record(0, decay={"percent": 10, "periodDays": 1})))
    assert fold_.score == 50 and isinstance(state(fold_).decay, LinearSums)
    fold_.wait(T0 + 15 * DAY_MS)
    assert fold_.score == 25
    fold_.sweep(with_records(fold_.book, profile_record(0, decay={"halfLifeDays": 1})))
    fold_.wait(T0 + 16 * DAY_MS)
    assert fold_.score == 13 and isinstance(state(fold_).decay, HalfLifeSums)


@pytest.mark.parametrize("told", [True, False])
def test_D15_the_other_kind_begins_nothing_where_nothing_is_left(told: bool) -> None:
    loss, small = {**OPENED, "points": -40}, {"id": 2, "eventType": "email_click", "points": 7}
    line: dict[str, int] = {"percent": 100, "periodDays": 1}
    limits: dict[str, Any] = {} if told else {"floor": 0}
    fold_ = Fold(book(loss, small, decay=line, **limits))
    fold_.put(event())
    fold_.wait(T0 + 50 * DAY_MS)  # under the floor its end is not told, so the state still holds what has ended
    fold_.sweep(with_records(fold_.book, profile_record(0, decay={"halfLifeDays": 36_500}, **limits)))
    assert state(fold_).decay == HalfLifeSums(fold_.clock, 36_500, 0)
    fold_.put(event("email_click", at=T0))
    assert fold_.score == 7
    fold_.sweep(with_records(fold_.book, profile_record(0, decay={"halfLifeDays": 25}, **limits)))
    assert fold_.score == 2  # 7 halved twice: it counts from its own time, not from that of the first edit


def test_switched_on_where_nothing_was_earned_it_begins_nothing() -> None:
    fold_ = Fold(book(OPENED, {**OPENED, "id": 2, "points": -25}))
    fold_.put(event())
    fold_.clock = T0 + 50 * DAY_MS
    on = profile_record(0, decay={"halfLifeDays": 25}, updatedAt=format_time(fold_.clock))
    fold_.sweep(with_records(fold_.book, on))
    assert state(fold_).decay == HalfLifeSums(fold_.clock, 25, 0)


def test_D15_an_edit_counts_from_the_newest_award_on_and_is_told_by_the_sweep() -> None:
    fold_ = Fold(book(decay={"halfLifeDays": 36_500}))
    fold_.put(event())
    fold_.wait(T0 + 14 * DAY_MS)
    assert fold_.sweep(with_records(fold_.book, profile_record(0, decay=HALF)))
    assert (fold_.score, fold_.changes[-1].cause.__class__.__name__) == (13, "ConfigCause")
    assert due(fold_) is not None and (due(fold_) or 0) > fold_.clock


def test_a_sweep_for_other_rules_tells_nothing_of_what_time_takes() -> None:
    fold_ = Fold(book(decay=HALF))
    fold_.put(event())
    fold_.clock = T0 + DAY_MS - 1  # 24 would be shown at the tick
    told = len(fold_.changes)
    other = published_record(0, "fit", {"id": 9, "points": 1, "attribute": {"type": "tag", "op": "eq", "value": "t"}})
    assert fold_.sweep(with_records(fold_.book, other))
    assert len(fold_.changes) == told


def test_a_hysteresis_that_is_lowered_under_a_held_threshold_is_told_with_the_next_move_and_rings_once() -> None:
    fold_ = Fold(book({**OPENED, "points": 51}, decay=HALF, thresholds=({"value": 50, "hysteresis": 9},)))
    fold_.put(event())
    fold_.wait(T0 + DAY_MS)
    assert (fold_.score, state(fold_).held) == (49, (50,))
    fold_.book = with_records(fold_.book, profile_record(0, 50, decay=HALF))
    fold_.wait(T0 + DAY_MS + 1)
    fold_.wait(T0 + 3 * DAY_MS)
    assert fold_.crossings == [(50, "up"), (50, "down")]
    down = fold_.changes[2]
    assert (down.previous_score, down.score) == (49, 48)
    assert state(fold_).held == ()


def test_an_input_before_the_sweep_goes_by_the_new_rules_and_later_looks_do_not_reach_back() -> None:
    fold_ = Fold(book(decay={"halfLifeDays": 36_500}))
    fold_.put(event(event_id="a"))
    fold_.wait(T0 + 14 * DAY_MS)
    fold_.book = with_records(fold_.book, profile_record(0, decay=HALF))
    fold_.put(event("email_sent", event_id="b", at=fold_.clock))
    assert fold_.score == 25
    fold_.wait(T0 + 16 * DAY_MS)
    assert [int(change.id.split("-")[1]) for change in fold_.changes[1:]] == [T0 + 15 * DAY_MS, T0 + 16 * DAY_MS]


def test_switched_off_and_reset_nothing_is_left() -> None:
    fold_ = Fold(book(decay=HALF))
    fold_.put(event())
    fold_.wait(T0 + 14 * DAY_MS)
    fold_.put(command("adjust", "a", amount=-25, at=fold_.clock))
    assert (fold_.score, state(fold_).total) == (-12, 0)
    fold_.put(command("reset", "b", at=fold_.clock))
    assert (fold_.score, state(fold_).decay) == (0, HalfLifeSums(fold_.clock, 14, 0))
    fold_.put(event(event_id="c", at=fold_.clock))
    fold_.sweep(with_records(fold_.book, profile_record(0)))
    assert (fold_.score, state(fold_).decay, due(fold_)) == (25, None, None)


def test_sums_of_a_decay_that_is_off_are_forgotten_with_the_first_award() -> None:
    fold_ = Fold(book(decay=HALF))
    fold_.put(event(event_id="a"))
    fold_.book = with_records(fold_.book, profile_record(0))
    fold_.put(event(event_id="b"))  # before the sweep comes by, which the next change begins anew
    assert (fold_.score, state(fold_).decay) == (50, None)
    fold_.sweep(with_records(fold_.book, profile_record(0, decay=HALF)))
    fold_.wait(T0 + 14 * DAY_MS)
    assert (fold_.score, state(fold_).total) == (25, 50)


def test_a_deleted_default_profile_decays_no_more() -> None:
    fold_ = Fold(book(decay=HALF))
    fold_.put(event())
    fold_.wait(T0 + 14 * DAY_MS)
    gone = profile_record(0)._replace(value=None)
    fold_.sweep(with_records(fold_.book, gone))
    assert (fold_.score, state(fold_).decay) == (25, None)


def test_an_unpublished_profile_is_left_alone_and_its_time_goes_on() -> None:
    rule = {"id": 7, "eventType": "email_open", "points": 40}
    published = published_record(0, "buy", rule, decay={"halfLifeDays": 1})
    fold_ = Fold(with_records(book(), published))
    fold_.put(event())
    fold_.sweep(with_records(fold_.book, published._replace(value=None)))
    fold_.wait(T0 + 2 * DAY_MS)
    assert fold_.shown("buy") == 40
    again = published_record(0, "buy", rule, decay={"halfLifeDays": 1}, version=2)
    assert fold_.sweep(with_records(fold_.book, again))
    assert fold_.shown("buy") == 10


# ---------------------------------------------------------------------------------------------- reading
@pytest.mark.parametrize(("clock", "at", "score"), [(T0 + 13 * DAY_MS, T0 + 13 * DAY_MS, 13), (0, T0, 25)])
def test_D11_a_read_shows_a_decaying_score_at_the_clock_and_says_so(clock: int, at: int, score: int) -> None:
    fold_ = Fold(book(decay=HALF))
    fold_.put(event())
    assert fold_.contact is not None
    view, key = FakePartitions(), contact_key("1", "42")
    view.put("42", fold_.contact.core)
    partition = partition_of(key, view.partition_count)
    view.status[partition] = PartitionStatus(partition, "running", clock=clock)
    profiles = fold_.book.org("1").profiles
    queries = ContactQueries(view, RecentAwards(SCORES, rows=3), profiles=lambda _: profiles)
    answer = asyncio.run(queries.score("1", "42"))
    assert isinstance(answer, ContactScore)
    assert (answer.score, answer.points, answer.as_of) == (score, 25, at)
    view.status[partition] = PartitionStatus(
        partition, "running", clock=T0 - DAY_MS
    )  # told of ahead of a clock that lags
    ahead = asyncio.run(queries.score("1", "42"))
    assert isinstance(ahead, ContactScore) and (ahead.score, ahead.as_of) == (25, T0)
    plain = asyncio.run(ContactQueries(view, RecentAwards(SCORES, rows=3)).score("1", "42"))
    assert isinstance(plain, ContactScore) and (plain.score, plain.as_of) == (25, None)
