"""A header name may be any bytes to Kafka: it is read escaped, and what is beside it as it is."""

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import pytest
from aiokafka.record.memory_records import MemoryRecords

from stream_app.delivery import aiokafka_records
from stream_app.delivery.aiokafka_fetch import Take
from stream_app.delivery.aiokafka_records import Records
from tests.odd_batches import PLACEHOLDER, Row, batch_of, batch_with_odd_name
from tests.scoring_kit import T0

NAME = "\\xff\\xfe\\x80\\x00".replace("\\x00", "\x00")
Reader = Callable[[bytes], Iterable[Any]]


def as_others_read(answer: bytes) -> Iterable[Any]:
    records = Records(answer)
    while records.has_next():
        batch = records.next_batch()
        assert batch.validate_crc() and not batch.is_control_batch
        yield from batch


def as_the_reader_reads(answer: bytes) -> Iterable[Any]:
    records, batches = Records(answer), list[Any]()
    while records.plain.has_next():
        batches.append(records.plain.next_batch())
    return Take("events", 1, 99, batches, answer).records()


@pytest.mark.parametrize("codec", [0, 3, 4], ids=["plain", "lz4", "zstd"])
@pytest.mark.parametrize("read", [as_others_read, as_the_reader_reads])
def test_a_header_name_that_is_no_text_is_read_escaped(read: Reader, codec: int) -> None:
    answer = b"".join(batch_with_odd_name(base, 4, 2, codec) for base in (0, 4))
    records = list(read(answer))
    offsets = [record.offset for record in records]
    assert offsets == list(range(offsets[0], 8))
    assert [record.headers for record in records if record.offset % 4 == 2] == [[(NAME, b"v")]] * 2
    assert all(not record.headers for record in records if record.offset % 4 != 2)
    assert all(later.timestamp - record.timestamp == 1 for record, later in pairwise(records[-4:]))
    assert {(record.key, record.value) for record in records} == {(b"1:42", b"{}")}


ROWS: list[Row] = [
    (None, None, []), (b"", b"", [("", b"")]), (b"k" * 200, b"v" * 20_000, [("n" * 70, None), ("é", b"\xff" * 9_000)]),
    (b"1:42", b"{}", [("n", b"")] * 300), (b"1:42", None, []),
]  # fmt: skip


@pytest.mark.parametrize("codec", [0, 3, 4], ids=["plain", "lz4", "zstd"])
@pytest.mark.parametrize("appended", [None, T0 + 99])
@pytest.mark.parametrize("odd", range(len(ROWS) + 1))
def test_what_is_around_an_odd_name_is_read_as_aiokafka_reads_it(odd: int, appended: int | None, codec: int) -> None:
    def fields(record: Any) -> tuple[Any, ...]:
        stamp = (record.offset, record.timestamp, record.timestamp_type)
        return *stamp, record.key, record.value, list(record.headers)

    plain = MemoryRecords(batch_of(7, [*ROWS[:odd], (b"1:42", b"{}", []), *ROWS[odd:]], codec, appended)).next_batch()
    rows = [*ROWS[:odd], (b"1:42", b"{}", [(PLACEHOLDER, b"v"), ("n", None)]), *ROWS[odd:]]
    read = [fields(record) for record in as_others_read(batch_of(7, rows, codec, appended))]
    assert read.pop(odd)[3:] == (b"1:42", b"{}", [(NAME, b"v"), ("n", None)])
    expected = [fields(record) for record in plain or ()]
    assert expected.pop(odd)[3:] == (b"1:42", b"{}", [])
    assert read == expected


def test_records_before_an_odd_name_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    slow: list[Any] = []
    read = aiokafka_records._Patient._read_msg
    monkeypatch.setattr(aiokafka_records._Patient, "_read_msg", lambda batch: slow.append(read(batch)) or slow[-1])
    long = (b"1:42", b"v" * 1_000, [])
    rows: list[Row] = [(b"1:42", b"{}", []), long, (None, None, [(PLACEHOLDER, None)]), long]
    assert [record.offset for record in as_the_reader_reads(batch_of(3, rows))] == [3, 4, 5, 6]
    assert [record.offset for record in slow] == [5, 6]


def test_aiokafka_itself_does_not_read_it() -> None:
    records = MemoryRecords(batch_with_odd_name(0, 1, 0))
    with pytest.raises(UnicodeDecodeError):
        list(records.next_batch() or ())
