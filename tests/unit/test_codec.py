"""Every clause of the contract's paragraph on dead letters."""

import json
from typing import Any

import pytest

from schemas.events import Command, ContactAttributes, EngagementEvent, Erase, Rejected
from stream_app.processing.codec import Codec
from stream_app.processing.placement import partition_of
from tests.scoring_kit import T0, FakeRecord, command_json, event_json

DAY = 86_400_000
CODEC = Codec(1, 262_144, None)


class Who:
    """A known contact."""

    org_id = "1"
    contact_id = "42"


def read(value: bytes | None, key: bytes | None = b"1:42", timestamp: int = T0) -> EngagementEvent | str:
    """Return the event or the reason; a known and an unknown contact must read alike."""
    record = FakeRecord(7, value, key, timestamp)
    fresh = CODEC.event(record, 0, None)
    if key == b"1:42":
        assert CODEC.event(record, 0, Who()) == fresh
    return fresh.reason if isinstance(fresh, Rejected) else fresh


def good(**fields: Any) -> EngagementEvent:
    event = read(event_json(**fields), key=None if fields.pop("keyless", False) else b"1:42")
    assert isinstance(event, EngagementEvent), event
    return event


def raw(*members: str) -> bytes:
    return b'{"orgId":"1","contactId":"42","type":"email_open",' + ",".join(members).encode() + b"}"


def test_an_event_is_read() -> None:
    event = good(
        eventId="e1", siteId="s", properties={"a": [1, {"b": None}]}, occurredAt="2026-01-01T01:00:00.25+01:00"
    )
    assert event == EngagementEvent("1", "42", "email_open", "e1", "s", T0 + 250, {"a": [1, {"b": None}]})


def test_integers_become_text_and_absent_fields_fall_back() -> None:
    event = good(orgId=1, contactId=42, eventId=7, siteId=9, occurredAt=None, properties=None)
    assert event == EngagementEvent("1", "42", "email_open", "7", "9", T0, {})
    assert good(occurredAt=...) == EngagementEvent("1", "42", "email_open", None, None, T0, {})


def test_unknown_fields_are_ignored() -> None:
    assert good(extra={"deep": [1]}) == good()


def test_of_duplicate_keys_the_last_wins() -> None:
    assert read(raw('"type":1', '"type":"email_click"', '"properties":5', '"properties":{"a":1,"a":2}')) == (
        EngagementEvent("1", "42", "email_click", None, None, T0, {"a": 2})
    )


def test_custom_types_are_taken_and_manual_is_reserved_for_commands() -> None:
    assert good(type="a" + "z" * 63).type == "a" + "z" * 63
    for bad in ("manual", "Email", "1a", "", "a-b", "a" * 65, "ä", "a\n"):
        assert read(event_json(type=bad)) == "invalid_event"


def test_big_integers_stay_integers() -> None:
    assert good(properties={"n": 2**70, "f": 1.0}).properties == {"n": 2**70, "f": 1.0}


@pytest.mark.parametrize(
    "value",
    [
        None, b"", b"{", b'{"a":NaN}', raw('"x":Infinity'), b"\xef\xbb\xbf" + event_json(), event_json()[:-1],
        event_json() + b"x", raw('"x":"\xff"').replace(b"\xc3\xbf", b"\xff"), raw('"properties":{"a":01}'),
        raw('"x":"\x01"'), raw('"properties":{"a":1,}'), b"[" * 300,
        raw('"properties":{"a":"\xff"}').replace(b"\xc3\xbf", b"\xff"),
    ],
)  # fmt: skip
def test_not_json(value: bytes | None) -> None:
    assert read(value) == "not_json"


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize(
    "value",
    [
        b"[]", b'"x"', b"1", b"null", b"{}", b"[" * 5000 + b"]" * 5000,
        raw('"x":1e400'), raw('"properties":{"a":1e400}'), raw('"x":[1e400]', '"x":1'),
        raw('"x":' + nested(128)), raw('"properties":{"a":' + nested(127) + "}"), raw('"x":' + nested(2000)),
        raw('"x":' + nested(200), '"x":1'), raw('"properties":{"a":' + nested(127) + "}", '"properties":{}'),
        raw('"x":"\\ud800"'), raw('"x":' + "9" * 5000),
        event_json(orgId=...), event_json(contactId=...), event_json(type=...), event_json(type=5),
        event_json(orgId="a b"), event_json(orgId=""), event_json(orgId="x" * 65), event_json(orgId=None),
        event_json(orgId=1.0), event_json(orgId=True), event_json(contactId=""), event_json(contactId="x" * 129),
        event_json(contactId="a\u0007"), event_json(contactId="a\u0085"), event_json(contactId=42.0),
        event_json(contactId=10**200), event_json(eventId=""), event_json(eventId="x" * 129), event_json(eventId="a\n"),
        event_json(eventId=1.5), event_json(siteId="\x7f"), event_json(siteId=[]), event_json(properties=[]),
        event_json(occurredAt=5), event_json(occurredAt="2026-01-01"), event_json(occurredAt="1969-12-31T23:59:59Z"),
        event_json(occurredAt="2026-01-02T00:00:00.001Z"),
    ],
)  # fmt: skip
def test_invalid_event(value: bytes) -> None:
    assert read(value) == "invalid_event"


