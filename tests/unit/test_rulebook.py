import json
from typing import Any

import pytest

from schemas.times import parse_time
from stream_app.scoring.rulebook import EMPTY_RULEBOOK, ConfigRecord, fold
from stream_app.scoring.sweep import shown_may_move
from tests.faults.otherwise import BODIES, RULES
from tests.scoring_kit import (
    WRITTEN,
    Fold,
    event,
    profile_record,
    published_record,
    rule_record,
    rulebook,
    with_records,
)  # fmt: skip

OPEN = {"eventType": "email_open", "points": 1}
HALF, HALF7 = {"halfLifeDays": 14}, {"halfLifeDays": 7}
QUIET: dict[str, Any] = {"id": 9, "points": -5, "inactivity": {"days": 30}}
FROZEN = published_record(1, "fit", QUIET)


def untimed(record: ConfigRecord) -> ConfigRecord:
    """A record whose own `updatedAt`, not those of rules in it, is no time."""
    return record._replace(value=json.dumps({**json.loads(record.value or b""), "updatedAt": "yesterday"}).encode())


def test_version_is_the_offset_of_the_newest_record_and_one() -> None:
    assert EMPTY_RULEBOOK.version == 0
    folded = fold(EMPTY_RULEBOOK, [ConfigRecord(b"segment:1:7", b"{}", 4)])
    assert folded.rulebook.version == 5
    assert (folded.ignored, folded.unknown_kinds) == ((), 1)
    assert fold(folded.rulebook, []).rulebook.version == 5


def test_orgs_that_did_not_change_are_shared() -> None:
    first = fold(EMPTY_RULEBOOK, [rule_record(0, id=1, **OPEN), rule_record(1, id=1, orgId="2", **OPEN)]).rulebook
    second = fold(first, [rule_record(2, id=2, **OPEN)]).rulebook
    assert second.org("2") is first.org("2")
    assert list(first.org("1").rules) == [1]
    assert list(second.org("1").rules) == [1, 2]


def test_s18_a_deleted_rule_pays_nothing_and_has_no_name() -> None:
    first = fold(EMPTY_RULEBOOK, [rule_record(0, id=1, **OPEN)]).rulebook
    folded = fold(first, [ConfigRecord(b"rule:1:1", None, 1)])
    assert folded.ignored == ()
    assert (first.rule_name("1", 1), folded.rulebook.rule_name("1", 1)) == ("Rule 1", None)
    assert folded.rulebook.org("1").by_type == {}
    assert fold(folded.rulebook, [ConfigRecord(b"rule:1:1", None, 2)]).ignored[0].reason == "there is no such rule"


def test_s10_inactive_rules_and_rules_of_other_profiles_do_not_pay() -> None:
    pair = Fold(rulebook({"id": 1, "active": False, **OPEN}, {"id": 2, "profileId": "fit", **OPEN}))
    assert pair.put(event("email_open")).outcome == "no_effect"
    assert pair.book.rule_name("1", 1) == "Rule 1"


def test_d9_an_org_without_rules_has_contacts_with_score_0() -> None:
    lone = Fold(EMPTY_RULEBOOK)
    assert lone.put(event("email_open")).outcome == "no_effect"
    assert lone.score == 0
    assert lone.contact is not None


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (ConfigRecord(b"rule:1:1", b"{", 1), ": Invalid JSON"),
        (rule_record(1, id=1, eventType="x", points=1.5), "points"),
        (rule_record(1, id=1, page={"uri": "*"}, **OPEN), "page.uri: Extra"),
        (ConfigRecord(b"rule:1:2", rule_record(1, id=1, **OPEN).value, 1), "the key and the body disagree"),
        (ConfigRecord(b"rule:2:1", rule_record(1, id=1, **OPEN).value, 1), "the key and the body disagree"),
        (ConfigRecord(b"rule:a b:1", None, 1), "the key holds no org id"),
        (ConfigRecord(b"rule:1:\xff", None, 1), "there is no such rule"),
        (ConfigRecord(b"rule", None, 1), "the key holds no org id"),
        (ConfigRecord(b"profile:1:fit", b"{}", 1), "id: Field required"),
        (ConfigRecord(b"profile:1:default", b"[]", 1), "Input should be an object"),
        (ConfigRecord(b"profile:2:default", profile_record(1, 5).value, 1), "the key and the body disagree"),
        (profile_record(1, 5, {"value": 5}), "thresholds must differ"),
        (untimed(rule_record(1, **QUIET)), "updatedAt: a time is"),
        (untimed(profile_record(1, decay=HALF)), "updatedAt: a time is"),
        (untimed(published_record(1, "fit", decay=HALF)), "a time is"),
        (untimed(published_record(1, "fit", QUIET)), "a time is"),
        (FROZEN._replace(value=(FROZEN.value or b"").replace(WRITTEN.encode(), b"-")), "published.rules.0.updatedAt: "),
    ],
)
def test_what_cannot_be_read_leaves_the_earlier_body_in_force(record: ConfigRecord, reason: str) -> None:
    first = fold(EMPTY_RULEBOOK, [rule_record(0, id=1, **OPEN)]).rulebook
    folded = fold(first, [record])
    assert reason in folded.ignored[0].reason
    assert (folded.ignored[0].key, folded.ignored[0].offset) == (record.key, 1)
    assert folded.rulebook.version == 2
    assert folded.rulebook.rule_name("1", 1) == "Rule 1"


