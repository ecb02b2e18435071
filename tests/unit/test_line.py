"""Decay in a line: its numbers, and how much is kept of them (S38)."""

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.state import LINEAR_BYTES, LINEAR_DAYS, HalfLifeSums, LinearSums, ProfileState
from schemas.times import DAY_MS
from stream_app.scoring.decay import room_for
from stream_app.scoring.half_life import NANO
from stream_app.scoring.linear import Linear


@given(st.lists(st.tuples(st.integers(1, 100), st.integers(0, DAY_MS - 1)), min_size=1, max_size=5), st.integers(1, 59))
def test_a_line_is_exact_while_all_awards_of_a_day_live(awards: list[tuple[int, int]], days: int) -> None:
    line = Linear(50, 30)
    for points, at in awards:
        line.add(None, points * NANO, at)
    now = days * DAY_MS
    exact = sum(points * (1 - Fraction(max(0, now - at), 60 * DAY_MS)) for points, at in awards)
    assert Fraction(sum(line.left(now)[None]), line.unit) == exact


def test_a_single_award_of_a_line_is_exact_to_its_end() -> None:
    line = Linear(33, 7)
    line.add(None, 10 * NANO, 5 * DAY_MS + 12_345)
    end = line.ends_at()
    for passed in (0, 1, 10 * DAY_MS, 21 * DAY_MS, end - 5 * DAY_MS - 12_345, 10**12):
        exact = 10 * max(Fraction(0), 1 - Fraction(33 * passed, 100 * 7 * DAY_MS))
        assert Fraction(sum(line.left(5 * DAY_MS + 12_345 + passed)[None]), line.unit) == exact
    assert line.kept(end).piles == ()


def test_gains_and_losses_of_a_day_end_each_at_its_own_time() -> None:
    line = Linear(100, 1)
    line.add(None, 10 * NANO, 0)
    line.add(None, -9 * NANO, 23 * DAY_MS // 24)
    assert Fraction(sum(line.left(DAY_MS)[None]), line.unit) == -9 * Fraction(23, 24)


def test_at_most_400_days_of_a_group_are_kept_apart_and_joining_loses_nothing_that_lives() -> None:
    line, kept = Linear(1, 36_500), LinearSums(0, 1, 36_500)
    for day in range(LINEAR_DAYS + 30):
        line.add("g", NANO, day * DAY_MS + day)
        kept = line.kept(day * DAY_MS + day)
        line = Linear(1, 36_500, kept)
    now = 1000 * DAY_MS
    exact = sum(1 - Fraction(now - day * DAY_MS - day, 3_650_000 * DAY_MS) for day in range(LINEAR_DAYS + 30))
    assert len(kept.piles) == LINEAR_DAYS
    assert Fraction(sum(line.left(now)["g"]), line.unit) == exact
    assert len(msgspec.msgpack.encode(kept)) < 30 * LINEAR_DAYS


def test_what_a_line_keeps_of_a_contact_has_a_bound() -> None:
    """100 groups paid on each of 400 days, gains and losses."""
    line, kept = Linear(1, 36_500, room=30_000), LinearSums(0, 1, 36_500)
    for day in range(LINEAR_DAYS):
        for group in range(100):
            line.add(str(group), (1 - 2 * (group % 2)) * NANO, day * DAY_MS)
        kept = line.kept(day * DAY_MS)
        line = Linear(1, 36_500, kept, 30_000)
        assert len(kept.piles) <= 1000
    now = 500 * DAY_MS
    exact = sum(1 - Fraction(now - day * DAY_MS, 3_650_000 * DAY_MS) for day in range(LINEAR_DAYS))
    left = line.left(now)
    assert {(Fraction(sum(left[str(group)]), line.unit) * (1 - 2 * (group % 2))) for group in range(100)} == {exact}


@given(st.data())
def test_a_line_that_was_kept_last_goes_on_as_one_that_is_read_again(data: st.DataObject) -> None:
    awards = st.tuples(
        st.sampled_from([None, "g", "h"]), st.sampled_from([-7 * NANO, NANO, 10**18]), st.integers(0, 40 * DAY_MS)
    )
    now, kept, line = 40 * DAY_MS, LinearSums(0, 10, 5), Linear(10, 5)
    for _ in range(data.draw(st.integers(1, 8))):
        now += data.draw(st.integers(0, 20 * DAY_MS))
        for group, amount, at in data.draw(st.lists(awards, max_size=4)):
            line.add(group, amount, at)
        kept = line.kept(now, now=data.draw(st.booleans()))
        again = msgspec.msgpack.decode(msgspec.msgpack.encode(kept), type=LinearSums)
        line, read = Linear(10, 5, kept, 300), Linear(10, 5, again, 300)
        for at in (now, line.ends_at(), data.draw(st.integers(now, now + 60 * DAY_MS))):
            assert (line.left(at), line.bends(at)) == (read.left(at), read.bends(at))
            assert line.kept(at) == read.kept(at)
        assert not any(any(sides) for sides in line.left(line.ends_at()).values())


@pytest.mark.parametrize("name", ["g", "\N{SPARKLES}" * 16])
def test_long_names_of_groups_leave_room_for_fewer_days(name: str) -> None:
    line, kept = Linear(1, 36_500), LinearSums(0, 1, 36_500)
    for day in range(LINEAR_DAYS):
        for group in range(50):
            line.add(f"{name}{group}", 25 * NANO, day * DAY_MS + 1)
        kept = line.kept(day * DAY_MS + 1)
        line = Linear(1, 36_500, kept)
    assert LINEAR_BYTES // 2 < len(msgspec.msgpack.encode(kept)) < LINEAR_BYTES


def test_the_more_profiles_of_a_contact_decay_in_a_line_the_less_each_keeps() -> None:
    """Also where they are published no more: their states are there."""
    line, half = ProfileState(decay=LinearSums(0, 1, 1)), ProfileState(decay=HalfLifeSums(0, 1, 0))
    states = {"default": ProfileState(), "half": half, "gone": line, "line": line}
    assert room_for("default", states) == LINEAR_BYTES // 3
    assert room_for("line", states) == LINEAR_BYTES // 2
    assert room_for("new", {"half": half}) == LINEAR_BYTES
