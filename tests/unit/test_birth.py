"""When a contact is born, and that its due times never go back: S3, S37, S52, S60, decision 0014."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from schemas.events import EngagementEvent, Erase
from schemas.times import DAY_MS, MAX_TIME, format_time
from stream_app.delivery.handler import Effects
from stream_app.processing.sections import decode_core
from stream_app.scoring.decide import Input
from tests.scoring_kit import (
    COMMANDS,
    CONTACTS,
    ENGAGEMENT,
    SCORES,
    T0,
    Engine,
    FakeRecord,
    Fold,
    attributes,
    command,
    command_json,
    day,
    event,
    event_json,
    rulebook,
)  # fmt: skip

CLICK: dict[str, Any] = {"id": 1, "eventType": "link_click", "points": 10}
SILENCE: dict[str, Any] = {"id": 9, "name": "Silent", "points": -5, "inactivity": {"days": 30, "repeat": True}}
DAILY: dict[str, Any] = {"id": 8, "name": "A day", "points": -1, "inactivity": {"days": 1, "repeat": True}}
ONCE: dict[str, Any] = {"id": 7, "name": "Once", "points": -3, "inactivity": {"days": 30}}
BOOK = rulebook(CLICK, SILENCE)


def folding(*rules: dict[str, Any], clock: int = T0) -> Fold:
    return Fold(rulebook(CLICK, *rules), clock=clock)


def born_at(fold: Fold) -> int:
    assert fold.contact is not None
    return fold.contact.core.born_at


def silences(fold: Fold) -> list[tuple[int, int]]:
    """When silence has paid, and for which rule."""
    parts = [change.id.split("-") for change in fold.changes if change.id.startswith("clock-")]
    return [(int(at), int(rule)) for _, at, rule, *_ in parts]


def first_inputs(at: int) -> Sequence[Input]:
    return (
        event("email_delivered", at=at), event("link_click", at=at), command("adjust", "c1", amount=1, at=at),
        command("enrol", "c1", at=at), attributes(at=at),
    )  # fmt: skip


@pytest.mark.parametrize("given", first_inputs(day(5)), ids=lambda given: type(given).__name__)
@pytest.mark.parametrize(("clock", "born"), [(0, day(5)), (day(4), day(5)), (day(5), day(5)), (day(6), day(6))])
def test_S37_S60_a_contact_is_born_at_the_later_of_the_clock_and_its_first_inputs_time(
    given: Input, clock: int, born: int
) -> None:
    fold = folding(clock=clock)
    fold.put(given)
    assert born_at(fold) == born
    fold.put(event("email_delivered", at=day(100)))
    assert born_at(fold) == born


@pytest.mark.parametrize("given", first_inputs(day(5)), ids=lambda given: type(given).__name__)
def test_S37_S60_silence_pays_nothing_for_time_before_the_first_input_while_the_clock_is_behind(given: Input) -> None:
    fold = folding(SILENCE, {**SILENCE, "id": 8, "updatedAt": "1999-01-01T00:00:00Z"}, clock=0)
    fold.put(given)
    fold.wait(day(34.99))
    assert silences(fold) == []
    fold.wait(day(95))
    assert silences(fold) == [(day(d), rule) for d in (35, 65, 95) for rule in (8, 9)]


@pytest.mark.parametrize(
    ("source", "value"),
    [
        (ENGAGEMENT, event_json(type="email_delivered")), (COMMANDS, command_json(at="2026-01-01T00:00:00Z")),
        (CONTACTS, b'{"orgId":"1","contactId":"42","updatedAt":"2026-01-01T00:00:00Z"}'),
        (ENGAGEMENT, event_json(type="email_delivered", occurredAt=...)), (COMMANDS, command_json()),
        (CONTACTS, b'{"orgId":"1","contactId":"42"}'),
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["wall", "records"])
def test_S60_a_first_start_with_unread_sources_is_no_silence_since_1970(source: str, value: bytes, mode: Any) -> None:
    engine = Engine(rulebook(CLICK, {**SILENCE, "updatedAt": "1999-01-01T00:00:00Z"}), clock_mode=mode)
    engine.run(source, FakeRecord(0, value, timestamp=T0), ceiling=0)
    assert decode_core(engine.state.data[b"1:42\x00c"]).born_at == T0
    assert engine.run(ENGAGEMENT, kind="clock", until=day(29.9)).outputs == {}
    assert len(ids(engine.run(ENGAGEMENT, kind="clock", until=day(30)))) == 1


def test_a_first_input_of_the_end_of_time_is_kept_and_an_interaction_ends_the_wait() -> None:
    fold = folding(SILENCE)
    fold.put(command("enrol", "c1", at=MAX_TIME))
    assert (born_at(fold), format_time(born_at(fold))) == (MAX_TIME, "9999-12-31T23:59:59.999Z")
    fold.wait(day(100))
    fold.put(event("link_click", at=day(100)))
    fold.wait(day(131))
    assert silences(fold) == [(day(130), 9)]


@pytest.mark.parametrize("given", first_inputs(MAX_TIME), ids=lambda given: type(given).__name__)
@pytest.mark.parametrize(("clock", "born"), [(0, day(3)), (day(2), day(3)), (day(4), day(4))])
def test_a_contact_is_born_no_later_than_its_first_input_was_taken(given: Input, clock: int, born: int) -> None:
    fold = Fold(rulebook(CLICK, SILENCE), clock=clock, wall=day(3))
    fold.put(given)
    assert born_at(fold) == born
    fold.wait(born + day(30) - T0)
    interaction = isinstance(given, EngagementEvent) and given.type == "link_click"  # silence begins at its own time
    assert silences(fold) == ([] if interaction else [(born + day(30) - T0, 9)])


def test_S37_what_was_due_before_a_contact_was_known_is_over() -> None:
    """The clock has reached it before; what is due later counts from the interaction all the same."""
    fold = folding(SILENCE, ONCE, clock=day(95))
    fold.put(event("link_click", at=T0))
    fold.wait(day(119.9))
    assert silences(fold) == []
    fold.wait(day(120))
    assert silences(fold) == [(day(120), 9)]
    exactly = folding(SILENCE, clock=day(30))
    exactly.put(event("link_click", at=T0))
    exactly.wait(day(60))
    assert silences(exactly) == [(day(60), 9)]


@pytest.mark.parametrize("erased", [False, True])
def test_S37_what_was_due_before_a_birth_is_over_also_where_its_org_had_no_silence_then(erased: bool) -> None:
    fold = folding(clock=day(95))
    fold.put(event("link_click", at=T0))
    fold.book = rulebook(CLICK, SILENCE, ONCE)
    if erased:
        fold.put(Erase("1", "42", day(95)))
        fold.put(event("link_click", at=T0))
    fold.wait(day(119.9))
    assert silences(fold) == []
    fold.wait(day(120))
    assert silences(fold) == [(day(120), 9)]


def test_S37_one_born_ahead_of_the_clock_is_paid_from_when_the_clock_first_looks() -> None:
    fold = folding(clock=day(95))
    fold.put(command("enrol", "c1", at=MAX_TIME))
    fold.book = BOOK
    fold.put(event("link_click", at=T0))
    fold.wait(day(120))
    assert silences(fold) == [(day(120), 9)]


def test_S60_a_history_that_is_read_in_one_go_is_paid_once() -> None:
    """Each month of it arrives today: none of them has been silent since."""
    fold = folding(SILENCE, clock=day(720))
    for month in range(24):
        fold.put(event("link_click", at=day(30 * month)))
    assert (silences(fold), fold.score) == ([], 240)
    fold.wait(day(750))
    assert silences(fold) == [(day(750), 9)]


def test_due_times_of_a_contact_never_go_back() -> None:
    fold = folding(SILENCE)
    fold.put(event("link_click", at=T0))
    fold.wait(day(95))
    fold.put(event("link_click", at=day(30)))  # late, and newer than the newest
    fold.wait(day(110))
    fold.put(event("link_click", at=day(85)))  # late, but what follows is due later than what has been
    fold.wait(day(115))
    assert silences(fold) == [(day(d), 9) for d in (30, 60, 90, 115)]
    assert len({change.id for change in fold.changes}) == len(fold.changes)


def test_a_late_interaction_may_be_followed_by_silence_that_is_over_already() -> None:
    fold = folding(ONCE)
    fold.put(event("link_click", at=T0))
    fold.wait(day(95))
    fold.put(event("link_click", at=day(50)))
    fold.wait(day(96))
    assert silences(fold) == [(day(30), 7), (day(80), 7)]


@pytest.mark.parametrize("again_at", [0, 1, 30, 60, 65])
def test_S52_an_erased_contact_that_is_told_of_again_gets_no_output_id_twice(again_at: int) -> None:
    fold = folding(SILENCE, DAILY, ONCE)
    fold.put(event("link_click", at=T0))
    fold.wait(day(65))
    before = {change.id for change in fold.changes}
    assert len(before) == 1 + 65 + 2 + 1
    fold.put(Erase("1", "42", day(65)))
    fold.outputs.clear()
    fold.put(event("link_click", at=day(again_at)))
    fold.wait(day(130))
    after = [change.id for change in fold.changes]
    assert len(set(after)) == len(after) > 65
    assert not before & set(after)


def test_S52_of_several_lives_each_goes_on_where_the_clock_stands() -> None:
    engine = Engine(rulebook(CLICK, SILENCE, DAILY))
    value, told = event_json(type="link_click", occurredAt=format_time(T0)), list[str]()
    for turn in range(4):
        now = day(10 * turn)
        told += ids(engine.run(ENGAGEMENT, FakeRecord(turn, value, timestamp=now), until=now + 10 * DAY_MS))
        engine.run(CONTACTS, FakeRecord(turn, None, timestamp=now), ceiling=now)
    dues = [(int(at) - T0) // DAY_MS for kind, at, rule, *_ in (one.split("-") for one in told) if kind == "clock"]
    assert dues == [*range(1, 30), 30, 30, *range(31, 41)]
    assert len(set(told)) == len(told)


@pytest.mark.parametrize("decay", [{"halfLifeDays": 2}, {"percent": 10, "periodDays": 1}], ids=["half", "line"])
def test_S38_S52_decay_of_another_life_tells_no_instant_again(decay: dict[str, int]) -> None:
    one, told = Fold(rulebook(CLICK, thresholds=[3, 7], decay=decay)), list[str]()
    for end in (0.7, 1, 2.5, 2.5, 9):
        one.put(event("link_click", at=T0))
        one.wait(max(one.clock, day(end)))
        told += [change.id for change in one.changes if change.id.startswith("clock-")]
        one.outputs.clear()
        one.put(Erase("1", "42", one.clock))
    assert len(told) >= 5
    assert len(set(told)) == len(told)


def ids(effects: Effects) -> list[str]:
    return [json.loads(value)["id"] for _, value, _ in effects.outputs.get(SCORES, ()) if value is not None]


@pytest.mark.parametrize("ceiling", [None, 0])
def test_S38_at_a_clock_that_tells_no_time_an_award_decays_from_its_own(ceiling: int | None) -> None:
    engine = Engine(rulebook({"id": 1, "eventType": "email_click", "points": 100}, decay={"halfLifeDays": 14}))
    clicked = FakeRecord(0, event_json(type="email_click", occurredAt=format_time(T0)), timestamp=T0)
    told = [
        *engine.run(ENGAGEMENT, clicked, ceiling=ceiling, until=0).outputs[SCORES],
        *engine.run(ENGAGEMENT, kind="clock", until=T0 + DAY_MS).outputs[SCORES],
    ]
    changes = [json.loads(value or b"") for _, value, _ in told]
    assert [(change["score"], change["occurredAt"]) for change in changes] == [
        (100, format_time(T0)), (95, format_time(T0 + DAY_MS)),
    ]  # fmt: skip


@pytest.mark.parametrize("what", ["set", "reset"])
def test_S38_at_such_a_clock_a_set_decays_from_the_birth_and_a_reset_leaves_nothing(what: str) -> None:
    fold_ = Fold(rulebook(decay={"halfLifeDays": 14}))
    fold_.clock = 0
    fold_.put(command("adjust", "c1", amount=50, at=T0))
    fold_.put(command(what, "c2", amount=80, at=T0))
    after = {"set": 80, "reset": 0}[what]
    assert fold_.scores[-1] == after
    fold_.wait(T0 + 14 * DAY_MS)
    assert fold_.score == after // 2
