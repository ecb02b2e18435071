"""Inputs that leadstream writes itself, as records of its sources: built here, judged by the codec that will read them.

Laws: what the codec would refuse is never sent; ids are text on the wire; key and partition are the contact's; unknown
fields of an event are left out.  Text is UTF-8, not escapes: it may be as long as a sender's.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from schemas.events import Command, EngagementEvent, Rejected
from schemas.ids import contact_key, text_id, text_org
from schemas.times import format_time
from stream_app.delivery.sender import SourceRecord
from stream_app.processing.codec import Codec
from stream_app.processing.placement import partition_of

EVENT_FIELDS: Final = ("eventId", "orgId", "siteId", "contactId", "type", "occurredAt", "properties")
OPTIONAL_IDS: Final = frozenset({"eventId", "siteId"})
IDS: Final = {"orgId": text_org, "contactId": text_id, "eventId": text_id, "siteId": text_id}


@dataclass(frozen=True, slots=True)
class Draft:
    """A record that is not in Kafka yet."""

    timestamp: int
    key: bytes
    value: bytes | None
    offset: int = 0
    headers: Sequence[tuple[str, bytes | None]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """Builds records; ``commands``, ``contacts`` and ``engagement`` are full topic names."""

    codec: Codec
    partitions: int
    commands: str
    contacts: str
    engagement: str

    def command(self, fields: Mapping[str, Any], now: int) -> tuple[SourceRecord, Command] | Rejected:
        """Return the record of a command (contract: Command), and what the codec reads in it."""
        draft = self._draft(fields, now)
        if isinstance(draft, Rejected):
            return draft
        read = self.codec.command(draft, self._partition(draft), None)
        return read if isinstance(read, Rejected) else (self._record(self.commands, draft), read)

    def attributes(self, fields: Mapping[str, Any], now: int) -> SourceRecord | Rejected:
        """Return the record of new attributes (contract: ContactAttributes)."""
        draft = self._draft({**fields, "updatedAt": format_time(now)}, now)
        if isinstance(draft, Rejected):
            return draft
        read = self.codec.attributes(draft, self._partition(draft), None)
        return read if isinstance(read, Rejected) else self._record(self.contacts, draft)

    def erase(self, org_id: str, contact_id: str) -> SourceRecord:
        """Return the order to erase a contact (S52)."""
        return self._record(self.contacts, Draft(0, contact_key(org_id, contact_id), None))

    def event(self, fields: Mapping[str, Any], now: int) -> tuple[SourceRecord, EngagementEvent] | Rejected:
        """Return the record of an event (contract: EngagementEvent), and what the codec reads in it."""
        known = {name: fields[name] for name in EVENT_FIELDS if fields.get(name) is not None}
        draft = self._draft(known, now)
        if isinstance(draft, Rejected):
            return draft
        read = self.codec.event(draft, self._partition(draft), None)
        return read if isinstance(read, Rejected) else (self._record(self.engagement, draft), read)

    def _draft(self, fields: Mapping[str, Any], now: int) -> Draft | Rejected:
        """Return fields as a record, its ids as text."""
        ids: dict[str, str] = {}
        for name, read in IDS.items():
            if name in fields or name not in OPTIONAL_IDS:
                try:
                    ids[name] = read(fields.get(name, ""))
                except ValueError as error:
                    return Rejected("invalid_event", f"{name}: {error}")
        try:
            key = contact_key(ids["orgId"], ids["contactId"])
            text = json.dumps({**fields, **ids}, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            value = text.encode()  # UnicodeEncodeError, a ValueError: half a surrogate pair
        except ValueError as error:
            return Rejected("invalid_event", str(error))
        return Draft(now, key, value)

    def _partition(self, draft: Draft) -> int:
        return partition_of(draft.key, self.partitions)

    def _record(self, topic: str, draft: Draft) -> SourceRecord:
        return SourceRecord(topic, self._partition(draft), draft.key, draft.value)
