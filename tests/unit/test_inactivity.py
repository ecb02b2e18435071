"""Silence of a contact: S37, D10, D25, and what S1 says of due times."""

from typing import Any

import pytest

from schemas.times import format_time
from stream_app.scoring.due import clock_rules_changed
from stream_app.scoring.rulebook import EMPTY_RULEBOOK, Rulebook, fold
from tests.scoring_kit import (
    COMMANDS,
    CROSSINGS,
    ENGAGEMENT,
    SCORES,
    T0,
    WRITTEN,
    Engine,
    FakeRecord,
    Fold,
    command,
    command_json,
    day,
    deleted,
    edited,
    event,
    event_json,
    published_record,
    rule_record,
    rulebook,
    with_records,
)  # fmt: skip

SILENCE: dict[str, Any] = {"id": 9, "name": "Silent", "points": -5, "inactivity": {"days": 30, "repeat": True}}
CLICK: dict[str, Any] = {"id": 1, "eventType": "link_click", "points": 10}
OPEN: dict[str, Any] = {"id": 2, "eventType": "email_open", "points": 5}


def folding(*rules: dict[str, Any], thresholds: Any = ()) -> Fold:
    return Fold(rulebook(CLICK, OPEN, *rules, thresholds=thresholds))


def put(fold: Fold, kind: str, days: float) -> None:
    fold.clock = max(fold.clock, day(days))
    fold.put(event(kind, at=day(days)))


def paid_at(fold: Fold) -> list[float]:
    return [float(change.id.split("-")[1]) for change in fold.changes if change.id.startswith("clock-")]


def test_S37_link_and_open_then_silence_of_30_days_repeated() -> None:
    fold = folding(SILENCE)
    put(fold, "link_click", 0)
    put(fold, "email_open", 0)
    fold.wait(day(29.99))
    assert fold.score == 15
    fold.wait(day(30))
    assert fold.score == 10
    fold.wait(day(59.999))
    assert fold.score == 10
    fold.wait(day(60))
    assert fold.score == 5


def test_S37_without_repeat_it_pays_once_in_a_silence() -> None:
    fold = folding({**SILENCE, "inactivity": {"days": 30}})
    put(fold, "link_click", 0)
    fold.wait(day(300))
    assert fold.score == 5
    put(fold, "email_open", 300)
    fold.wait(day(329))
    assert fold.score == 10
    fold.wait(day(330))
    assert fold.score == 5


def test_what_a_silence_says() -> None:
    fold = folding(SILENCE, thresholds=[8])
    put(fold, "link_click", 0)
    fold.wait(day(30))
    change = fold.changes[-1]
    assert change.id == f"clock-{day(30)}-9-1-42/default"
    assert (change.site_id, change.previous_score, change.score, change.version) == (None, 10, 5, 2)
    assert [(a.log_id, a.rule_id, a.rule_name, a.points, a.reason) for a in change.awards] == [
        (2, 9, "Silent", -5, "Rule: Silent")
    ]
    assert type(change.cause).__name__ == "ClockCause"
    assert change.occurred_at == format_time(day(30))
    assert fold.crossings == [(8, "up"), (8, "down")]


@pytest.mark.parametrize("kind", ["email_sent", "email_delivered", "tag_added"])
def test_S37_what_happens_to_a_contact_ends_no_silence(kind: str) -> None:
    fold = folding(SILENCE)
    put(fold, "link_click", 0)
    put(fold, kind, 20)
    fold.put(command("adjust", "c1", amount=1, at=day(25)))
    fold.wait(day(30))
    assert fold.score == 6


def test_S37_a_contact_without_interactions_is_silent_since_its_first_input() -> None:
    fold = folding(SILENCE)
    fold.put(command("adjust", "c1", amount=100))
    put(fold, "email_delivered", 3)
    fold.wait(day(30))
    assert fold.score == 95
    put(fold, "email_open", 31)
    fold.wait(day(60.9))
    assert fold.score == 100
    fold.wait(day(61))
    assert fold.score == 95


