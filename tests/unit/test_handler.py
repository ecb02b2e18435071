import json
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from schemas.state import ONCE_VALUES, Core, Facts
from schemas.times import format_time, parse_time
from stream_app.delivery.handler import Batch, BatchKind, Effects, Handler
from stream_app.processing.handler import ScoringCounters, ScoringHandler
from stream_app.processing.placement import partition_of
from stream_app.processing.sections import NewerState, decode_facts
from stream_app.processing.work import Scored
from tests.scoring_kit import (
    COMMANDS,
    CONTACTS,
    CROSSINGS,
    DEAD,
    ENGAGEMENT,
    SCORES,
    SET_R,
    T0,
    WRITTEN,
    Engine,
    FakeRecord,
    State,
    command_json,
    day,
    event_json,
    rulebook,
)  # fmt: skip

BOOK = rulebook(*SET_R, thresholds=[50])
OPEN_BOOK = rulebook({"id": 1, "eventType": "email_open", "points": 1})


def opened(offset: int, event_id: str | None = None, **fields: Any) -> FakeRecord:
    return FakeRecord(offset, event_json(eventId=event_id or f"e{offset}", **fields))


def outcomes(effects: Effects) -> tuple[int, int, int, int]:
    counts = effects.outcomes
    return counts.applied, counts.duplicate, counts.no_effect, counts.dead_letter


def values(effects: Effects, topic: str) -> list[dict[str, Any]]:
    return [json.loads(value or b"null") for _, value, _ in effects.outputs.get(topic, ())]


def sections(state: State, key: bytes = b"1:42") -> set[bytes]:
    return {name.removeprefix(key + b"\x00") for name in state.data if name.startswith(key + b"\x00")}


def core(state: State, key: bytes = b"1:42") -> Core:
    return msgspec.msgpack.decode(state.data[key + b"\x00c"], type=Core)


def test_it_is_a_handler_without_due_times_and_sweeps() -> None:
    engine = Engine(BOOK)
    handler: Handler = engine.handler
    same = (BOOK.version, BOOK.version)
    assert (handler.version(), handler.needs_sweep(*same), handler.next_due(engine.state)) == (same[0], False, None)
    work = handler.begin(Batch(0, 1, "clock", 5, BOOK.version), engine.state)
    assert (work.due(9, 500), work.sweep(b"", 500), work.clock) == (0, None, 5)
    assert work.finish() == Scored()
    assert isinstance(handler, ScoringHandler)


def test_every_record_ends_in_one_outcome() -> None:
    effects = Engine(BOOK).run(
        ENGAGEMENT, opened(0), opened(1, "e0"), opened(2, type="page_visit"), FakeRecord(3, b"{"), FakeRecord(4, None)
    )
    assert outcomes(effects) == (1, 1, 1, 2)
    assert [(key, headers) for key, _, headers in effects.outputs[SCORES]] == [
        (b"1:42", [("content-type", b"application/json")])
    ]
    assert set(effects.outputs) == {SCORES, DEAD}
    assert set(effects.changes) == {b"1:42\x00c"}


def test_crossings_go_to_their_topic() -> None:
    engine = Engine(BOOK)
    effects = engine.run(COMMANDS, FakeRecord(3, command_json(points=50)))
    (crossing,) = values(effects, CROSSINGS)
    assert crossing["id"] == "leadstream.commands-0-3/default/50/up"


def test_state_is_found_again_in_the_next_batch() -> None:
    engine = Engine(BOOK)
    engine.run(ENGAGEMENT, opened(0))
    assert outcomes(engine.run(ENGAGEMENT, opened(1, "e0"), opened(2))) == (1, 1, 0, 0)
    assert core(engine.state).profiles["default"].shown == 10


def test_a_batch_that_changes_nothing_writes_nothing() -> None:
    engine = Engine(BOOK)
    engine.run(ENGAGEMENT, opened(0))
    assert engine.run(ENGAGEMENT, opened(1, "e0")).changes == {}


