"""Where a record of a source with any key goes, and when its event was."""

import json
from typing import Any

import pytest

from schemas.events import EngagementEvent, Rejected
from schemas.times import DAY_MS
from stream_app.delivery.handler import Headers
from stream_app.processing.codec import Codec
from stream_app.processing.placement import partition_of
from stream_app.processing.rekeying import LARGEST_RECORD_BYTES, Rekeying
from tests.contract.bad_input import BAD
from tests.scoring_kit import T0, FakeRecord

PARTITIONS = 8
LIMIT = 262_144
route = Rekeying("rekeyed", "dead", PARTITIONS, LIMIT)
codec = Codec(PARTITIONS, LIMIT, None)


def value(**fields: Any) -> bytes:
    return json.dumps({"orgId": "1", "contactId": "42", "type": "email_open", **fields}).encode()


def reason_of(headers: Headers) -> bytes | None:
    return dict(headers).get("leadstream-reason")


@pytest.mark.parametrize("key", [None, b"", b"1:42", b"1:43", b"\xff", b"anything"])
def test_the_key_is_made_of_the_ids_whatever_it_was(key: bytes | None) -> None:
    routed = route("web", 2, FakeRecord(7, value(), key))
    assert (routed.topic, routed.partition, routed.accepted) == ("rekeyed", partition_of(b"1:42", PARTITIONS), True)
    assert routed.output[:2] == (b"1:42", value())


def test_headers_are_kept_and_say_where_the_record_came_from() -> None:
    received: list[tuple[str, bytes | None]] = [
        ("trace", b"\x00\x01"),
        ("trace", None),
        ("leadstream-origin-topic", b"x"),
    ]
    _, _, headers = route("web", 2, FakeRecord(7, value(), None, T0, received)).output
    assert headers == [
        *received,
        ("leadstream-origin-topic", b"web"),
        ("leadstream-origin-partition", b"2"),
        ("leadstream-origin-offset", b"7"),
        ("leadstream-origin-timestamp", str(T0).encode()),
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, b"not_json"),
        (b"", b"not_json"),
        (b"{", b"not_json"),
        (value()[:-1] + b', "x": NaN}', b"not_json"),
        (b'{"orgId": "a b", "contactId": "42", "x": NaN}', b"not_json"),
        (b"[]", b"invalid_event"),
        (b"{}", b"invalid_event"),
        (value(orgId="a b"), b"invalid_event"),
        (value(orgId=True), b"invalid_event"),
        (value(contactId=""), b"invalid_event"),
        (value(contactId="x" * 129), b"invalid_event"),
        (value(contactId="\u0001"), b"invalid_event"),
        (value(contactId="\ud800"), b"invalid_event"),
        (value(contactId=None), b"invalid_event"),
        (b" " * (LIMIT + 1), b"too_large"),
    ],
)
def test_what_cannot_be_keyed_is_a_dead_letter_of_its_origin(body: bytes | None, reason: bytes) -> None:
    routed = route("web", 11, FakeRecord(7, body, b"k", T0, [("trace", b"t")]))
    assert (routed.topic, routed.partition, routed.accepted) == ("dead", 11 % PARTITIONS, False)
    key, kept, headers = routed.output
    own = dict(headers)
    assert (key, headers[0], own["leadstream-reason"]) == (b"k", ("trace", b"t"), reason)
    assert kept == (body if reason != b"too_large" else (body or b"")[:65536])
    assert [own[f"__streams.errors.{name}"] for name in ("topic", "partition", "offset")] == [b"web", b"11", b"7"]


def test_ids_are_read_as_the_codec_reads_them() -> None:
    assert route("web", 0, FakeRecord(0, value(orgId=1, contactId=42))).output[0] == b"1:42"
    twice = b'{"orgId": [], "orgId": "1", "contactId": "7", "contactId": "42", "type": "email_open"}'
    assert route("web", 0, FakeRecord(0, twice)).output[0] == b"1:42"


