"""Laws of the fold, over made-up inputs of one partition."""

from collections.abc import Sequence
from typing import Any
from unittest import mock

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.outputs import ScoreChanged
from stream_app.delivery.handler import Effects
from stream_app.processing import overlay
from tests.scoring_kit import COMMANDS, CONTACTS, ENGAGEMENT, SCORES, Engine, FakeRecord, rulebook

RULES: list[dict[str, Any]] = [
    {"id": 1, "eventType": "email_open", "points": 5, "maxPerContact": 3},
    {"id": 2, "eventType": "email_click", "points": 10},
    {"id": 3, "eventType": "email_click", "points": 15, "maxPerContact": 2, "eventFilter": {"url": ["a", "b"]}},
    {"id": 4, "eventType": "tag_added", "points": -30, "maxPerContact": 4, "eventFilter": {"tagName": "vip"}},
    {"id": 5, "eventType": "manual", "points": 1, "maxPerContact": 2},
    {"id": 7, "eventType": "tag_added", "points": 4, "oncePer": "tagName", "publishUp": "2026-01-01T00:00:00Z"},
    {"id": 6, "eventType": "email_click", "points": 2, "oncePer": "url"},
]
CAPS = {rule["id"]: rule.get("maxPerContact", 10**9) for rule in RULES}
BOOK = rulebook(*RULES, thresholds=[0, 20, {"value": 40, "hysteresis": 15}])

contacts = st.sampled_from(["41", "42"])
events = st.fixed_dictionaries(
    {
        "orgId": st.just("1"), "contactId": contacts, "eventId": st.none() | st.integers(1, 25).map(lambda n: f"e{n}"),
        "type": st.sampled_from(["email_open", "email_click", "tag_added", "page_visit", "No"]),
        "properties": st.sampled_from([{}, {"url": "a"}, {"url": ["c", "b"]}, {"tagName": "vip"}, {"tagName": "x"}]),
    }
).map(lambda body: (ENGAGEMENT, body))  # fmt: skip
commands = st.fixed_dictionaries(
    {
        "orgId": st.just("1"), "contactId": contacts, "commandId": st.integers(1, 12).map(lambda n: f"c{n}"),
        "kind": st.sampled_from(["adjust", "set", "tag", "untag", "reset", "enrol", "merge"]),
        "points": st.integers(-50, 50) | st.sampled_from([2**63 - 1, -(2**63)]), "score": st.integers(-50, 50),
        "tag": st.sampled_from(["vip", "x"]), "programId": st.just("p"), "fireTriggers": st.booleans(),
    }
).map(lambda body: (COMMANDS, body))  # fmt: skip
attributes = st.fixed_dictionaries(
    {"orgId": st.just("1"), "contactId": contacts, "attributes": st.dictionaries(st.sampled_from("ab"), st.integers())}
).map(lambda body: (CONTACTS, body))
erasures = contacts.map(lambda contact: (CONTACTS, contact))
inputs = st.lists(st.one_of(events, events, events, commands, attributes, erasures), max_size=60)
Inputs = Sequence[tuple[str, Any]]


def records(given_inputs: Inputs) -> list[tuple[str, FakeRecord]]:
    made: list[tuple[str, FakeRecord]] = []
    for offset, (topic, body) in enumerate(given_inputs):
        contact = body if isinstance(body, str) else body["contactId"]
        value = None if isinstance(body, str) else msgspec.json.encode(body)
        made.append((topic, FakeRecord(offset, value, f"1:{contact}".encode())))
    return made


def play(engine: Engine, given_inputs: Inputs, cuts: frozenset[int] = frozenset()) -> list[Effects]:
    """Play inputs, a batch for each run of one source, cut further where told."""
    played: list[Effects] = []
    run: list[FakeRecord] = []
    source = ENGAGEMENT
    for position, (topic, record) in enumerate(records(given_inputs)):
        if run and (topic != source or position in cuts):
            played.append(engine.run(source, *run))
            run = []
        source = topic
        run.append(record)
    if run:
        played.append(engine.run(source, *run))
    return played


def sent(played: list[Effects]) -> dict[str, list[Any]]:
    topics = {topic for effects in played for topic in effects.outputs}
    return {topic: [out for effects in played for out in effects.outputs.get(topic, ())] for topic in topics}


@given(inputs, st.sampled_from([3, 20, 256]))
def test_s1_how_many_contacts_are_held_as_objects_never_shows(given_inputs: Inputs, window: int) -> None:
    roomy, narrow = (Engine(BOOK, settings={"dedupe_ids": window}) for _ in range(2))
    played = play(roomy, given_inputs)
    with mock.patch.object(overlay, "OVERLAY_CONTACTS", 1):
        again = play(narrow, given_inputs)
    assert (sent(again), narrow.state.data) == (sent(played), roomy.state.data)
    assert [effects.outcomes for effects in again] == [effects.outcomes for effects in played]