def test_nesting_of_128_is_taken_and_brackets_in_texts_do_not_count() -> None:
    assert isinstance(read(raw('"x":' + nested(127))), EngagementEvent)
    assert isinstance(read(raw('"properties":{"a":' + nested(126) + "}")), EngagementEvent)
    assert isinstance(read(raw('"properties":{"a":"' + "[" * 300 + '"}')), EngagementEvent)
    assert isinstance(read(raw('"properties":{"a":[' + ",".join(["[]"] * 300) + "]}")), EngagementEvent)


def test_events_up_to_24_hours_ahead_are_taken() -> None:
    assert good(occurredAt="2026-01-02T00:00:00Z").occurred_at == T0 + DAY
    assert read(event_json(), timestamp=-1) == good()


def test_without_any_time_an_event_is_invalid() -> None:
    assert read(event_json(occurredAt=...), timestamp=-1) == "invalid_event"


def test_too_large_comes_first() -> None:
    assert isinstance(read(event_json(x="a" * (262_144 - len(event_json(x=""))))), EngagementEvent)
    assert read(b"{" + b"x" * 262_144) == "too_large"


def test_missing_key_and_key_mismatch_come_after_invalid_event() -> None:
    assert read(event_json(), key=None) == "missing_key"
    assert read(event_json(), key=b"1:43") == "key_mismatch"
    assert read(event_json(), key=b'"1:42"') == "key_mismatch"
    assert read(event_json(type="No"), key=None) == "invalid_event"
    assert read(event_json(type="No"), key=b"1:43") == "invalid_event"


def test_a_known_key_does_not_excuse_other_ids() -> None:
    for fields in ({"contactId": "43"}, {"orgId": "2"}, {"contactId": 43}):
        assert read(event_json(**fields)) == "key_mismatch"


def test_wrong_partition_comes_before_too_late() -> None:
    codec = Codec(8, 1000, 1)
    home = partition_of(b"1:42", 8)
    old = FakeRecord(7, event_json(), b"1:42", T0 + DAY + 1)
    late, lost = codec.event(old, home, None), codec.event(old, (home + 1) % 8, None)
    assert isinstance(late, Rejected)
    assert isinstance(lost, Rejected)
    assert (late.reason, lost.reason) == ("too_late", "wrong_partition")
    assert str(home) in lost.message
    assert isinstance(codec.event(FakeRecord(7, event_json(), b"1:42", T0 + DAY), home, None), EngagementEvent)


# ---------------------------------------------------------------------------------------------- contacts
def contacts(value: bytes | None, key: bytes | None = b"1:42", partition: int = 0) -> Any:
    return Codec(1, 1000, None).attributes(FakeRecord(7, value, key), partition, None)


def test_attributes_are_read() -> None:
    body = {
        "orgId": 1,
        "contactId": 42,
        "email": "a@x",
        "attributes": {"n": 1},
        "updatedAt": "2026-01-01T00:00:01Z",
        "z": 0,
    }
    assert contacts(json.dumps(body).encode()) == ContactAttributes("1", "42", "a@x", {"n": 1}, T0 + 1000)
    assert contacts(b'{"orgId":"1","contactId":"42","attributes":null}') == ContactAttributes("1", "42", None, {}, T0)


