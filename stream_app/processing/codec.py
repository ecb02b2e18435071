"""Bytes become inputs, or a Rejected with a closed reason (contract: Dead letters).

Laws: reasons are checked in this order: too_large, not_json, invalid_event (for commands unknown_command, then
invalid_command, stand in its place), missing_key, key_mismatch, wrong_partition, too_late.  Unknown fields are ignored,
but what is in them must be JSON within the limits.  Bad data never raises.  The time of a record of ``rekeyed`` is that
of its origin: an absent ``occurredAt`` and the limits of its age are about when the event was sent, not re-keyed.
The fast path is one exact decode; whatever it refuses is read again by the tolerant path, which has the last word.
"""

from functools import lru_cache
from typing import Final, Protocol, cast

import msgspec

from schemas.events import (
    KNOWN_TYPES,
    MANUAL,
    Command,
    ContactAttributes,
    ContactAttributesWire,
    EngagementEvent,
    EngagementEventWire,
    Erase,
    Rejected,
    valid_type,
)  # fmt: skip
from schemas.ids import contact_key, split_contact_key, text_id, text_org
from schemas.ingest import ORIGIN_TIMESTAMP
from schemas.times import DAY_MS, parse_time, time_of
from stream_app.delivery.handler import Headers, Record
from stream_app.processing.command_codec import read_command
from stream_app.processing.json_reader import (
    MAX_DEPTH,
    NULL_VALUE,
    REFUSED,
    SHALLOW_BYTES,
    read_object,
    shaped,
    too_deep,
)  # fmt: skip
from stream_app.processing.placement import partition_of

TOO_LARGE: Final = Rejected("too_large", "the value exceeds the limit of this installation")
TOO_DEEP: Final = Rejected("invalid_event", f"the value nests deeper than {MAX_DEPTH} levels")
MISSING_KEY: Final = Rejected("missing_key", "the record has no key")
KEY_MISMATCH: Final = Rejected("key_mismatch", "the key is not orgId:contactId of the value")
BAD_KEY: Final = Rejected("key_mismatch", "the key is not orgId:contactId")
TOO_LATE: Final = Rejected("too_late", "occurredAt is older than this installation takes")


class _ExactEvent(EngagementEventWire, rename="camel", gc=False, forbid_unknown_fields=True):
    """An engagement event without unknown fields: nothing of it is skipped, so nothing in it goes unchecked."""


_decode_exact: Final = msgspec.json.Decoder(_ExactEvent).decode


class Known(Protocol):
    """A contact whose key passed all checks before: ``orgId:contactId`` are these two, in this partition."""

    @property
    def org_id(self) -> str: ...
    @property
    def contact_id(self) -> str: ...