@given(inputs, st.frozensets(st.integers(0, 60)), st.sampled_from([3, 20, 256]))
def test_s1_how_batches_are_cut_never_shows(given_inputs: Inputs, cuts: frozenset[int], window: int) -> None:
    whole, cut = (Engine(BOOK, settings={"dedupe_ids": window}) for _ in range(2))
    one, other = sent(play(whole, given_inputs)), sent(play(cut, given_inputs, cuts))
    assert one == other
    assert whole.state.data == cut.state.data


@given(inputs)
def test_s1_the_same_inputs_give_the_same_bytes(given_inputs: Inputs) -> None:
    first, second = Engine(BOOK), Engine(BOOK)
    assert sent(play(first, given_inputs)) == sent(play(second, given_inputs))
    assert first.state.data == second.state.data


@given(st.lists(events, max_size=60))
def test_s4_a_replay_of_events_with_ids_changes_nothing(given_inputs: Inputs) -> None:
    good = [item for item in given_inputs if item[1]["eventId"] and item[1]["type"] != "No"]
    engine = Engine(BOOK)
    play(engine, good)
    before = dict(engine.state.data)
    again = play(engine, good)
    assert engine.state.data == before
    assert sent(again) == {}
    assert sum(effects.outcomes.duplicate for effects in again) == len(good)


@given(inputs)
def test_s2_the_ledger_equals_the_score_and_s12_fires_stay_within_caps(given_inputs: Inputs) -> None:
    sums: dict[bytes, int] = {}
    last: dict[bytes, ScoreChanged] = {}
    log: dict[bytes, int] = {}
    fires: dict[tuple[bytes, int], int] = {}
    for key, value, _ in sent(play(Engine(BOOK), given_inputs)).get(SCORES, ()):
        if value is None:
            for memory in (last, sums, log):
                memory.pop(key, None)
            fires = {(contact, rule): count for (contact, rule), count in fires.items() if contact != key}
            continue
        change = msgspec.json.decode(value, type=ScoreChanged)
        before = last.get(key)
        assert change.previous_score == (before.score if before else 0)
        assert change.version == (before.version + 1 if before else 1)
        assert change.delta == change.score - change.previous_score == sum(award.points for award in change.awards)
        sums[key] = sums.get(key, 0) + change.delta
        assert change.score == sums[key]
        last[key] = change
        if any(award.reason == "reset" for award in change.awards):
            fires = {(contact, rule): count for (contact, rule), count in fires.items() if contact != key}
        for award in change.awards:
            log[key] = log.get(key, 0) + 1
            assert award.log_id == log[key]
            if award.rule_id is not None:
                fires[key, award.rule_id] = fires.get((key, award.rule_id), 0) + 1
                # a reset of score 0 drops counts without an output
                silent = any(topic == COMMANDS and body["kind"] == "reset" for topic, body in given_inputs)
                assert silent or fires[key, award.rule_id] <= CAPS[award.rule_id]


@settings(max_examples=50)
@given(st.lists(events.filter(lambda item: item[1]["type"] != "tag_added"), max_size=30), st.randoms())
def test_s5_arrival_order_does_not_change_the_final_score(given_inputs: Inputs, random: Any) -> None:
    unique = {body["eventId"] or f"x{n}": (topic, body) for n, (topic, body) in enumerate(given_inputs)}
    shuffled = list(unique.values())
    random.shuffle(shuffled)
    scores: list[set[tuple[bytes, int]]] = []
    for order in (list(unique.values()), shuffled):
        finals: dict[bytes, int] = {}
        for key, value, _ in sent(play(Engine(BOOK), order)).get(SCORES, ()):
            finals[key] = msgspec.json.decode(value, type=ScoreChanged).score
        scores.append(set(finals.items()))
    assert scores[0] == scores[1]


@given(inputs)
def test_every_record_ends_in_exactly_one_outcome(given_inputs: Inputs) -> None:
    counts = [effects.outcomes for effects in play(Engine(BOOK), given_inputs)]
    assert sum(c.applied + c.duplicate + c.no_effect + c.dead_letter for c in counts) == len(given_inputs)


@given(st.binary(max_size=300), st.none() | st.binary(max_size=20), st.sampled_from([ENGAGEMENT, CONTACTS, COMMANDS]))
def test_bad_data_never_raises(value: bytes, key: bytes | None, topic: str) -> None:
    Engine(BOOK).run(topic, FakeRecord(0, value, key), FakeRecord(1, None, key))
