"""How many records a batch takes."""

from stream_app.delivery.pace import FEWEST, HURRIED, REST_SECONDS, SHORT_SECONDS, Pace

LIMIT = 4000


def slow_backlog(pace: Pace, times_too_long: float, count: int = LIMIT) -> None:
    pace.note("events", count, times_too_long * SHORT_SECONDS)


def test_a_backlog_alone_is_read_in_the_largest_batches() -> None:
    pace = Pace(LIMIT)
    for _ in range(5):
        slow_backlog(pace, 10)
        pace.note("events", 1, 1)
        assert pace.size == LIMIT


def test_while_somebody_waits_batches_are_as_small_as_fits_the_time() -> None:
    pace = Pace(LIMIT)
    slow_backlog(pace, 4)
    pace.note("commands", 1, 0)
    assert pace.size == LIMIT / 4
    slow_backlog(pace, 2, 1000)
    assert pace.size == 500
    slow_backlog(pace, 1000)
    assert pace.size == FEWEST
    slow_backlog(pace, 0.01)
    assert pace.size == LIMIT


def test_the_hurry_ends_when_nobody_came_for_a_while() -> None:
    pace = Pace(LIMIT)
    slow_backlog(pace, 4)
    pace.note("commands", 1, 0)
    for _ in range(HURRIED):
        assert pace.size < LIMIT
        slow_backlog(pace, 4)
    assert pace.size == LIMIT


def test_a_limit_below_the_fewest_is_kept() -> None:
    pace = Pace(100)
    pace.note("commands", 1, 0)
    slow_backlog(pace, 10, 400)
    assert pace.size == 100


def test_after_a_small_batch_it_rests_as_long_as_that_took_but_not_long() -> None:
    assert Pace.rest(3, 0.01) == 0.01
    assert Pace.rest(3, 2.0) == REST_SECONDS


def test_a_large_batch_or_none_is_followed_at_once() -> None:
    assert (Pace.rest(FEWEST, 0.01), Pace.rest(0, 0.01)) == (0, 0)