def test_a_record_whose_updated_at_is_no_time_counts_where_no_clock_acts() -> None:
    records = [rule_record(0, id=1, **OPEN), profile_record(1, 5), published_record(2, "fit", {"id": 2, **OPEN})]
    folded = fold(EMPTY_RULEBOOK, map(untimed, records))
    assert folded.ignored == ()
    assert (list(folded.rulebook.org("1").rules), list(folded.rulebook.org("1").published)) == ([1, 2], ["fit"])


@pytest.mark.parametrize(("first", "second"), [*BODIES, *(pair[::-1] for pair in BODIES)])
def test_D15_a_body_that_is_only_written_otherwise_moves_nothing(first: dict[str, Any], second: dict[str, Any]) -> None:
    made = [profile_record(0, decay=HALF7)._replace(value=None)]
    for body in (first, second):
        said = {"id": "default", "orgId": "1", "createdAt": WRITTEN, "updatedAt": WRITTEN, "decay": HALF7} | body
        made.append(ConfigRecord(b"profile:1:default", json.dumps(said).encode(), 0))
    before = with_records(EMPTY_RULEBOOK, *made[:2])
    after = with_records(before, made[2])
    assert after.org("1").clock == before.org("1").clock
    assert not shown_may_move(before, after)


@pytest.mark.parametrize(("first", "second"), [*RULES, *(pair[::-1] for pair in RULES)])
def test_D24_a_rule_that_is_only_written_otherwise_moves_nothing(first: dict[str, Any], second: dict[str, Any]) -> None:
    before = rulebook({"id": 1, "points": 1, **first})
    after = with_records(before, rule_record(0, id=1, points=1, **second))
    assert after.org("1").clock == before.org("1").clock
    assert not shown_may_move(before, after)


def test_thresholds_go_with_their_profile() -> None:
    with_50 = fold(EMPTY_RULEBOOK, [profile_record(0, 50)]).rulebook
    assert not with_50.org("1").thresholds.untouched(49, 50)
    without = fold(with_50, [ConfigRecord(b"profile:1:default", None, 1)]).rulebook
    assert without.org("1").thresholds.untouched(49, 50)


def test_d2_big_integers_of_filters_do_not_pass_through_float() -> None:
    rule = {"id": 1, "eventFilter": {"n": 2**63 + 1}, **OPEN}
    big = Fold(rulebook(rule))
    assert json.loads(rule_record(0, **rule).value or b"")["eventFilter"]["n"] == 2**63 + 1
    assert big.put(event("email_open", n=2**63)).outcome == "no_effect"
    assert big.put(event("email_open", n=2**63 + 1)).outcome == "applied"


def test_S31_a_draft_moves_no_silence_that_is_published() -> None:
    silent = {"id": 1, "points": -1, "inactivity": {"days": 1}}
    book = with_records(rulebook(), rule_record(0, **silent, profileId="fit"), published_record(0, "fit", silent))
    live = book.org("1").clock
    assert [silence.id for silence in live.silences] == [1]
    deleted = rule_record(0, **silent)._replace(value=None)
    for draft in (rule_record(0, **{**silent, "points": -2}, profileId="fit"), deleted):
        book = with_records(book, draft)
        assert book.org("1").clock == live
    moved = with_records(book, rule_record(0, **silent))
    assert [silence.profile_id for silence in moved.org("1").clock.silences] == ["default"]
    kept = with_records(moved, published_record(0, "fit", version=2))
    assert kept.org("1").clock == moved.org("1").clock


@pytest.mark.parametrize("then", [{"id": 9, **OPEN}, {**QUIET, "profileId": "fit"}, {**QUIET, "points": -6}, None])
def test_a_silence_that_is_switched_off_can_be_changed_and_deleted(then: dict[str, Any] | None) -> None:
    book = with_records(rulebook(), rule_record(0, **QUIET))
    off = with_records(book, rule_record(0, **QUIET, active=False))
    assert (off.org("1").clock.silences, off.org("1").clock.since) == ((), {})
    never_on = with_records(rulebook(), rule_record(0, **QUIET, active=False))
    after = rule_record(0, **(then or QUIET), active=False)
    for earlier in (off, never_on):
        later = with_records(earlier, after._replace(value=after.value if then else None))
        assert later.org("1").clock == earlier.org("1").clock
        assert with_records(later, rule_record(0, **QUIET)).org("1").clock.since == {9: parse_time(WRITTEN)}