def test_facts_and_commands_are_written_when_they_change_only() -> None:
    engine = Engine(BOOK)
    engine.run(CONTACTS, FakeRecord(0, b'{"orgId":"1","contactId":"42","email":"a@x"}'))
    engine.run(COMMANDS, FakeRecord(0, command_json(kind="tag", tag="vip")))
    assert sections(engine.state) == {b"c", b"f", b"k"}
    assert set(engine.run(ENGAGEMENT, opened(0)).changes) == {b"1:42\x00c"}
    mixed = engine.run(ENGAGEMENT, opened(1), opened(2, type="tag_added", properties={"tagName": "demo-requested"}))
    assert set(mixed.changes) == {b"1:42\x00c", b"1:42\x00f"}
    facts = msgspec.msgpack.decode(engine.state.data[b"1:42\x00f"], type=Facts)
    assert (facts.email, facts.tags) == ("a@x", ("vip", "demo-requested"))
    again = engine.run(
        COMMANDS, FakeRecord(1, command_json(commandId="c2")), FakeRecord(2, command_json(commandId="c2"))
    )
    assert outcomes(again) == (1, 1, 0, 0)
    assert set(again.changes) == {b"1:42\x00c", b"1:42\x00k"}


def test_a_section_that_becomes_empty_is_deleted() -> None:
    engine = Engine(BOOK)
    engine.run(CONTACTS, FakeRecord(0, b'{"orgId":"1","contactId":"42","email":"a@x"}'))
    effects = engine.run(CONTACTS, FakeRecord(1, b'{"orgId":"1","contactId":"42"}'))
    assert effects.changes[b"1:42\x00f"] is None
    assert sections(engine.state) == {b"c"}


@pytest.mark.parametrize("size", [1, 7, 16, 100, 1000])
def test_segments_hold_the_window_however_batches_are_cut(size: int) -> None:
    engine = Engine(OPEN_BOOK, settings={"dedupe_ids": 40})
    records = [opened(offset) for offset in range(150)]
    for start in range(0, len(records), size):
        engine.run(ENGAGEMENT, *records[start : start + size])
    assert (core(engine.state).segments, len(core(engine.state).recent)) == (9, 6 * 8)
    assert sections(engine.state) == {b"c", b"s6", b"s7", b"s8"}
    assert all(len(engine.state.data[b"1:42\x00s%d" % number]) == 128 for number in (6, 7, 8))
    again = engine.run(ENGAGEMENT, *[opened(200 + offset, f"e{offset}") for offset in range(110, 150)])
    assert outcomes(again) == (0, 40, 0, 0)
    assert outcomes(engine.run(ENGAGEMENT, opened(300, "e109"))) == (1, 0, 0, 0)


def test_a_wider_window_than_before_takes_what_is_there() -> None:
    engine = Engine(OPEN_BOOK, settings={"dedupe_ids": 16})
    engine.run(ENGAGEMENT, *[opened(offset) for offset in range(64)])
    wider = Engine(OPEN_BOOK, settings={"dedupe_ids": 256}, state=engine.state)
    assert outcomes(wider.run(ENGAGEMENT, opened(100, "e63"), opened(101, "e0"))) == (1, 1, 0, 0)


def test_s52_erase_leaves_no_record_behind() -> None:
    engine = Engine(OPEN_BOOK, settings={"dedupe_ids": 256})
    engine.run(ENGAGEMENT, *[opened(offset) for offset in range(64)])
    engine.run(CONTACTS, FakeRecord(0, b'{"orgId":"1","contactId":"42","email":"a@x"}'))
    engine.run(COMMANDS, FakeRecord(0, command_json()))
    assert sections(engine.state) == {b"c", b"f", b"k", b"s0", b"s1", b"s2", b"s3"}
    narrow = Engine(OPEN_BOOK, settings={"dedupe_ids": 16}, state=engine.state)
    effects = narrow.run(CONTACTS, FakeRecord(1, None))
    assert engine.state.data == {}
    assert effects.outputs == {SCORES: [(b"1:42", None, [])]}
    assert outcomes(effects) == (1, 0, 0, 0)


def test_s52_a_contact_that_comes_back_in_the_same_batch_is_new() -> None:
    engine = Engine(OPEN_BOOK)
    engine.run(ENGAGEMENT, *[opened(offset) for offset in range(40)])
    engine.run(COMMANDS, FakeRecord(0, command_json()))
    work = engine.handler.begin(Batch(0, 9, "records", T0, OPEN_BOOK.version), engine.state)
    work.apply(ENGAGEMENT, [opened(50, "x"), opened(51, "y")])
    work.apply(CONTACTS, [FakeRecord(2, None), FakeRecord(3, None)])
    work.apply(ENGAGEMENT, [opened(52 + n, f"z{n}") for n in range(17)])
    effects = work.finish()
    engine.state.merge(effects)
    assert sections(engine.state) == {b"c", b"s0"}
    assert core(engine.state).profiles["default"].version == 17
    assert outcomes(effects) == (20, 0, 1, 0)
    sent = [None if value is None else json.loads(value)["version"] for _, value, _ in effects.outputs[SCORES]]
    assert sent == [42, 43, None, *range(1, 18)]


