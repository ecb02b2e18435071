"""How a worker takes memory from the machine and gives it back.

Laws: one heap for all threads, because what RocksDB's threads have freed in heaps of their own nobody else can use, and
each takeover of a partition would leave some behind; large blocks come from the kernel and return to it at once, for
glibc otherwise keeps up to 32 MiB of what it has once seen freed; free pages below the top of the heap return when they
are asked for.  Where the C library is another, nothing is changed.
Source: mallopt(3), malloc_trim(3); measured in docs/performance.md.
"""

import ctypes
from typing import Final

M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
M_ARENA_MAX: Final = -8
OPTIONS: Final = {M_ARENA_MAX: 1, M_MMAP_THRESHOLD: 256 << 10, M_TRIM_THRESHOLD: 1 << 20}


def tune_allocator() -> bool:
    """Tell whether the C library took the options; called before threads are started."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(option, value) for option, value in OPTIONS.items())


def give_back() -> bool:
    """Return free pages to the machine, in a few milliseconds; tell whether there were any."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and trim(0) == 1
