"""Which partition a record key belongs to: Java's murmur2, as its default partitioner uses it (contract section 1)."""

from struct import unpack_from
from typing import Final

_M: Final = 0x5BD1E995
_SEED: Final = 0x9747B28C
_MASK: Final = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """Return Java's 32-bit murmur2 hash, unsigned."""
    length = len(data)
    words = length >> 2
    h = _SEED ^ length
    for word in unpack_from(f"<{words}I", data):
        k = word * _M & _MASK
        h = (h * _M ^ (k ^ k >> 24) * _M) & _MASK
    if tail := data[words << 2 :]:
        h = ((h ^ int.from_bytes(tail, "little")) * _M) & _MASK
    h = ((h ^ h >> 13) * _M) & _MASK
    return h ^ h >> 15


def partition_of(key: bytes, count: int) -> int:
    """Return the partition of a record key among ``count``."""
    return (murmur2(key) & 0x7FFFFFFF) % count
