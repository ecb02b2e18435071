import pytest

from schemas.times import MAX_TIME, format_time, is_time, parse_time, time_of

T = 1_772_375_400_000  # 2026-03-01T14:30:00Z


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-03-01T14:30:00Z", T),
        ("2026-03-01t14:30:00z", T),
        ("2026-03-01T14:30:00-00:00", T),
        ("2026-03-01T14:30:00+00:00", T),
        ("2026-03-01T16:00:00+01:30", T),
        ("2026-03-01T00:30:00-14:00", T),
        ("2026-03-01T14:30:00.5Z", T + 500),
        ("2026-03-01T14:30:00.123Z", T + 123),
        ("2026-03-01T14:30:00.1239999999z", T + 123),
        ("2026-03-01T14:30:00.02+00:00", T + 20),
        ("1970-01-01T00:00:00Z", 0),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000),
        ("9999-12-31T23:59:59.999Z", MAX_TIME),
    ],
)
def test_time_is_read(text: str, at: int) -> None:
    assert parse_time(text) == at
    assert is_time(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2026-03-01", "2026-03-01T14:30Z", "2026-03-01T14:30:00", "2026-03-01 14:30:00Z",
        "2026-03-01T14:30:60Z", "2026-03-01T24:00:00Z", "2026-03-01T14:60:00Z", "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-03-01T14:30:00.Z", "2026-03-01T14:30:00,5Z", "2026-03-01T14:30:00+0100",
        "2026-03-01T14:30:00+24:00", "2026-03-01T14:30:00+01:60", "2026-03-01T14:30:00Z ", " 2026-03-01T14:30:00Z",
        "+026-03-01T14:30:00Z", "2026-3-01T14:30:00Z", "\u0662\u0660\u0662\u0666-03-01T14:30:00Z",
        "2026-03-01T14:30:00.\u0661Z",
        "1969-12-31T23:59:59Z", "1969-12-31T23:30:00-01:00", "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00Z", "2026-03-01T14:30:00Z\n", "2026-W10-1T14:30:00Z",
    ],
)  # fmt: skip
def test_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text)
    assert not is_time(text)


def test_time_is_written_in_utc_with_milliseconds() -> None:
    assert format_time(T) == "2026-03-01T14:30:00.000Z"
    assert format_time(0) == "1970-01-01T00:00:00.000Z"
    assert format_time(MAX_TIME) == "9999-12-31T23:59:59.999Z"


def test_absent_time_falls_back_to_the_record() -> None:
    assert time_of(None, T) == T
    assert time_of("1970-01-01T00:00:01Z", T) == 1000
    for outside in (-1, MAX_TIME + 1):
        with pytest.raises(ValueError, match="1970 and 9999"):
            time_of(None, outside)
