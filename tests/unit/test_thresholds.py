import pytest

from stream_app.scoring.thresholds import Thresholds
from tests.scoring_kit import Fold, command, event, rulebook


@pytest.mark.parametrize(
    ("before", "after", "passed"),
    [
        (49, 50, [(50, "up")]),
        (50, 50, []),
        (50, 51, []),
        (51, 50, []),
        (50, 49, [(50, "down")]),
        (0, 200, [(50, "up"), (80, "up"), (100, "up")]),
        (200, 0, [(100, "down"), (80, "down"), (50, "down")]),
        (0, 49, []),
    ],
)
def test_s40_thresholds_are_crossed_in_the_order_passed(before: int, after: int, passed: list[tuple[int, str]]) -> None:
    thresholds = Thresholds([(100, 0), (50, 0), (80, 0)])
    assert thresholds.cross(before, after, ()) == (passed, ())
    assert thresholds.untouched(before, after) == (not passed)


def test_s40_hysteresis_delays_the_way_down_and_never_repeats_an_up() -> None:
    thresholds = Thresholds([(50, 10)])
    assert thresholds.cross(40, 50, ()) == ([(50, "up")], ())
    assert thresholds.cross(50, 40, ()) == ([], (50,))
    assert thresholds.cross(40, 55, (50,)) == ([], ())
    assert thresholds.cross(40, 45, (50,)) == ([], (50,))
    assert thresholds.cross(40, 39, (50,)) == ([(50, "down")], ())
    assert thresholds.cross(39, 49, ()) == ([], ())


def test_s40_with_hysteresis_the_order_passed_is_that_of_the_lower_bounds() -> None:
    thresholds = Thresholds([(50, 5), (60, 40)])
    assert thresholds.cross(70, 0, ()) == ([(50, "down"), (60, "down")], ())


def test_s40_a_threshold_taken_away_is_held_no_longer() -> None:
    assert Thresholds([(80, 0)]).cross(45, 46, (50,)) == ([], ())


def test_d7_a_contact_that_starts_at_or_above_needs_the_full_way_down() -> None:
    fold = Fold(rulebook(thresholds=[0, {"value": -10, "hysteresis": 5}]))
    fold.put(command("adjust", "a", amount=0))
    assert fold.crossings == []
    fold.put(command("adjust", "b", amount=-1))
    fold.put(command("adjust", "c", amount=-14))
    assert fold.crossings == [(0, "down")]
    fold.put(command("adjust", "d", amount=-1))
    assert fold.crossings == [(0, "down"), (-10, "down")]
    fold.put(command("adjust", "e", amount=16))
    assert fold.crossings[2:] == [(-10, "up"), (0, "up")]


def test_d8_a_silent_set_moves_the_state_of_thresholds() -> None:
    fold = Fold(
        rulebook({"id": 1, "eventType": "email_open", "points": 5}, thresholds=[{"value": 50, "hysteresis": 9}])
    )
    fold.put(command("set", "a", amount=60))
    fold.put(command("set", "b", amount=45))
    fold.put(event("email_open"))
    assert fold.crossings == []
    fold.put(command("set", "c", amount=0, fire_triggers=True))
    assert fold.crossings == [(50, "down")]
