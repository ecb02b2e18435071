"""Times on the wire: RFC 3339 text to milliseconds of the Unix epoch, and back.

Laws: input needs an offset and seconds; ``t``, ``z`` and ``-00:00`` are taken; a space for ``T``, second 60, years
before 1970 and instants before 1970 or after 9999 are refused; digits beyond milliseconds are cut.  Output is
``YYYY-MM-DDThh:mm:ss.sssZ``.  Tables and a bounded memory of days and minutes keep both on the hot path.
Reads and writes nothing.  Source: contract section 1 and "Dead letters".
"""

import re
from datetime import date
from functools import lru_cache
from typing import Final

DAY_MS: Final = 86_400_000
MAX_TIME: Final = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z

_EPOCH: Final = date(1970, 1, 1).toordinal()
_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]")
_END: Final = re.compile(r"(?:\.([0-9]+))?(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))")

_MINUTE_TEXTS: Final = tuple(f"{hour:02d}:{minute:02d}" for hour in range(24) for minute in range(60))
_SECOND_TEXTS: Final = tuple(f":{second:02d}" for second in range(60))
_END_TEXTS: Final = tuple(f".{milli:03d}Z" for milli in range(1000))
_MINUTES: Final = {text: minute * 60_000 for minute, text in enumerate(_MINUTE_TEXTS)}
_SECONDS: Final = {text: second * 1000 for second, text in enumerate(_SECOND_TEXTS)}
_ENDS: Final = {"Z": 0, "+00:00": 0, **{text: milli for milli, text in enumerate(_END_TEXTS)}}


def parse_time(text: str) -> int:
    """Return the milliseconds of an RFC 3339 time; ValueError when it is none that this contract takes."""
    try:
        return _day_start(text[:11]) + _MINUTES[text[11:16]] + _SECONDS[text[16:19]] + _ENDS[text[19:]]
    except KeyError:
        return _parse_rare(text)


def is_time(text: str) -> bool:
    """Tell whether a text is a time that `parse_time` takes."""
    try:
        parse_time(text)
    except ValueError:
        return False
    return True


def time_of(text: str | None, fallback: int) -> int:
    """Return the milliseconds of a time, of an absent one ``fallback``; ValueError when that is outside 1970-9999."""
    if text is not None:
        return parse_time(text)
    if not 0 <= fallback <= MAX_TIME:
        raise ValueError("there is no time, and the record has none between 1970 and 9999")
    return fallback


def format_time(at: int) -> str:
    """Return the RFC 3339 text of milliseconds from 0 to MAX_TIME, in UTC."""
    minute = at // 60_000
    rest = at - minute * 60_000
    return _minute_text(minute) + _SECOND_TEXTS[rest // 1000] + _END_TEXTS[rest % 1000]


@lru_cache(maxsize=4096)
def _day_start(text: str) -> int:
    """Return the milliseconds of ``YYYY-MM-DDT``; what raises is not remembered."""
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueError("a time is YYYY-MM-DDThh:mm:ss, a fraction if any, and an offset")
    year, month, day = map(int, found.groups())
    if year < 1970:
        raise ValueError("a time before 1970")
    return (date(year, month, day).toordinal() - _EPOCH) * DAY_MS


@lru_cache(maxsize=8192)  # more than five days; it held 45, which took weeks to fill
def _minute_text(minute: int) -> str:
    day, minute = divmod(minute, 1440)
    return f"{date.fromordinal(day + _EPOCH).isoformat()}T{_MINUTE_TEXTS[minute]}"


def _parse_rare(text: str) -> int:
    """Parse what the tables lack: offsets, lower-case ``z``, fractions of other lengths."""
    minute, second, end = _MINUTES.get(text[11:16]), _SECONDS.get(text[16:19]), _END.fullmatch(text, 19)
    if minute is None or second is None or end is None:
        raise ValueError("a time needs hh:mm:ss up to 23:59:59, a fraction if any, and an offset")
    fraction, sign, hours, minutes = end.groups()
    milli = int(fraction[:3].ljust(3, "0")) if fraction else 0
    ahead = 0 if sign is None else int(f"{sign}1") * (int(hours) * 60 + int(minutes)) * 60_000
    at = _day_start(text[:11]) + minute + second + milli - ahead
    if not 0 <= at <= MAX_TIME:
        raise ValueError("a time before 1970 or after 9999")
    return at
