"""When a record is due."""

import math

import pytest

from stream_app.operations.replay import Pace


@pytest.mark.parametrize(
    ("pace", "due"),
    [(Pace(), 0.0), (Pace(per_second=50), 2.0), (Pace(times_original=60), 1.0), (Pace(times_original=0.5), 120.0)],
)
def test_when_the_hundredth_record_is_due_a_minute_after_the_first(pace: Pace, due: float) -> None:
    assert pace.due_seconds(100, 60_000) == due


@pytest.mark.parametrize(
    "speeds",
    [
        {"per_second": 0},
        {"per_second": math.nan},
        {"times_original": math.inf},
        {"times_original": -1},
        {"per_second": 1, "times_original": 1},
    ],
)
def test_a_pace_is_one_speed_above_zero(speeds: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="one speed above 0"):
        Pace(**speeds)
