"""Record batches that a client of another language may send and ours does not make."""

import struct

from aiokafka.record._crecords.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from tests.scoring_kit import T0

PLACEHOLDER, ODD = "name", b"\xff\xfe\x80\x00"
CHECKSUM_AT, CHECKED_FROM, BODY_FROM = 17, 21, 61
CODECS = {3: "lz4", 4: "zstd"}


def batch_with_odd_name(
    base: int, records: int, odd: int, codec: int = 0, key: bytes = b"1:42", value: bytes = b"{}"
) -> bytes:
    """Return a batch whose record ``odd`` has a header with a name that is no UTF-8."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 20)
    for n in range(records):
        builder.append(n, T0 + n, key, value, [(PLACEHOLDER, b"v")] if n == odd else [])
    made = bytearray(builder.build())
    body = bytes(made[BODY_FROM:]).replace(PLACEHOLDER.encode(), ODD)
    if codec:
        import aiokafka.codec as codecs

        body = getattr(codecs, f"{CODECS[codec]}_encode")(body)
    made[BODY_FROM:] = body
    struct.pack_into(">q", made, 0, base)
    struct.pack_into(">i", made, 8, len(made) - 12)
    struct.pack_into(">h", made, CHECKED_FROM, codec)
    struct.pack_into(">I", made, CHECKSUM_AT, calc_crc32c(bytes(made[CHECKED_FROM:])))
    return bytes(made)
