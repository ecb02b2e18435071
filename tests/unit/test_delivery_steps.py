"""A handler that fails is told with the place where it did."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from schemas.journal import Sweep
from stream_app.delivery import Effects, Outcomes, Record, steps
from stream_app.delivery.errors import HandlerFailed
from stream_app.delivery.handler import Headers


@dataclass
class Row:
    offset: int
    timestamp: int = 5
    key: bytes | None = b"k"
    value: bytes | None = b"v"
    headers: Headers = ()


class Failing:
    """Work that raises at one offset, or in one of its other calls."""

    clock = 0

    def __init__(self, at: int | str) -> None:
        self._at = at

    def apply(self, source: str, records: Iterable[Record]) -> None:
        if any(record.offset == self._at for record in records):
            raise ValueError("bug")

    def due(self, until: int, limit: int) -> int:
        if self._at == "due":
            raise ValueError("bug")
        return 0

    def sweep(self, after: bytes, limit: int) -> bytes | None:
        raise ValueError("bug")

    def finish(self) -> Effects:
        return Effects(outcomes=Outcomes(applied=2))


def rows() -> Iterator[Row]:
    return iter([Row(7), Row(9), Row(10)])


@pytest.mark.parametrize(
    ("size", "told"), [(2, "ValueError at events-3 offset 7 to 9;"), (1, "ValueError at events-3 offset 9;")]
)
def test_a_failing_record_is_named_by_its_slice_and_alone_by_its_offset(size: int, told: str) -> None:
    with pytest.raises(HandlerFailed, match=told):
        list(steps.feed(Failing(9), "events", 3, rows(), size))


def test_a_slice_of_large_records_is_short() -> None:
    work, given = Failing("never"), [Row(n, value=b"v" * (100_000 if n < 6 else 1)) for n in range(12)]
    seen = [so_far for so_far, _ in steps.feed(work, "events", 3, iter(given), 5)]
    assert seen == [3, 6, 11, 12]


HEAVY: list[dict[str, Any]] = [
    {"key": b"k" * 100_000},
    {"headers": [("n", b"v" * 100_000)]},
    {"headers": [("n" * 100_000, None)]},
]


@pytest.mark.parametrize("heavy", [*HEAVY, {"headers": [("", b"")] * 2_000}, {"headers": [("n", None)] * 2_000}])
def test_a_slice_of_many_headers_is_short(heavy: dict[str, Any]) -> None:
    """Empty ones too: 200 records of 100,000 headers each are 7 kB on the wire and seconds to read."""
    given = [Row(n, **heavy) if n < 6 else Row(n, headers=[("n", b"v")]) for n in range(12)]
    seen = [so_far for so_far, _ in steps.feed(Failing("never"), "events", 3, iter(given), 5)]
    assert seen == [3, 6, 11, 12]


def test_a_failure_at_the_end_of_a_batch_names_the_batch() -> None:
    with pytest.raises(HandlerFailed, match=r"raised ValueError at the end of events-3 \[7, 11\)"):
        steps.finish(Failing("due"), 5, 500, 3, "events-3 [7, 11)")


def test_records_that_are_not_accounted_for_stop_the_batch() -> None:
    with pytest.raises(HandlerFailed, match=r"accounts for 2 of 3 records of events-3 \[7, 11\)"):
        steps.finish(Failing(0), 5, 500, 3, "events-3 [7, 11)")


def test_a_failure_in_a_sweep_names_its_version() -> None:
    with pytest.raises(HandlerFailed, match="raised ValueError in the sweep for version 4;"):
        steps.sweep_on(Failing(0), Sweep(4, "", b"k".hex()), 10)