@pytest.mark.parametrize(
    ("value", "key", "reason"),
    [
        (b"x" * 1001, None, "too_large"), (b"{", None, "not_json"), (b"[]", None, "invalid_event"),
        (b'{"orgId":"1"}', None, "invalid_event"), (b'{"orgId":"1","contactId":""}', None, "invalid_event"),
        (b'{"orgId":"1","contactId":"42","updatedAt":"x"}', None, "invalid_event"),
        (b'{"orgId":"1","contactId":"42","email":5}', None, "invalid_event"),
        (b'{"orgId":"1","contactId":"42"}', None, "missing_key"),
        (b'{"orgId":"1","contactId":"42"}', b"1:4", "key_mismatch"),
        (None, None, "missing_key"), (None, b"1", "key_mismatch"), (None, b"\xff:1", "key_mismatch"),
        (None, b"1:", "key_mismatch"), (None, b"a b:1", "key_mismatch"),
    ],
)  # fmt: skip
def test_attributes_are_rejected(value: bytes | None, key: bytes | None, reason: str) -> None:
    assert contacts(value, key).reason == reason


def test_a_tombstone_is_the_order_to_erase() -> None:
    assert contacts(None) == Erase("1", "42", T0)
    assert contacts(None, partition=1).reason == "wrong_partition"


# ---------------------------------------------------------------------------------------------- commands
def commands(value: bytes | None, key: bytes | None = b"1:42") -> Any:
    return Codec(1, 1000, None).command(FakeRecord(7, value, key), 0, None)


def test_commands_are_read() -> None:
    assert commands(command_json()) == Command("1", "42", "adjust", "c1", T0, amount=5)
    full = command_json(
        kind="set", score=-(2**63), points="ignored", reason="r" * 500, profileId="fit", fireTriggers=True,
        at="2026-01-01T00:00:01Z", by="jane", commandId=7, zzz=1,
    )  # fmt: skip
    assert commands(full) == Command(
        "1", "42", "set", "7", T0 + 1000, "jane", -(2**63), "r" * 500, "fit", fire_triggers=True
    )
    assert commands(command_json(kind="tag", tag="vip", points="no")) == Command("1", "42", "tag", "c1", T0, tag="vip")
    assert commands(command_json(kind="untag", tag="vip")).tag == "vip"
    assert commands(command_json(kind="reset", points=...)).kind == "reset"
    assert commands(command_json(kind="enrol", programId=7)).program_id == "7"


@pytest.mark.parametrize("points", [2**31, -(2**31) - 1, 2**63 - 1, -(2**63)])
def test_D27_points_of_commands_are_int64(points: int) -> None:
    assert commands(command_json(points=points)).amount == points
    assert commands(command_json(kind="set", points=..., score=points)).amount == points
    for beyond in (2**63, -(2**63) - 1):
        assert commands(command_json(points=beyond)).reason == "invalid_command"
        assert commands(command_json(kind="set", points=..., score=beyond)).reason == "invalid_command"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "not_json"), (b"{", "not_json"), (b"x" * 1001, "too_large"), (b"[]", "invalid_command"),
        (b'{"kind":"merge"}', "unknown_command"), (b"{}", "unknown_command"),
        (command_json(kind=["adjust"]), "unknown_command"),
        (command_json(kind="untagg", commandId=...), "unknown_command"),
        (command_json(commandId=...), "invalid_command"), (command_json(commandId=""), "invalid_command"),
        (command_json(contactId=...), "invalid_command"), (command_json(orgId="a b"), "invalid_command"),
        (command_json(at="yesterday"), "invalid_command"), (command_json(at=5), "invalid_command"),
        (command_json(by=""), "invalid_command"), (command_json(by=[]), "invalid_command"),
        (command_json(points=...), "invalid_command"), (command_json(points=5.0), "invalid_command"),
        (command_json(points="5"), "invalid_command"), (command_json(points=True), "invalid_command"),
        (command_json(points=2**63), "invalid_command"), (command_json(kind="set"), "invalid_command"),
        (command_json(reason=5), "invalid_command"), (command_json(reason="r" * 501), "invalid_command"),
        (command_json(profileId="A"), "invalid_command"), (command_json(profileId=5), "invalid_command"),
        (command_json(kind="set", score=1, fireTriggers=1), "invalid_command"),
        (command_json(kind="tag"), "invalid_command"), (command_json(kind="untag", tag="x" * 129), "invalid_command"),
        (command_json(kind="enrol"), "invalid_command"),
        (command_json(kind="enrol", programId=True), "invalid_command"),
        (command_json(kind="enrol", programId=""), "invalid_command"),
        (b'{"kind":"adjust","x":1e400}', "invalid_command"),
    ],
)  # fmt: skip
def test_commands_are_rejected(value: bytes | None, reason: str) -> None:
    assert commands(value, key=None).reason == reason


def test_keys_of_commands_are_checked() -> None:
    assert commands(command_json(), None).reason == "missing_key"
    assert commands(command_json(), b"1:43").reason == "key_mismatch"
