from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from schemas.times import MAX_TIME, format_time, parse_time


@given(st.integers(0, MAX_TIME))
def test_what_is_written_reads_back(at: int) -> None:
    assert parse_time(format_time(at)) == at


@given(
    st.datetimes(datetime(1970, 1, 3), datetime(9999, 12, 30)),  # noqa: DTZ001 - the zone is drawn beside it
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_it_agrees_with_datetime(naive: datetime, minutes: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    whole = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert parse_time(moment.isoformat()) == whole
