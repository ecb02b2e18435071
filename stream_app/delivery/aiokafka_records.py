r"""Lets aiokafka read records whose header names are no UTF-8: Kafka takes any bytes there, aiokafka raises.

Law: bad data never stops a partition.  Such a name is read with its odd bytes escaped (``\xff``), by every consumer of
this process; all other batches are read as aiokafka reads them.
One of the places of aiokafka's private names (PRIVATE_NAMES), which `faust_seams.check_versions` checks at start.
"""
# pyright: basic

from collections.abc import Iterator
from itertools import islice
from operator import attrgetter
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record import default_records, memory_records

PRIVATE_NAMES: tuple[tuple[Any, str], ...] = (
    (fetcher, "MemoryRecords"),
    (default_records._DefaultRecordBatchPy, "_maybe_uncompress HEADER_STRUCT AFTER_LEN_OFFSET"),
)


class _Names(bytearray):
    """Bytes whose parts are decoded whatever they are."""

    def __getitem__(self, at: Any) -> Any:
        part = super().__getitem__(at)
        return _Names(part) if isinstance(at, slice) else part

    def decode(self, *_: Any) -> str:
        return super().decode("utf-8", "backslashreplace")


class _Patient(default_records._DefaultRecordBatchPy):  # pyright: ignore[reportGeneralTypeIssues] not meant to be, says its type
    """aiokafka's own batch in Python, slow, with names as `_Names` decodes them."""

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        if not isinstance(self._buffer, _Names):
            self._buffer = _Names(self._buffer)


def records_of(batch: Any, answer: bytes) -> Iterator[Any]:
    """Yield the records of a batch; ``answer`` are the bytes of the fetch answer that it is of."""
    # INVARIANT: a_header_name_that_is_no_text_stops_nothing
    read = 0
    try:
        for record in batch:
            yield record
            read += 1
    except UnicodeDecodeError:
        yield from islice(_patient(answer, batch.base_offset), read, None)


def _patient(answer: bytes, base_offset: int) -> Iterator[Any]:
    start, head = 0, _Patient.HEADER_STRUCT
    while True:
        offset, length, *_ = head.unpack_from(answer, start)
        end = start + _Patient.AFTER_LEN_OFFSET + length
        if offset == base_offset:
            return iter(_Patient(answer[start:end]))
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