def test_a_first_interaction_may_be_older_than_the_first_input() -> None:
    fold = folding(SILENCE)
    fold.put(command("adjust", "c1", amount=100))
    fold.put(event("email_open", at=day(-10)))
    fold.wait(day(19.9))
    assert fold.score == 105
    fold.wait(day(20))
    assert fold.score == 100


def test_an_interaction_of_the_instant_0_begins_no_silence() -> None:
    fold = folding(SILENCE)
    fold.put(event("email_open", at=0))
    fold.wait(day(29.9))
    assert fold.score == 5
    fold.wait(day(30))
    assert fold.score == 0


def test_D10_at_the_due_instant_the_clock_acts_before_the_event() -> None:
    fold = folding(SILENCE)
    put(fold, "link_click", 0)
    put(fold, "email_open", 30)
    assert fold.scores == [10, 5, 10]
    fold.wait(day(59.9))
    assert fold.score == 10
    fold.wait(day(60))
    assert fold.score == 5


def test_D10_a_clock_that_jumps_pays_one_change_for_each_missed_period() -> None:
    fold = folding(SILENCE)
    put(fold, "link_click", 0)
    fold.wait(day(100))
    assert paid_at(fold) == [day(30), day(60), day(90)]
    assert [change.version for change in fold.changes] == [1, 2, 3, 4]


def test_a_late_event_neither_shortens_nor_restarts_a_silence() -> None:
    fold = folding(SILENCE)
    put(fold, "link_click", 10)
    put(fold, "email_open", 5)
    fold.wait(day(45))
    assert paid_at(fold) == [day(40)]


def test_silences_of_one_instant_pay_in_rule_order_each_for_itself() -> None:
    fold = folding({**SILENCE, "id": 12, "points": -1, "inactivity": {"days": 15, "repeat": True}}, SILENCE)
    put(fold, "link_click", 0)
    fold.wait(day(31))
    assert [change.id.split("-")[1:3] for change in fold.changes[1:]] == [
        [str(day(15)), "12"], [str(day(30)), "9"], [str(day(30)), "12"],
    ]  # fmt: skip


def test_S12_a_cap_holds_for_silences_too() -> None:
    fold = folding({**SILENCE, "maxPerContact": 2})
    put(fold, "link_click", 0)
    fold.wait(day(150))
    assert (paid_at(fold), fold.capped) == ([day(30), day(60)], 3)


def test_S17_a_due_time_outside_the_window_does_not_pay() -> None:
    window = {"publishUp": format_time(day(40)), "publishDown": format_time(day(90))}
    fold = folding({**SILENCE, **window})
    put(fold, "link_click", 0)
    fold.wait(day(200))
    assert paid_at(fold) == [day(60), day(90)]
    once = folding({**SILENCE, **window, "inactivity": {"days": 30}})
    put(once, "link_click", 0)
    once.wait(day(200))
    assert paid_at(once) == []


def test_a_silence_beyond_the_year_9999_never_falls_due() -> None:
    fold = folding({**SILENCE, "inactivity": {"days": 36_500}})
    fold.put(event("link_click", at=253_402_300_799_000))
    assert fold.contact is not None and fold.contact.core.alarm is not None
    assert fold.contact.core.alarm.due is None


# ---------------------------------------------------------------- since when a rule counts
def later(book: Rulebook, **fields: Any) -> Rulebook:
    return edited(book, **{**SILENCE, **fields})


def test_D10_a_rule_counts_due_times_after_its_publish_only() -> None:
    fold_ = folding({**SILENCE, "updatedAt": format_time(day(30))})
    put(fold_, "link_click", 0)
    fold_.wait(day(100))
    assert paid_at(fold_) == [day(60), day(90)]


