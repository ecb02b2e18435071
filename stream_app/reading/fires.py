"""How often each rule has fired, over all contacts of a partition, as their states count it (S12).

Laws: only committed state is counted; a walk over it gives the loop a turn after every slice, so that neither scoring
nor the web waits for a million contacts; what was counted is kept for ten times as long as counting took, so that no
number of questions costs more than a tenth of the worker.  Contacts that change during a walk count as before or after.
Reads ``CommittedView``; writes nothing.
"""

import asyncio
import time
import weakref
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from schemas.state import CORE, SEPARATOR, Core
from stream_app.delivery.status import CommittedView, PartitionsView

SLICE: Final = 500
KEPT_SECONDS: Final = 5.0
SHARE: Final = 10

_CORE_SUFFIX: Final = SEPARATOR + CORE
_decode_core: Final = msgspec.msgpack.Decoder(Core).decode


class RuleFires(msgspec.Struct, array_like=True):
    """Fire counts of one rule: their sum, and the number of contacts that have one."""

    fires: int = 0
    contacts: int = 0


class Fires(msgspec.Struct):
    """One org's fire counts by what contacts remember rules under, deleted ones included.

    ``as_of`` is when counting began, in milliseconds.
    """

    as_of: int
    rules: dict[int, RuleFires]


@dataclass(frozen=True, slots=True)
class _Counted:
    store: "weakref.ref[CommittedView]"
    as_of: int
    until: float
    orgs: Mapping[str, dict[int, RuleFires]]


class FireTotals:
    """Counts the partitions held here when somebody asks; ``clock`` is monotonic seconds."""

    def __init__(self, partitions: PartitionsView, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._partitions = partitions
        self._clock = clock
        self._counted: dict[int, _Counted] = {}
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def of(self, partition: int, org_id: str) -> Fires | None:
        """Return an org's fire counts in a partition; None unless it is open here until they are counted."""
        async with self._locks[partition]:
            committed = self._partitions.committed(partition)
            if committed is None:
                return None
            counted = self._counted.get(partition)
            if counted is None or counted.store() is not committed or counted.until < self._clock():
                counted = await self._count(partition, committed)
        return None if counted is None else Fires(counted.as_of, counted.orgs.get(org_id, {}))

    async def _count(self, partition: int, committed: CommittedView) -> _Counted | None:
        as_of, started = time.time_ns() // 1_000_000, self._clock()
        self._counted.pop(partition, None)
        orgs: dict[str, dict[int, RuleFires]] = {}
        slices = committed.walk(SLICE)
        while self._partitions.committed(partition) is committed:  # asked before each slice: a closed store has none
            rows = next(slices, None)
            if rows is None:
                now = self._clock()
                until = now + max(KEPT_SECONDS, SHARE * (now - started))
                counted = self._counted[partition] = _Counted(weakref.ref(committed), as_of, until, orgs)
                return counted
            for key, value in rows:
                if key.endswith(_CORE_SUFFIX):
                    _add(orgs.setdefault(key[: key.index(b":")].decode(), {}), _decode_core(value).fires)
            await asyncio.sleep(0)
        return None


def _add(totals: dict[int, RuleFires], fires: Mapping[int, int]) -> None:
    for rule_id, count in fires.items():
        total = totals.get(rule_id)
        if total is None:
            total = totals[rule_id] = RuleFires()
        total.fires += count
        total.contacts += 1


def merged(parts: Mapping[int, Fires]) -> Fires:
    """Return the sum of partitions, as of the earliest of them."""
    rules: dict[int, RuleFires] = {}
    for part in parts.values():
        for rule_id, fires in part.rules.items():
            total = rules.setdefault(rule_id, RuleFires())
            total.fires += fires.fires
            total.contacts += fires.contacts
    return Fires(min(part.as_of for part in parts.values()), rules)
