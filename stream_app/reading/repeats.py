"""Which body came with an Idempotency-Key, where the stream alone could not tell a repeat from another request.

Laws: in memory and bounded: a repeat with another body is told so on the worker that saw the first; what makes a repeat
act once are the ids in the stream, never this.
"""

from collections import OrderedDict
from typing import Final

KEYS_REMEMBERED: Final = 10_000


class Repeats:
    """Digests of bodies by org and key, the newest so many."""

    def __init__(self, remembered: int = KEYS_REMEMBERED) -> None:
        self._remembered = remembered
        self._digests: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    def same(self, org_id: str, key: str | None, digest: bytes) -> bool:
        """Take note of what came with a key; False when it is not what came before."""
        if key is None:
            return True
        place = org_id, key
        if self._digests.setdefault(place, digest) != digest:
            return False
        self._digests.move_to_end(place)
        if len(self._digests) > self._remembered:
            self._digests.popitem(last=False)
        return True
