"""A header name may be any bytes to Kafka: it is read escaped, and what is beside it as it is."""

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import pytest
from aiokafka.record.memory_records import MemoryRecords

from stream_app.delivery.aiokafka_fetch import Take
from stream_app.delivery.aiokafka_records import Records
from tests.odd_batches import batch_with_odd_name

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


def test_aiokafka_itself_does_not_read_it() -> None:
    records = MemoryRecords(batch_with_odd_name(0, 1, 0))
    with pytest.raises(UnicodeDecodeError):
        list(records.next_batch() or ())