def test_d28_a_contact_born_and_erased_in_one_batch_leaves_a_tombstone_only() -> None:
    engine = Engine(OPEN_BOOK)
    work = engine.handler.begin(Batch(0, 1, "records", T0, OPEN_BOOK.version), engine.state)
    work.apply(ENGAGEMENT, [opened(0, type="page_visit")])
    work.apply(CONTACTS, [FakeRecord(0, None)])
    effects = work.finish()
    assert (effects.changes, effects.outputs) == ({}, {SCORES: [(b"1:42", None, [])]})


def test_d28_erasing_an_unknown_contact_sends_nothing() -> None:
    effects = Engine(OPEN_BOOK).run(CONTACTS, FakeRecord(0, None))
    assert (effects.changes, effects.outputs, outcomes(effects)) == ({}, {}, (0, 0, 1, 0))


def test_d19_a_rejected_command_is_a_dead_letter_and_not_remembered() -> None:
    engine = Engine(BOOK)
    engine.run(COMMANDS, FakeRecord(0, command_json(points=2**63 - 1)))
    too_much = FakeRecord(1, command_json(commandId="c2", points=1))
    effects = engine.run(COMMANDS, too_much)
    assert (outcomes(effects), effects.changes) == ((0, 0, 0, 1), {})
    assert dict(effects.outputs[DEAD][0][2])["leadstream-reason"] == b"invalid_command"
    engine.run(COMMANDS, FakeRecord(2, command_json(commandId="c3", points=-5)))
    assert outcomes(engine.run(COMMANDS, too_much)) == (1, 0, 0, 0)


def test_d21_an_event_that_became_a_dead_letter_is_not_remembered() -> None:
    engine = Engine(OPEN_BOOK)
    assert outcomes(engine.run(ENGAGEMENT, opened(0, "e", type="No"), opened(1, "e"))) == (1, 0, 0, 1)


def test_a_rejected_command_of_an_unknown_contact_leaves_no_state() -> None:
    engine = Engine(BOOK)
    effects = engine.run(COMMANDS, FakeRecord(0, command_json(profileId="fit")))
    assert (effects.changes, outcomes(effects)) == ({}, (0, 0, 0, 1))


def test_known_contact_is_in_its_partition() -> None:
    engine = Engine(OPEN_BOOK, partitions=8)
    home = partition_of(b"1:42", 8)
    assert outcomes(engine.run(ENGAGEMENT, opened(0), partition=(home + 1) % 8)) == (0, 0, 0, 1)
    assert engine.state.data == {}
    assert outcomes(engine.run(ENGAGEMENT, opened(0), partition=home)) == (1, 0, 0, 0)
    assert core(engine.state).fires == {1: 1}


def test_s60_the_clock_follows_records_up_to_the_ceiling_and_never_goes_back() -> None:
    def at(*timestamps: int) -> Iterable[FakeRecord]:
        return [FakeRecord(offset, b"", timestamp=timestamp) for offset, timestamp in enumerate(timestamps)]

    engine = Engine(OPEN_BOOK)
    engine.run(ENGAGEMENT, *at(T0, T0 - 5))
    assert engine.clock == T0
    engine.run(ENGAGEMENT, *at(T0 + 50), ceiling=T0 + 9)
    assert engine.clock == T0 + 9
    engine.run(ENGAGEMENT, *at(T0 + 50), ceiling=0)
    assert engine.clock == T0 + 9


def test_s60_in_records_mode_the_clock_is_the_newest_event_time() -> None:
    engine = Engine(OPEN_BOOK, clock_mode="records")
    engine.run(COMMANDS, FakeRecord(0, command_json(at="2030-01-01T00:00:00Z")))
    assert engine.clock == 0
    engine.run(
        ENGAGEMENT, opened(0), FakeRecord(1, b"", timestamp=T0 + 9), opened(2, occurredAt="2025-01-01T00:00:00Z")
    )
    assert (engine.clock, core(engine.state).born_at) == (T0, parse_time("2030-01-01T00:00:00Z"))


def test_s12_capped_rules_are_counted() -> None:
    engine = Engine(rulebook({"id": 1, "eventType": "email_open", "points": 1, "maxPerContact": 1}))
    engine.run(ENGAGEMENT, opened(0), opened(1), opened(2))
    assert engine.capped == 2
    assert engine.handler.counters == ScoringCounters(capped=2)


