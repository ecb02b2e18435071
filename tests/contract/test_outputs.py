"""Bytes of outputs against the contract's examples."""

import json
from typing import Any

from stream_app.processing.placement import partition_of
from stream_app.scoring.rulebook import EMPTY_RULEBOOK, fold
from tests.scoring_kit import (
    COMMANDS,
    CROSSINGS,
    ENGAGEMENT,
    SCORES,
    SET_R,
    Engine,
    FakeRecord,
    command_json,
    profile_record,
    rule_record,
)  # fmt: skip

EXAMPLE: dict[str, Any] = json.loads("""
{"id": "leadstream.engagement-3-1042/default", "orgId": "1", "siteId": "1", "contactId": "42", "profileId": "default",
 "previousScore": 45, "score": 70, "delta": 25, "version": 17,
 "awards": [{"logId": 31, "ruleId": 2, "ruleName": "Link clicked", "points": 10, "reason": "Rule: Link clicked"},
            {"logId": 32, "ruleId": 4, "ruleName": "Clicked pricing page", "points": 15,
             "reason": "Rule: Clicked pricing page"}],
 "cause": {"kind": "event", "eventId": "e-1042", "type": "email_click"},
 "occurredAt": "2026-03-01T14:30:00.000Z", "rulebookVersion": 12}
""")
RECEIVED = b"""{"eventId": "e-1042", "orgId": "1", "siteId": "1", "contactId": "42", "type": "email_click",
 "occurredAt": "2026-03-01T14:30:00Z", "properties": {"url": "https://example.com/pricing"}}"""
MARCH = 1_772_375_400_000


def test_score_changed_is_the_contracts_example_byte_for_byte() -> None:
    rules = [
        {**SET_R[2], "id": 2},
        SET_R[3],
        {"id": 100, "eventType": "prepare", "points": 0},
        *[{"id": 101 + n, "eventType": "seed", "points": 3} for n in range(15)],
    ]
    records = [rule_record(0, **rule) for rule in rules]
    book = fold(EMPTY_RULEBOOK, [*records, profile_record(11, 50)]).rulebook
    partitions = next(count for count in range(4, 99) if partition_of(b"1:42", count) == 3)
    engine = Engine(book, partitions=partitions)
    for offset, kind in enumerate([b"prepare"] * 15 + [b"seed"]):
        engine.run(ENGAGEMENT, FakeRecord(offset, b'{"orgId":1,"contactId":42,"type":"%s"}' % kind), partition=3)
    effects = engine.run(ENGAGEMENT, FakeRecord(1042, RECEIVED, timestamp=MARCH), partition=3)
    wanted = json.dumps(EXAMPLE, separators=(",", ":")).encode()
    assert effects.outputs[SCORES] == [(b"1:42", wanted, [("content-type", b"application/json")])]


def test_threshold_crossed_has_the_contracts_fields() -> None:
    engine = Engine(fold(EMPTY_RULEBOOK, [rule_record(0, **SET_R[2], siteId="1"), profile_record(1, 10)]).rulebook)
    effects = engine.run(ENGAGEMENT, FakeRecord(7, RECEIVED, timestamp=MARCH))
    ((key, value, _),) = effects.outputs[CROSSINGS]
    assert key == b"1:42"
    assert value == (
        b'{"id":"leadstream.engagement-0-7/default/10/up","orgId":"1","contactId":"42","profileId":"default",'
        b'"threshold":10,"direction":"up","previousScore":0,"score":10,"version":1,'
        b'"cause":{"kind":"event","eventId":"e-1042","type":"email_click"},"occurredAt":"2026-03-01T14:30:00.000Z"}'
    )


def test_a_command_is_named_as_cause() -> None:
    effects = Engine().run(COMMANDS, FakeRecord(7, command_json(by="jane", kind="set", score=4), timestamp=MARCH))
    ((_, value, _),) = effects.outputs[SCORES]
    assert value == (
        b'{"id":"leadstream.commands-0-7/default","orgId":"1","siteId":null,"contactId":"42","profileId":"default",'
        b'"previousScore":0,"score":4,"delta":4,"version":1,'
        b'"awards":[{"logId":1,"ruleId":null,"ruleName":null,"points":4,"reason":"import"}],'
        b'"cause":{"kind":"command","commandId":"c1","command":"set","by":"jane"},'
        b'"occurredAt":"2026-03-01T14:30:00.000Z","rulebookVersion":0}'
    )