def test_D25_only_another_inactivity_or_going_live_restarts_that() -> None:
    first = rulebook(CLICK, SILENCE)
    renamed = later(first, name="Quiet", points=-1, updatedAt=format_time(day(50)))
    assert renamed.org("1").clock.since == {9: T0}
    changed = later(renamed, inactivity={"days": 31}, updatedAt=format_time(day(51)))
    assert changed.org("1").clock.since == {9: day(51)}
    paused = later(first, active=False, updatedAt=format_time(day(52)))
    assert paused.org("1").clock.silences == ()
    assert later(paused, updatedAt=format_time(day(53))).org("1").clock.since == {9: day(53)}
    assert deleted(first, 9).org("1").clock.since == {}
    assert WRITTEN == format_time(T0)


def test_D10_a_draft_that_goes_away_and_comes_back_leaves_since_when_its_rule_counts() -> None:
    late = published_record(0, "a", SILENCE)
    late = late._replace(
        value=late.value and late.value.replace(b'"updatedAt": "2026-01-01', b'"updatedAt": "2026-07-20')
    )
    fold_ = Fold(with_records(rulebook(CLICK), late))
    assert fold_.book.org("1").clock.since == {9: day(200)}
    put(fold_, "link_click", 0)
    fold_.wait(day(201))
    for profile_id in ("b", "a"):
        fold_.book = later(fold_.book, profileId=profile_id, updatedAt=format_time(day(201)))
        fold_.wait(day(201))
        assert (fold_.book.org("1").clock.since, paid_at(fold_)) == ({9: day(200)}, [])
    fold_.book = with_records(fold_.book, published_record(0, "b", SILENCE))
    fold_.wait(day(211))
    assert (fold_.book.org("1").clock.since, paid_at(fold_)) == ({9: day(200)}, [day(210)])


def test_the_version_of_clock_rules_does_not_tell_how_records_were_folded() -> None:
    records = [rule_record(0, **CLICK), rule_record(1, **SILENCE), rule_record(2, **OPEN)]
    book = EMPTY_RULEBOOK
    for record in records:
        book = fold(book, [record]).rulebook
    assert book.org("1").clock == fold(EMPTY_RULEBOOK, records).rulebook.org("1").clock
    assert book.org("1").clock.version == 2


def test_alarms_go_by_the_rules_in_force_before_the_next_input() -> None:
    fold_ = Fold(rulebook(CLICK, OPEN))
    put(fold_, "link_click", 0)
    assert fold_.contact is not None and fold_.contact.core.alarm is None
    fold_.book = later(fold_.book, inactivity={"days": 90})
    fold_.wait(day(10))
    fold_.book = later(fold_.book, inactivity={"days": 30})
    put(fold_, "email_open", 31)
    assert paid_at(fold_) == [day(30)]
    fold_.book = deleted(fold_.book, 9)
    fold_.wait(day(200))
    assert paid_at(fold_) == [day(30)]


def test_only_changed_clock_rules_need_a_sweep() -> None:
    plain, silent = rulebook(CLICK), rulebook(CLICK, SILENCE)
    assert clock_rules_changed(plain, silent)
    assert not clock_rules_changed(silent, later(silent, inactivity=None, eventType="email_open"))
    assert not clock_rules_changed(silent, edited(silent, **OPEN))
    assert not clock_rules_changed(plain, edited(plain, **OPEN))


# ---------------------------------------------------------------- in batches
BOOK = rulebook(CLICK, OPEN, SILENCE, thresholds=[8])


def clicked(offset: int, contact: str, days: float) -> FakeRecord:
    value = event_json(
        eventId=f"e{offset}", contactId=contact, type="link_click", occurredAt=format_time(day(days))
    )  # fmt: skip
    return FakeRecord(offset, value, f"1:{contact}".encode(), day(days))


def sent(effects: Any, topic: str = SCORES) -> list[bytes]:
    return [key for key, _, _ in effects.outputs.get(topic, ())]


