"""How many requests a name may make: a token bucket for each, in one number.

Laws: ``per_second`` on average, ``burst`` at once; at most ``most`` names are remembered, the one not heard of for
longest is forgotten first, so that no flood of names takes memory.  Keeps its state in memory, per worker.
"""

import ipaddress
import time
from collections.abc import Callable
from typing import Final

MOST_NAMES: Final = 10_000
BURST_SECONDS: Final = 2
EPSILON: Final = 1e-9


class RateLimit:
    """Counts requests by name; a bucket is the moment at which it will be full again (GCRA)."""

    def __init__(self, per_second: int, *, most: int = MOST_NAMES, now: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / per_second
        self._tolerance = (per_second * BURST_SECONDS - 1) * self._interval + EPSILON
        self._most = most
        self._now = now
        self._full: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._full)

    def wait(self, name: str) -> float:
        """Count a request; 0.0 when it may pass, else the seconds after which the next one would."""
        now = self._now()
        full = max(self._full.pop(name, now), now)
        too_soon = full - now > self._tolerance
        self._full[name] = full if too_soon else full + self._interval
        if len(self._full) > self._most:
            del self._full[next(iter(self._full))]
        return full - now - self._tolerance if too_soon else 0.0


def peer_name(address: str | None) -> str:
    """Return what failed attempts of an address are counted under: an IPv6 network of 64 bits is one peer."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return address or ""
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
