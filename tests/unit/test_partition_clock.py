"""The clock of a partition is never ahead of what it has not read, as far as it can know (S60)."""

import pytest

from stream_app.delivery import clock

WALL = 10_000


@pytest.mark.parametrize(
    ("newest", "ends", "wanted"),
    [
        ({}, {"a": None, "b": None}, 0),
        ({"b": 700}, {"a": None, "b": None}, 700),
        ({"a": 9, "b": 700}, {"a": 9_900, "b": None}, 700),
        ({"a": 9, "b": 700}, {"a": 9_900, "b": 9_990}, 9_990),
        ({"a": 9, "b": 700}, {"a": None, "b": 4_000}, 4_000),  # b has not answered since
        ({"b": 99_999}, {"a": None, "b": None}, WALL),
    ],
)
def test_S60_records_move_the_clock_as_far_as_the_other_sources_are_read(
    newest: dict[str, int], ends: dict[str, int | None], wanted: int
) -> None:
    assert clock.ceiling(newest, ends, "a", WALL) == wanted


@pytest.mark.parametrize(
    ("before", "newest", "ends", "wanted"),
    [
        (5, {}, {"a": None, "b": None}, 5),
        (5, {"a": 9, "b": 700}, {"a": None, "b": None}, 9),
        (5, {"a": 9, "b": 700}, {"a": 9_900, "b": None}, 700),
        (5, {"a": 9_000, "b": 700}, {"a": None, "b": 4_000}, 4_000),  # b has not answered since
        (5, {"a": 9, "b": 700}, {"a": 9_900, "b": 9_990}, 9_900),
        (9_950, {"a": 9, "b": 700}, {"a": 9_900, "b": 9_990}, 9_950),
        (5, {}, {"a": 99_999}, WALL),
    ],
)
def test_S60_between_batches_the_clock_is_where_the_slowest_source_is_known_and_never_goes_back(
    before: int, newest: dict[str, int], ends: dict[str, int | None], wanted: int
) -> None:
    assert clock.after(before, newest, ends, WALL) == wanted