def test_due_times_of_a_batch_act_in_order_of_time_then_key() -> None:
    engine = Engine(BOOK)
    engine.run(ENGAGEMENT, clicked(0, "b", 0), clicked(1, "c", 1), clicked(2, "a", 0))
    assert engine.handler.next_due(engine.state) == day(30)
    effects = engine.run(ENGAGEMENT, clicked(3, "d", 2), until=day(62))
    assert sent(effects) == [b"1:d", b"1:a", b"1:b", b"1:c", b"1:d", b"1:a", b"1:b", b"1:c", b"1:d"]
    assert sent(effects, CROSSINGS) == [b"1:d", b"1:a", b"1:b", b"1:c", b"1:d"]
    assert engine.handler.next_due(engine.state) == day(90)


def test_at_most_so_many_alarms_ring_in_a_batch_and_the_rest_in_the_next() -> None:
    engine, whole = Engine(BOOK), Engine(BOOK)
    records = [clicked(offset, f"c{offset % 7}", offset / 10) for offset in range(300)]
    whole_out = whole.run(ENGAGEMENT, *records, until=day(100))
    out = [engine.run(ENGAGEMENT, *records)]
    while (due := engine.handler.next_due(engine.state)) is not None and due <= day(100):
        out.append(engine.run(ENGAGEMENT, kind="clock", until=day(100), limit=3))
    assert len(out) > 4
    assert [row for effects in out for row in effects.outputs.get(SCORES, ())] == whole_out.outputs[SCORES]
    assert engine.state.data == whole.state.data


def test_a_contact_that_is_only_active_moves_no_entry_of_the_index() -> None:
    engine = Engine(BOOK)
    assert engine.run(ENGAGEMENT, clicked(0, "a", 0)).dues == {b"1:a\x00c": day(30)}
    assert engine.run(ENGAGEMENT, clicked(1, "a", 5), clicked(2, "a", 29)).dues == {}
    looked = engine.run(ENGAGEMENT, kind="clock", until=day(31))
    assert (looked.dues, looked.outputs) == ({b"1:a\x00c": day(59)}, {})


def test_an_erased_contact_never_falls_due() -> None:
    engine = Engine(BOOK)
    engine.run(ENGAGEMENT, clicked(0, "a", 0))
    engine.run("leadstream.contacts", FakeRecord(0, None, b"1:a", day(1)))
    assert engine.handler.next_due(engine.state) is None
    assert engine.run(ENGAGEMENT, kind="clock", until=day(90)).outputs == {}


def test_a_duplicate_and_a_refused_command_come_after_the_clock_too() -> None:
    engine = Engine(BOOK)
    engine.run(ENGAGEMENT, clicked(0, "42", 0))
    again = engine.run(ENGAGEMENT, FakeRecord(1, clicked(0, "42", 0).value, b"1:42", day(31)))
    assert (again.outcomes.duplicate, sent(again)) == (1, [b"1:42"])
    refused = engine.run(COMMANDS, FakeRecord(0, command_json(profileId="none"), b"1:42", day(61)))
    assert (refused.outcomes.dead_letter, sent(refused)) == (1, [b"1:42"])


def test_a_sweep_sets_alarms_of_contacts_known_before_the_rule() -> None:
    engine = Engine(rulebook(CLICK, OPEN))
    engine.run(ENGAGEMENT, *[clicked(n, f"c{n}", 0) for n in range(5)])
    swept = Engine(later(engine.book), state=engine.state, clock=engine.clock)
    assert swept.handler.next_due(swept.state) is None
    after, seen = b"", 0
    while True:
        work = swept.handler.begin(swept.batch("sweep"), swept.state)
        last = work.sweep(after, 2)
        effects = work.finish()
        swept.state.merge(effects)
        seen += len(effects.dues)
        if last is None:
            break
        after = last
    assert (seen, swept.handler.next_due(swept.state)) == (5, day(30))
    assert len(sent(swept.run(ENGAGEMENT, kind="clock", until=day(30)))) == 5