def test_s13_values_that_are_forgotten_are_counted() -> None:
    book = rulebook({"id": 1, "eventType": "email_open", "points": 1, "oncePer": "mail"})
    engine = Engine(book, settings={"dedupe_ids": 0})
    more = 250
    mails = [opened(number, properties={"mail": number}) for number in range(ONCE_VALUES + more)]
    engine.run(ENGAGEMENT, *mails[: ONCE_VALUES + 3])
    engine.run(ENGAGEMENT, *mails[ONCE_VALUES + 3 :])
    engine.run(ENGAGEMENT, *mails[-3:])  # remembered
    assert engine.handler.counters == ScoringCounters(forgotten=more)
    engine.run(CONTACTS, FakeRecord(0, None))
    engine.run(ENGAGEMENT, *mails[:9])  # an erased contact begins anew
    assert engine.handler.counters == ScoringCounters(forgotten=more)


def test_state_of_a_newer_program_stops() -> None:
    engine = Engine(OPEN_BOOK)
    engine.run(ENGAGEMENT, opened(0))
    newer = msgspec.structs.replace(core(engine.state), schema_version=2)
    engine.state.data[b"1:42\x00c"] = msgspec.msgpack.encode(newer)
    with pytest.raises(NewerState, match=r"^a contact has state of version 2, this program knows 1$"):
        engine.run(ENGAGEMENT, opened(1))


def test_cloudevents_headers_say_what_the_value_says() -> None:
    engine = Engine(BOOK, settings={"headers": "cloudevents"})
    effects = engine.run(COMMANDS, FakeRecord(3, command_json(points=60)))
    for topic, kind, name in ((SCORES, "score-changed", ""), (CROSSINGS, "threshold-crossed", "/50/up")):
        assert effects.outputs[topic][0][2] == [
            ("content-type", b"application/json"),
            ("ce_specversion", b"1.0"),
            ("ce_id", b"leadstream.commands-0-3/default" + name.encode()),
            ("ce_type", f"io.leadstream.{kind}.v1".encode()),
            ("ce_source", b"leadstream"),
            ("ce_subject", b"1:42"),
            ("ce_time", b"2026-01-01T00:00:00.000Z"),
        ]


def test_d2_attributes_keep_integers_of_any_size() -> None:
    engine = Engine(OPEN_BOOK)
    body = b'{"orgId":"1","contactId":"42","attributes":{"n":%d,"l":[{"m":-%d}],"s":18446744073709551615}}'
    record = FakeRecord(0, body % (2**64, 2**63 + 1))
    assert outcomes(engine.run(CONTACTS, record, record)) == (1, 0, 1, 0)
    assert decode_facts(engine.state.data[b"1:42\x00f"]).attributes == {
        "n": 2**64, "l": [{"m": -(2**63) - 1}], "s": 2**64 - 1,
    }  # fmt: skip
    assert outcomes(engine.run(CONTACTS, record)) == (0, 0, 1, 0)
    unknown = msgspec.msgpack.encode([1, None, [], {"x": msgspec.msgpack.Ext(9, b"?")}, 0])
    assert decode_facts(unknown).attributes == {"x": msgspec.msgpack.Ext(9, b"?")}


@pytest.mark.parametrize("kind", ["clock", "records"])
def test_s36_a_due_time_shows_fit_rules_all_that_is_known_of_a_contact(kind: BatchKind) -> None:
    german = {"type": "attribute", "field": "country", "op": "eq", "value": "DE"}
    cold = {"operator": "AND", "conditions": [{"type": "score", "op": "lt", "value": 0}, german]}
    silence = {"id": 1, "points": -30, "inactivity": {"days": 30}}
    engine = Engine(rulebook(silence, {"id": 2, "name": "Cold", "points": 7, "attribute": cold}))
    attributes = {"orgId": "1", "contactId": "42", "attributes": {"country": "DE"}, "updatedAt": WRITTEN}
    engine.run(CONTACTS, FakeRecord(0, json.dumps(attributes).encode()))
    engine.run(COMMANDS, FakeRecord(0, command_json(kind="tag", tag="vip")))
    late = FakeRecord(0, event_json(type="email_sent", occurredAt=format_time(day(31))), timestamp=day(31))
    effects = engine.run(ENGAGEMENT, *([late] if kind == "records" else ()), kind=kind, until=day(31))
    assert [(change["id"], change["score"]) for change in values(effects, SCORES)] == [
        (f"clock-{day(30)}-1-1-42/default", -23)
    ]
    facts = decode_facts(engine.state.data[b"1:42\x00f"])
    assert (facts.tags, facts.attributes) == (("vip",), {"country": "DE"})
    assert b"k" in sections(engine.state)