def test_a_record_that_no_topic_would_take_is_too_large() -> None:
    for size, accepted in ((LARGEST_RECORD_BYTES - 1000, True), (LARGEST_RECORD_BYTES, False)):
        routed = route("web", 0, FakeRecord(0, value(), None, T0, [("h", b"x" * size)]))
        assert routed.accepted is accepted
    assert reason_of(routed.output[2]) == b"too_large"


@pytest.mark.parametrize("bad", [bad for bad in BAD if bad.role == "engagement"], ids=lambda bad: bad.name)
def test_bad_input_gets_the_reason_that_a_keyed_source_gives(bad: Any) -> None:
    """Save what ingest mends: the key and its partition."""
    routed = route("web", 0, FakeRecord(0, bad.value, bad.key, T0, list(bad.headers)))
    if not routed.accepted:
        assert reason_of(routed.output[2]) == bad.reason.encode()
        return
    key, sent, headers = routed.output
    read = codec.rekeyed(FakeRecord(0, sent, key, T0, headers), routed.partition, None)
    mended = bad.reason in ("missing_key", "key_mismatch", "wrong_partition")
    assert (read.reason if isinstance(read, Rejected) else None) == (None if mended else bad.reason)


def rekeyed(at: int, *headers: bytes | None, **fields: Any) -> EngagementEvent | Rejected:
    said = [("leadstream-origin-timestamp", header) for header in headers]
    record = FakeRecord(3, value(**fields), b"1:42", at, list(said))
    return codec.rekeyed(record, partition_of(b"1:42", PARTITIONS), None)


def test_event_time_of_a_rekeyed_record_is_that_of_its_origin() -> None:
    read = rekeyed(T0 + 5 * DAY_MS, str(T0).encode())
    assert isinstance(read, EngagementEvent) and read.occurred_at == T0
    late = rekeyed(T0 + 5 * DAY_MS, str(T0).encode(), occurredAt="2026-01-03T00:00:00Z")
    assert isinstance(late, Rejected) and "24 hours" in late.message
    assert rekeyed(T0, b"-1") == Rejected(
        "invalid_event", "there is no time, and the record has none between 1970 and 9999"
    )
    last = rekeyed(T0 + DAY_MS, b"1", str(T0).encode())  # ingest's own comes after what a sender wrote
    assert isinstance(last, EngagementEvent) and last.occurred_at == T0


@pytest.mark.parametrize(
    "header", [(), (None,), (b"",), (b"-",), (b"--1",), (b"1.5",), (b"now",), (b"9" * 19,), (b"1", b"x")]
)
def test_a_missing_or_garbled_time_is_the_records_own(header: tuple[bytes | None, ...]) -> None:
    read = rekeyed(T0, *header)
    assert isinstance(read, EngagementEvent) and read.occurred_at == T0


def test_lateness_is_counted_from_the_origin() -> None:
    strict = Codec(PARTITIONS, LIMIT, 1)
    record = FakeRecord(
        0, value(occurredAt="2026-01-01T00:00:00Z"), b"1:42", T0 + 9 * DAY_MS,
        [("leadstream-origin-timestamp", str(T0 + DAY_MS).encode())],
    )  # fmt: skip
    partition = partition_of(b"1:42", PARTITIONS)
    assert isinstance(strict.rekeyed(record, partition, None), EngagementEvent)
    assert strict.event(record, partition, None) == Rejected(
        "too_late", "occurredAt is older than this installation takes"
    )


def test_only_records_of_rekeyed_are_asked_for_their_origin() -> None:
    record = FakeRecord(0, value(), b"1:42", T0, [("leadstream-origin-timestamp", b"1")])
    read = codec.event(record, partition_of(b"1:42", PARTITIONS), None)
    assert isinstance(read, EngagementEvent) and read.occurred_at == T0
