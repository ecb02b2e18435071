"""The contacts that a batch works on, over committed state.

Laws: at most OVERLAY_CONTACTS are held as objects; those before them are the bytes that they became, and are read from
there when they come again.  Committed state is only read; all that changed is in what `Overlay.settle` returns.
Reads ``Committed``; writes a dict of changes.
"""

from collections.abc import Sequence
from typing import Final, cast

import msgspec

from schemas.ids import split_contact_key
from schemas.state import HAS_VISITS, Alarm
from stream_app.delivery.handler import Committed
from stream_app.processing import sections
from stream_app.scoring.contact import NO_VISITS, Contact

# Measured: 14 -> 11 us per event: what 4,000 contacts keep alive as objects does not fit into a core's cache.
OVERLAY_CONTACTS: Final = 100


class Entry(msgspec.Struct, gc=False):
    """A contact in the overlay: as it is ``stored`` and as it is now; None is unknown.

    ``complete`` tells whether both have all sections; ``erased`` that an order to erase came in between.
    """

    org_id: str
    contact_id: str
    stored: Contact | None
    contact: Contact | None
    complete: bool
    erased: bool = False


class _Pending:
    """State as the batch has left it so far."""

    def __init__(self, committed: Committed, changes: sections.Changes) -> None:
        self._committed = committed
        self._changes = changes

    def get(self, key: bytes, /) -> bytes | None:
        """Return the value that a key has now."""
        changes = self._changes
        return changes[key] if key in changes else self._committed.get(key)


class Overlay:
    """One batch's contacts; ``window`` is the number of remembered event ids (S4).

    ``dues`` are the due times that contacts have now and had not before, by the key of their core; ``forgotten`` counts
    the values that fell out of memories of rules with ``oncePer``; both up to the last `settle`.  ``read_bytes`` says
    how much `complete` has read.
    """

    def __init__(self, committed: Committed, window: int) -> None:
        self.entries: dict[bytes | None, Entry] = {}
        self.forgotten = self.read_bytes = 0
        self.dues: dict[bytes, int] = {}
        self._committed = committed
        self._window = window
        self._changes: sections.Changes = {}
        self._changed: set[bytes] = set()
        self._pending = _Pending(committed, self._changes)

    def load(self, key: bytes | None) -> Entry | None:
        """Put a known contact into the entries; None for an unknown one, and for no key."""
        if len(self.entries) >= OVERLAY_CONTACTS:
            self.settle()
        if key is None:
            return None
        contact = sections.load(self._state(key), key, self._window)
        if contact is None:
            return None
        org_id, contact_id = split_contact_key(key)
        entry = self.entries[key] = Entry(org_id, contact_id, contact, contact, False)
        return entry

    def complete(self, key: bytes, entry: Entry) -> Contact:
        """Load commands and facts into both states: neither has changed them yet, and an erasure comes after this."""
        stored, contact = cast("Contact", entry.stored), cast("Contact", entry.contact)
        full, size = sections.complete(self._state(key), key, stored)
        self.read_bytes += size
        entry.stored, entry.complete = full, True
        entry.contact = (
            full if contact is stored else msgspec.structs.replace(contact, commands=full.commands, facts=full.facts)
        )
        return entry.contact

    def recall(self, key: bytes, entry: Entry, rule_ids: Sequence[int]) -> None:
        """Load the memories of rules into both states: what is not loaded, neither has changed."""
        contact, stored = cast("Contact", entry.contact), cast("Contact", entry.stored)
        asked = [rule_id for rule_id in rule_ids if rule_id in contact.core.once and rule_id not in contact.once]
        if not asked:
            return
        loaded = sections.recall(self._state(key), key, asked)
        entry.contact = msgspec.structs.replace(contact, once={**contact.once, **loaded})
        entry.stored = (
            entry.contact if contact is stored else msgspec.structs.replace(stored, once={**stored.once, **loaded})
        )

    def look_back(self, key: bytes, entry: Entry) -> None:
        """Load what page rules remember into both states: what is not loaded, neither has changed."""
        contact, stored = cast("Contact", entry.contact), cast("Contact", entry.stored)
        if not contact.core.has & HAS_VISITS or contact.visits is not NO_VISITS:
            return
        visits = sections.look_back(self._state(key), key)
        entry.contact = msgspec.structs.replace(contact, visits=visits)
        entry.stored = entry.contact if contact is stored else msgspec.structs.replace(stored, visits=visits)

    def settle(self) -> sections.Changes:
        """Turn the entries into changes; return all changes of the batch so far."""
        changes = self._changes
        for key, entry in self.entries.items():
            contact, stored = entry.contact, entry.stored
            if key is None or contact is stored:
                continue
            if entry.erased and stored is not None:
                sections.erase(self._state(key), key, stored, changes)
                stored = None
            if contact is not None:
                sections.store(key, stored, contact, changes)
                alarm = contact.core.alarm
                if alarm is not None and (stored is None or alarm is not stored.core.alarm):
                    self._note_due(key, stored, alarm)
                if contact.once:
                    self.forgotten += sections.forgotten(stored, contact)
            self._changed.add(key)
        self.entries.clear()
        return changes

    def _state(self, key: bytes) -> sections.Readable:
        return self._pending if key in self._changed else self._committed

    def _note_due(self, key: bytes, stored: Contact | None, alarm: Alarm) -> None:
        """Note a due time unless the stored contact has the same."""
        before = None if stored is None or stored.core.alarm is None else stored.core.alarm.due
        if alarm.due is not None and alarm.due != before:
            self.dues[key + sections.CORE_SUFFIX] = alarm.due
