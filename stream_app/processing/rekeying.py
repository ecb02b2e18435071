"""Where a record of a source with any key goes: into ``rekeyed`` under its contact's key, or to the dead letters.

Laws: the value goes unchanged, the headers are kept and the origin's added; the key is made of the ids in the value,
whatever it was.  Only what cannot be keyed is refused here (too_large, not_json, invalid_event: the ids); all else is
judged by the codec that reads ``rekeyed``.  Pure; bad data never raises.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from schemas.events import Rejected
from schemas.ids import contact_key, text_id, text_org
from schemas.ingest import ORIGIN_OFFSET, ORIGIN_PARTITION, ORIGIN_TIMESTAMP, ORIGIN_TOPIC
from stream_app.delivery.handler import Record
from stream_app.delivery.rekey import Routed
from stream_app.processing.codec import TOO_LARGE
from stream_app.processing.dead_letters import dead_letter
from stream_app.processing.json_reader import NULL_VALUE, REFUSED, read_object, shaped
from stream_app.processing.placement import partition_of

LARGEST_RECORD_BYTES: Final = 800_000  # what a topic with Kafka's default limit of 1 MiB takes, with room for framing
HEADERS_TOO_LARGE: Final = Rejected("too_large", f"value, key and headers exceed {LARGEST_RECORD_BYTES} bytes")


class _Ids(msgspec.Struct, rename="camel", gc=False):
    """The ids of an event; whatever else it holds is not looked at."""

    org_id: str | int
    contact_id: str | int


_decode_ids: Final = msgspec.json.Decoder(_Ids).decode


class Rekeying:
    """Routes records of one installation; implements ``stream_app.delivery.rekey.Route``."""

    def __init__(self, rekeyed: str, dead_letters: str, partitions: int, max_record_bytes: int) -> None:
        self._rekeyed, self._dead_letters = rekeyed, dead_letters
        self._partitions, self._max_record_bytes = partitions, max_record_bytes

    def __call__(self, topic: str, partition: int, record: Record) -> Routed:
        """Return where a record goes and as what; a dead letter goes to the number of its origin, modulo n."""
        key = self._key(record)
        if isinstance(key, Rejected):
            letter = dead_letter(topic, partition, record, key)
            return Routed(self._dead_letters, partition % self._partitions, letter, False)
        headers = [
            *record.headers,
            (ORIGIN_TOPIC, topic.encode()),
            (ORIGIN_PARTITION, b"%d" % partition),
            (ORIGIN_OFFSET, b"%d" % record.offset),
            (ORIGIN_TIMESTAMP, b"%d" % record.timestamp),
        ]
        return Routed(self._rekeyed, partition_of(key, self._partitions), (key, record.value, headers), True)

    def _key(self, record: Record) -> bytes | Rejected:
        value = record.value
        if value is None:
            return NULL_VALUE
        if len(value) > self._max_record_bytes:
            return TOO_LARGE
        if len(value) + _bytes_of(record.headers) > LARGEST_RECORD_BYTES:
            return HEADERS_TOO_LARGE
        try:
            return _contact(_decode_ids(value))
        except (*REFUSED, ValueError):  # the tolerant path has the last word: what was skipped may not be JSON
            tree = read_object(value, "invalid_event")
        ids = tree if isinstance(tree, Rejected) else shaped(tree, _Ids, "invalid_event")
        try:
            return ids if isinstance(ids, Rejected) else _contact(ids)
        except ValueError as error:
            return Rejected("invalid_event", str(error))


def _contact(ids: _Ids) -> bytes:
    return contact_key(text_org(ids.org_id), text_id(ids.contact_id))


def _bytes_of(headers: Iterable[tuple[str, bytes | None]]) -> int:
    return sum(len(name.encode()) + len(value or b"") for name, value in headers)
