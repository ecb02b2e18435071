"""All records of `config` in little room: the newest as they are, those before them packed.

Laws: offsets rise and nothing is ever left out; what is read back equals what was added.
Pure: keeps what it is given.
"""

import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from stream_app.scoring.rulebook import ConfigRecord

PACK: Final = 256  # records; rules alike are packed to about a tenth

_decoder: Final = msgspec.msgpack.Decoder(list[ConfigRecord])


class ConfigRecords:
    """The records added so far, at least the newest ``PACK`` of them unpacked."""

    def __init__(self) -> None:
        self._packed: list[bytes] = []
        self._newest: list[ConfigRecord] = []

    def add(self, records: Iterable[ConfigRecord]) -> None:
        """Add records that come after all others."""
        self._newest += records
        while len(self._newest) >= 2 * PACK:
            self._packed.append(zlib.compress(msgspec.msgpack.encode(self._newest[:PACK])))
            del self._newest[:PACK]

    def before(self, offset: int) -> Iterator[ConfigRecord]:
        """Yield the records before an offset, in their order."""
        for record in self:
            if record.offset >= offset:
                return
            yield record

    def find(self, offset: int) -> ConfigRecord | None:
        """Return the record at an offset."""
        if self._newest and offset >= self._newest[0].offset:
            at = bisect_left(self._newest, offset, key=lambda record: record.offset)
            found = self._newest[at : at + 1]
            return found[0] if found and found[0].offset == offset else None
        return next((record for record in self if record.offset == offset), None)

    def __iter__(self) -> Iterator[ConfigRecord]:
        for packed in self._packed:
            yield from _decoder.decode(zlib.decompress(packed))
        yield from self._newest
