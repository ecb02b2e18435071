"""Outputs are compared in order, byte for byte; what retention took or what came later is no difference."""

from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition

from stream_app.delivery.handler import Output
from stream_app.operations.output_comparison import OutputComparison


@dataclass
class Row:
    offset: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = (("h", b"1"),)


class Log:
    """A cursor over rows in memory."""

    place = TopicPartition("out", 0)

    def __init__(self, *rows: Row) -> None:
        self.rows = list(rows)

    async def peek(self, before: int | None = None) -> Row | None:
        return self.rows[0] if self.rows and (before is None or self.rows[0].offset < before) else None

    async def next(self, before: int | None = None) -> Row | None:
        row = await self.peek(before)
        return None if row is None else self.rows.pop(0)


def outputs(*values: bytes) -> list[Output]:
    return [(b"k" + value, value, [("h", b"1")]) for value in values]


def rows(*values: bytes, first: int = 0) -> list[Row]:
    return [Row(first + i, b"k" + value, value) for i, value in enumerate(values)]


async def compare(log: Log, early: int, cut: bool, *batches: list[Output]) -> tuple[OutputComparison, list[Any]]:
    differences: list[Any] = []
    comparison = OutputComparison(log, early, cut, lambda *told: differences.append(told))  # pyright: ignore[reportArgumentType] a fake
    for batch in batches:
        await comparison.expect(batch)
    await comparison.finish()
    return comparison, differences


async def test_same_records_are_the_same() -> None:
    comparison, differences = await compare(Log(*rows(b"1", b"2", b"3")), 3, False, outputs(b"1"), outputs(b"2", b"3"))
    assert (comparison.compared, comparison.not_retained, differences) == (3, 0, [])


async def test_other_value_is_told_with_both() -> None:
    _, differences = await compare(Log(*rows(b"1", b"X", b"3")), 3, False, outputs(b"1", b"2", b"3"))
    assert differences == [("out", b"k2", (b"k2", b"2", (("h", b"1"),)), (b"kX", b"X", (("h", b"1"),)))]


async def test_missing_record_is_told() -> None:
    _, differences = await compare(Log(*rows(b"1")), 1, False, outputs(b"1", b"2"))
    assert [(told[1], told[3]) for told in differences] == [(b"k2", None)]


async def test_record_that_no_batch_explains_is_told_unless_it_came_later() -> None:
    _, differences = await compare(Log(*rows(b"1", b"2", b"3")), 2, False, outputs(b"1"))
    assert [(told[1], told[2]) for told in differences] == [(b"k2", None)]


async def test_what_retention_took_is_counted() -> None:
    log = Log(*rows(b"3", b"4", first=2))
    comparison, differences = await compare(log, 4, True, outputs(b"1", b"2", b"3"), outputs(b"4"))
    assert (comparison.compared, comparison.not_retained, differences) == (2, 2, [])


async def test_all_taken_by_retention_is_no_difference() -> None:
    comparison, differences = await compare(Log(), 4, True, outputs(b"1", b"2"))
    assert (comparison.compared, comparison.not_retained, differences) == (0, 2, [])
