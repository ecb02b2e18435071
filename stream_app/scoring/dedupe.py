"""The memory of ids: what was seen, first in, first out (S4, S53, D21, decision 0002).

Laws: the window is exact: the newest N distinct ids, N a setting; a hash is the first 8 bytes of BLAKE2b of the id;
hashes are compared at multiples of 8 bytes only.
"""

from hashlib import blake2b
from typing import Final

from schemas.state import COMMAND_HASHES, HASH_BYTES, SEGMENT_HASHES

SEGMENT_BYTES: Final = SEGMENT_HASHES * HASH_BYTES


def id_hash(text: str) -> bytes:
    """Return the 8 bytes that stand for an event id or a command id."""
    return blake2b(text.encode()).digest()[:HASH_BYTES]


def segments_kept(window: int) -> int:
    """Return how many full segments a window of so many ids can reach into."""
    return -(-window // SEGMENT_HASHES)


def seen(older: bytes, recent: bytes, digest: bytes, window: int) -> bool:
    """Tell whether a hash is among the newest ``window`` of ``older`` and ``recent`` together."""
    outside = max(0, len(older) + len(recent) - window * HASH_BYTES)
    return holds(older, digest, outside) or holds(recent, digest, max(0, outside - len(older)))


def remember(older: bytes, recent: bytes, digest: bytes, window: int) -> tuple[bytes, bytes, int]:
    """Return (older, recent, segments filled by this hash: 0 or 1) after a new hash."""
    recent += digest
    if len(recent) < SEGMENT_BYTES:
        return older, recent, 0
    older += recent
    return older[max(0, len(older) - segments_kept(window) * SEGMENT_BYTES) :], b"", 1


def remember_command(commands: bytes, digest: bytes) -> bytes:
    """Return the command-id hashes after a new one; the oldest beyond COMMAND_HASHES is forgotten."""
    return (commands + digest)[-COMMAND_HASHES * HASH_BYTES :]


def command_seen(commands: bytes, digest: bytes) -> bool:
    """Tell whether a command-id hash is remembered."""
    return holds(commands, digest)


def holds(hashes: bytes, digest: bytes, start: int = 0) -> bool:
    """Tell whether a hash is among ``hashes`` from byte ``start`` on, a multiple of 8."""
    at = hashes.find(digest, start)
    while at > 0 and at % HASH_BYTES:
        at = hashes.find(digest, at + 1)
    return at >= 0
