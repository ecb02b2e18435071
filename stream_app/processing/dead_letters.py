"""Dead letters: what could not be an input, as received, with the reasons in headers (contract: Dead letters).

Laws: the original key, value and headers come first and untouched, but that a header's name that is no UTF-8 is
escaped (`aiokafka_records`); only the value of a too_large record is cut, and then its length and hash say so;
``leadstream-redrive-count`` says how often the record was sent again before.
"""

from hashlib import sha256
from typing import Final

from schemas.events import Rejected
from stream_app.delivery.handler import Headers, Output, Record

KEPT_BYTES: Final = 64 * 1024
REASON: Final = "leadstream-reason"
REDRIVE_COUNT: Final = "leadstream-redrive-count"
ORIGINAL_LENGTH: Final = "leadstream-original-length"
ORIGINAL_SHA256: Final = "leadstream-original-sha256"
ERRORS: Final = "__streams.errors."


def dead_letter(topic: str, partition: int, record: Record, rejected: Rejected) -> Output:
    """Return the dead letter of a record."""
    value = record.value
    headers: list[tuple[str, bytes | None]] = [
        *record.headers,
        (f"{ERRORS}topic", topic.encode()),
        (f"{ERRORS}partition", b"%d" % partition),
        (f"{ERRORS}offset", b"%d" % record.offset),
        (f"{ERRORS}exception", rejected.reason.encode()),
        (f"{ERRORS}message", rejected.message.encode()),
        (REASON, rejected.reason.encode()),
        (REDRIVE_COUNT, b"%d" % redrives(record.headers)),
    ]
    if rejected.reason == "too_large" and value is not None:
        headers += [(ORIGINAL_LENGTH, b"%d" % len(value)), (ORIGINAL_SHA256, sha256(value).hexdigest().encode())]
        value = value[:KEPT_BYTES]
    return record.key, value, headers


def origin_topic(headers: Headers) -> str | None:
    """Return the topic whose record a dead letter was, None when it does not say."""
    topics = [topic for name, topic in headers if name == f"{ERRORS}topic"]
    return topics[-1].decode() if topics and topics[-1] else None


def redrives(headers: Headers) -> int:
    """Return how often a record was redriven: the last such header, 0 when there is none or it is no number."""
    counts = [count for name, count in headers if name == REDRIVE_COUNT]
    return int(counts[-1]) if counts and counts[-1] and counts[-1].isdigit() and len(counts[-1]) < 10 else 0
