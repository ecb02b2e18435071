"""Record batches that a client of another language may send and ours does not make."""

import struct

from aiokafka.record._crecords.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from tests.scoring_kit import T0

PLACEHOLDER, ODD = "name", b"\xff\xfe\x80\x00"
CHECKSUM_AT, CHECKED_FROM, NEWEST_AT, BODY_FROM = 17, 21, 35, 61
APPENDED = 0x08
CODECS = {3: "lz4", 4: "zstd"}


Row = tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]


def batch_with_odd_name(
    base: int, records: int, odd: int, codec: int = 0, key: bytes = b"1:42", value: bytes = b"{}"
) -> bytes:
    """Return a batch whose record ``odd`` has a header with a name that is no UTF-8."""
    return batch_of(base, [(key, value, [(PLACEHOLDER, b"v")] if n == odd else []) for n in range(records)], codec)


def batch_of(base: int, rows: list[Row], codec: int = 0, log_append_ms: int | None = None) -> bytes:
    """Return a batch of (key, value, headers), a millisecond apart; headers called PLACEHOLDER are called ODD."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 20)
    for n, (key, value, headers) in enumerate(rows):
        builder.append(n, T0 + n, key, value, headers)
    made = bytearray(builder.build())
    body = bytes(made[BODY_FROM:]).replace(PLACEHOLDER.encode(), ODD)
    if codec:
        import aiokafka.codec as codecs

        body = getattr(codecs, f"{CODECS[codec]}_encode")(body)
    made[BODY_FROM:] = body
    struct.pack_into(">q", made, 0, base)
    struct.pack_into(">i", made, 8, len(made) - 12)
    struct.pack_into(">h", made, CHECKED_FROM, codec)
    if log_append_ms is not None:
        struct.pack_into(">h", made, CHECKED_FROM, codec | APPENDED)
        struct.pack_into(">q", made, NEWEST_AT, log_append_ms)
    struct.pack_into(">I", made, CHECKSUM_AT, calc_crc32c(bytes(made[CHECKED_FROM:])))
    return bytes(made)
