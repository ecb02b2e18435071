"""What ingest says beside a record: where it came from, in headers of ``rekeyed``, and how far its source is read.

Laws: the four headers come last and in this order, after those that the record had; progress stands as text beside the
committed offset of its source partition, so both move with one transaction.  Written by ingest; read by it and the
codec.
"""

from typing import Final

import msgspec

ORIGIN_TOPIC: Final = "leadstream-origin-topic"
ORIGIN_PARTITION: Final = "leadstream-origin-partition"
ORIGIN_OFFSET: Final = "leadstream-origin-offset"
ORIGIN_TIMESTAMP: Final = "leadstream-origin-timestamp"


class IngestProgress(msgspec.Struct, rename="camel", gc=False, frozen=True):
    """Accounting of one source partition: ``committed offset - start = rekeyed + dead_letter + gaps``.

    ``partitions`` is how many the source had when it was first read: one with a higher number is new since.
    """

    partitions: int
    start: int
    rekeyed: int = 0
    dead_letter: int = 0
    gaps: int = 0
