r"""Lets aiokafka read records whose header names are no UTF-8: Kafka takes any bytes there, aiokafka raises.

Law: bad data never stops a partition.  Such a name is read with its odd bytes escaped (``\xff``), by every consumer of
this process; all other batches are read as aiokafka reads them.
One of the places of aiokafka's private names (PRIVATE_NAMES), which `faust_seams.check_versions` checks at start.
"""
# pyright: basic

from collections.abc import Iterator
from operator import attrgetter
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record import default_records, memory_records
from aiokafka.record.util import decode_varint

PRIVATE_NAMES: tuple[tuple[Any, str], ...] = (
    (fetcher, "MemoryRecords"),
    (default_records._DefaultRecordBatchPy, "_maybe_uncompress _read_msg HEADER_STRUCT AFTER_LEN_OFFSET"),
    (default_records, "_DefaultRecordPy"),
)


class _Patient(default_records._DefaultRecordBatchPy):  # pyright: ignore[reportGeneralTypeIssues] not meant to be, says its type
    """aiokafka's own batch in Python, slow, with names whose odd bytes are escaped."""

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer: Any = bytes(self._buffer)  # parts of it are made at once, of a bytearray by way of another

    def skip(self, count: int) -> Iterator[Any]:
        """Return the records after the first ``count``, which are not read: only how long each is."""
        self._maybe_uncompress()
        data, at = self._buffer, self._pos
        for _ in range(count):
            length = data[at]  # of most records one byte says it
            if length < 0x80:
                at += 1 + (length >> 1)
            else:
                length, at = decode_varint(data, at)
                at += length
        self._pos = at
        self._next_record_index = count
        return self

    def _read_msg(self, *_given: Any) -> Any:
        data: Any = self._buffer
        length, at = decode_varint(data, self._pos)
        end = at + length
        _, at = decode_varint(data, at)  # attributes: none are in use
        later, at = decode_varint(data, at)
        offset, at = decode_varint(data, at)
        key, at = _part(data, at)
        value, at = _part(data, at)
        count, at = decode_varint(data, at)
        headers: list[tuple[str, bytes | None]] = []
        for _ in range(count):
            name, at = _part(data, at)
            told, at = _part(data, at)
            headers.append((name.decode("utf-8", "backslashreplace"), told))
        if at != end:
            raise CorruptRecordException(f"a record of {length} bytes was read as one of {length + at - end}")
        self._pos = at
        appended = self.timestamp_type == self.LOG_APPEND_TIME
        at_ms = self.max_timestamp if appended else self.first_timestamp + later
        return default_records._DefaultRecordPy(
            self.base_offset + offset, at_ms, self.timestamp_type, key, value, headers
        )


def _part(data: Any, at: int) -> tuple[Any, int]:
    """Return (bytes, where they end) of a part that says its length first; None for one that is not there."""
    length = data[at]  # of most parts one byte says it
    if length < 0x80:
        end = at + 1 + (length >> 1)
        return (None, at + 1) if length & 1 else (data[at + 1 : end], end)
    length, at = decode_varint(data, at)
    return (None, at) if length < 0 else (data[at : at + length], at + length)


def records_of(batch: Any, answer: bytes) -> Iterator[Any]:
    """Yield the records of a batch; ``answer`` are the bytes of the fetch answer that it is of."""
    # INVARIANT: a_header_name_that_is_no_text_stops_nothing
    read = 0
    try:
        for record in batch:
            yield record
            read += 1
    except UnicodeDecodeError:
        yield from _patient(answer, batch.base_offset).skip(read)


def _patient(answer: bytes, base_offset: int) -> _Patient:
    start, head = 0, _Patient.HEADER_STRUCT
    while True:
        offset, length, *_ = head.unpack_from(answer, start)
        end = start + _Patient.AFTER_LEN_OFFSET + length
        if offset == base_offset:
            return _Patient(answer[start:end])
        start = end


class _Batch:
    """A batch as all but `aiokafka_fetch` read it."""

    __slots__ = ("_answer", "_batch")

    def __init__(self, batch: Any, answer: bytes) -> None:
        self._batch, self._answer = batch, answer

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        return records_of(self._batch, self._answer)

    def validate_crc(self) -> bool:
        """Tell whether the checksum is right."""
        return self._batch.validate_crc()

    base_offset = property(attrgetter("_batch.base_offset"))
    is_control_batch = property(attrgetter("_batch.is_control_batch"))
    is_transactional = property(attrgetter("_batch.is_transactional"))
    next_offset = property(attrgetter("_batch.next_offset"))
    producer_id = property(attrgetter("_batch.producer_id"))


class Records:
    """The batches of one partition in a fetch answer; ``plain`` yields them as aiokafka made them, for speed."""

    __slots__ = ("answer", "has_next", "plain")

    def __init__(self, answer: bytes) -> None:
        self.answer, self.plain = answer, memory_records.MemoryRecords(answer)
        self.has_next = self.plain.has_next

    def size_in_bytes(self) -> int:
        """Return the size of the answer."""
        return len(self.answer)

    def next_batch(self) -> Any:
        """Return the next batch, None at the end."""
        batch = self.plain.next_batch()
        return _Batch(batch, self.answer) if isinstance(batch, default_records.DefaultRecordBatch) else batch


def read_any_header_name() -> None:
    """Read names that are no UTF-8 from now on, in this process."""
    setattr(fetcher, "MemoryRecords", Records)  # noqa: B010 - the name is typed as a class of aiokafka