class Codec:
    """Reads records of one installation; ``max_lateness_days`` None takes events of any age."""

    def __init__(self, partitions: int, max_record_bytes: int, max_lateness_days: int | None) -> None:
        self._partitions = partitions
        self._max_record_bytes = max_record_bytes
        self._max_lateness_ms = None if max_lateness_days is None else max_lateness_days * DAY_MS

    def event(  # noqa: PLR0911 - a return per closed reason
        self, record: Record, partition: int, known: Known | None, timestamp: int | None = None
    ) -> EngagementEvent | Rejected:
        """Read an event; ``known`` is what is known of the record's key, ``timestamp`` its time where not its own."""
        value = record.value
        if value is None:
            return NULL_VALUE
        if len(value) > self._max_record_bytes:
            return TOO_LARGE
        try:
            wire = _decode_exact(value)
        except REFUSED:
            tree = read_object(value, "invalid_event")
            wire = tree if isinstance(tree, Rejected) else shaped(tree, EngagementEventWire, "invalid_event")
            if isinstance(wire, Rejected):
                return wire
        if len(value) >= SHALLOW_BYTES and too_deep(value):
            return TOO_DEEP
        # INVARIANT: known_contact_is_in_its_partition; its ids were checked too
        sent_at = record.timestamp if timestamp is None else timestamp
        checked = known is not None and wire.contact_id == known.contact_id and wire.org_id == known.org_id
        try:
            event = _event(wire, sent_at, checked)
        except ValueError as error:
            return Rejected("invalid_event", str(error))
        if not checked:
            misplaced = self._misplaced(record.key, event.org_id, event.contact_id, partition)
            if misplaced is not None:
                return misplaced
        if self._max_lateness_ms is not None and event.occurred_at < sent_at - self._max_lateness_ms:
            return TOO_LATE
        return event

    def rekeyed(self, record: Record, partition: int, known: Known | None) -> EngagementEvent | Rejected:
        """Read an engagement event of ``rekeyed``."""
        return self.event(record, partition, known, _origin_timestamp(record.headers))

    def attributes(self, record: Record, partition: int, known: Known | None) -> ContactAttributes | Erase | Rejected:
        """Read new attributes, or the order to erase: a null value."""
        value = record.value
        if value is None:
            return self._erase(record, partition)
        if len(value) > self._max_record_bytes:
            return TOO_LARGE
        tree = read_object(value, "invalid_event")
        wire = tree if isinstance(tree, Rejected) else shaped(tree, ContactAttributesWire, "invalid_event")
        if isinstance(wire, Rejected):
            return wire
        try:
            given = ContactAttributes(
                text_org(wire.org_id), text_id(wire.contact_id), wire.email, wire.attributes or {},
                time_of(wire.updated_at, record.timestamp),
            )  # fmt: skip
        except ValueError as error:
            return Rejected("invalid_event", str(error))
        return self._misplaced(record.key, given.org_id, given.contact_id, partition) or given

    def command(self, record: Record, partition: int, known: Known | None) -> Command | Rejected:
        """Read a command."""
        if record.value is None:
            return NULL_VALUE
        if len(record.value) > self._max_record_bytes:
            return TOO_LARGE
        command = read_command(record.value, record.timestamp)
        if isinstance(command, Rejected):
            return command
        return self._misplaced(record.key, command.org_id, command.contact_id, partition) or command

    def _erase(self, record: Record, partition: int) -> Erase | Rejected:
        if record.key is None:
            return MISSING_KEY
        try:
            org_id, contact_id = split_contact_key(record.key)
            erase = Erase(text_org(org_id), text_id(contact_id), record.timestamp)
        except ValueError:
            return BAD_KEY
        return self._misplaced(record.key, org_id, contact_id, partition) or erase

    def _misplaced(self, key: bytes | None, org_id: str, contact_id: str, partition: int) -> Rejected | None:
        """Return why a record of this contact may not have this key or be in this partition."""
        if key is None:
            return MISSING_KEY
        if key != contact_key(org_id, contact_id):
            return KEY_MISMATCH
        belongs = partition_of(key, self._partitions)
        if belongs != partition:
            return Rejected("wrong_partition", f"the key belongs to partition {belongs}")
        return None


def _event(wire: EngagementEventWire, timestamp: int, checked: bool) -> EngagementEvent:
    """Return a valid event; ValueError says what is not.  ``checked``: org and contact id are known to be valid."""
    org_id, contact_id, event_type = wire.org_id, wire.contact_id, wire.type
    if not checked:
        org_id, contact_id = text_org(org_id), text_id(contact_id)
    if event_type not in KNOWN_TYPES and (valid_type(event_type) is None or event_type == MANUAL):
        raise ValueError("type is not [a-z][a-z0-9_]{0,63}, or it is manual")
    event_id, site_id, text = wire.event_id, wire.site_id, wire.occurred_at
    occurred_at = time_of(None, timestamp) if text is None else parse_time(text)
    if occurred_at > timestamp + DAY_MS and timestamp >= 0:
        raise ValueError("occurredAt is more than 24 hours ahead of the record")
    return EngagementEvent(
        cast("str", org_id), cast("str", contact_id), event_type, None if event_id is None else text_id(event_id),
        None if site_id is None else _site(site_id), occurred_at, wire.properties or {},
    )  # fmt: skip


def _origin_timestamp(headers: Headers) -> int | None:
    """Return the CreateTime of the record that was re-keyed; None when no header says it, or none that is a time."""
    for name, value in reversed(headers):
        if name == ORIGIN_TIMESTAMP:
            text = value or b""
            return int(text) if text.removeprefix(b"-").isdigit() and len(text) < 19 else None
    return None


@lru_cache(maxsize=1024)
def _site(value: str | int) -> str:
    """Return a site id as text; there are few of them."""
    return text_id(value)
