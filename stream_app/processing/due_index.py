"""When contacts fall due, told from their bytes; and what is due in a batch, committed or by its own doing.

Laws: alarms ring in (due time, key) order, those that the batch itself sets included; one that its contact no longer
has is passed over.
Reads ``Dated`` state and the overlay; writes nothing.
"""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from stream_app.delivery.handler import Committed, Dated
from stream_app.processing.overlay import Entry, Overlay
from stream_app.processing.sections import CORE_SUFFIX, decode_core
from stream_app.scoring.contact import Contact


def due_of(key: bytes, value: bytes) -> int | None:
    """Return when a state record falls due: that of a contact's core, by its alarm."""
    if not key.endswith(CORE_SUFFIX):
        return None
    alarm = decode_core(value).alarm
    return None if alarm is None else alarm.due


def cores(committed: Committed, after: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (state record key, contact key) of contacts in key order after a state record key."""
    for name, _ in committed.scan(after):
        if name.endswith(CORE_SUFFIX):
            yield name, name.removesuffix(CORE_SUFFIX)


class Next(NamedTuple):
    """A contact whose alarm is to ring."""

    key: bytes
    entry: Entry
    contact: Contact


class Agenda:
    """What is due up to ``until`` at the end of a batch."""

    def __init__(self, committed: Dated, overlay: Overlay, until: int) -> None:
        overlay.settle()
        self._overlay, self._until = overlay, until
        self._own = [(due, name) for name, due in overlay.dues.items() if due <= until]
        heapify(self._own)
        self._stored = committed.dues()
        self._first = next(self._stored, None)

    def next(self) -> Next | None:
        """Return the next contact, None when nothing is due any more."""
        overlay = self._overlay
        while (due_name := self._take()) is not None:
            due, name = due_name
            key = name.removesuffix(CORE_SUFFIX)
            entry = overlay.entries.get(key) or overlay.load(key)
            contact = None if entry is None else entry.contact
            if entry is None or contact is None or contact.core.alarm is None or contact.core.alarm.due != due:
                continue
            return Next(key, entry, contact)
        return None

    def again(self, key: bytes, contact: Contact) -> None:
        """Note when a contact's alarm rings again."""
        alarm = contact.core.alarm
        if alarm is not None and alarm.due is not None and alarm.due <= self._until:
            heappush(self._own, (alarm.due, key + CORE_SUFFIX))

    def _take(self) -> tuple[int, bytes] | None:
        stored = self._first
        if stored is not None and stored[0] <= self._until and (not self._own or stored <= self._own[0]):
            self._first = next(self._stored, None)
            return stored
        return heappop(self._own) if self._own else None
