"""Several profiles: published bodies, limits, groups, formulas, and the change of rules that moves what is shown."""

import json
from typing import Any

import pytest

from schemas.outputs import ConfigCause, ScoreChanged
from schemas.state import ProfileState
from schemas.times import DAY_MS
from stream_app.scoring.org_rules import live_rules
from stream_app.scoring.rulebook import ConfigRecord, fold
from tests.scoring_kit import (
    CONTACTS,
    SCORES,
    Engine,
    FakeRecord,
    Fold,
    command,
    event,
    profile_record,
    published_record,
    rule_record,
    rulebook,
    with_records,
)  # fmt: skip

OPEN: dict[str, Any] = {"eventType": "email_open", "points": 5}
CLICK: dict[str, Any] = {"eventType": "email_click", "points": 10}
MAX = 2**63 - 1
UNPUBLISHED = ConfigRecord(
    b"profile:1:fit",
    b'{"id":"fit","orgId":"1","createdAt":"","updatedAt":"","status":"draft","version":1,"draft":{},"published":null}',
    0,
)
FOREIGN = (published_record(0, "fit", {"id": 1, **OPEN}).value or b"").replace(
    b'"profileId": "fit"', b'"profileId": "a"'
)
DELETED = ConfigRecord(b"profile:1:fit", None, 0)


def publish(profile_id: str, *rules: dict[str, Any], version: int = 1, **body: Any) -> ConfigRecord:
    return published_record(0, profile_id, *rules, version=version, **body)


def told(fold_: Fold) -> list[tuple[str, int, int, list[tuple[int, int]]]]:
    return [(c.profile_id, c.previous_score, c.score, [(a.log_id, a.points) for a in c.awards]) for c in fold_.changes]


# ---------------------------------------------------------------------------------------------- several profiles
def test_s30_one_event_feeds_several_profiles_that_never_mix() -> None:
    book = with_records(rulebook({"id": 2, **OPEN}), publish("fit", {"id": 1, **OPEN, "points": 3}))
    fold_ = Fold(book)
    fold_.put(event())
    fold_.put(event())
    assert told(fold_) == [
        ("default", 0, 5, [(2, 5)]), ("fit", 0, 3, [(1, 3)]), ("default", 5, 10, [(4, 5)]), ("fit", 3, 6, [(3, 3)]),
    ]  # fmt: skip
    assert [(c.id, c.version) for c in fold_.changes][2:] == [("t-0-2/default", 2), ("t-0-2/fit", 2)]


def test_s30_thresholds_are_of_their_profile() -> None:
    fold_ = Fold(with_records(rulebook({"id": 1, **OPEN}, thresholds=[5]), publish("fit", {"id": 2, **OPEN})))
    fold_.put(event())
    crossed = [out.id for out in fold_.outputs if not isinstance(out, ScoreChanged)]
    assert crossed == ["t-0-1/default/5/up"]


def test_s31_drafts_do_not_score_and_use_no_caps() -> None:
    rule = {"id": 1, "profileId": "fit", **OPEN, "maxPerContact": 1}
    fold_ = Fold(rulebook(rule))
    fold_.put(event())
    assert fold_.book.rule_name("1", 1) == "Rule 1"
    fold_.sweep(with_records(fold_.book, publish("fit", rule)))
    fold_.put(event())
    fold_.put(event())
    assert (fold_.shown("fit"), fold_.capped) == (5, 1)


def test_s31_an_edited_draft_rule_scores_as_it_was_published() -> None:
    fold_ = Fold(with_records(rulebook(), publish("fit", {"id": 1, **OPEN})))
    edited = rule_record(0, id=1, profileId="fit", **{**OPEN, "points": 50}, name="New name")
    fold_.sweep(with_records(fold_.book, edited))
    fold_.put(event())
    assert (fold_.shown("fit"), fold_.book.rule_name("1", 1)) == (5, "Rule 1")
    fold_.sweep(with_records(fold_.book, ConfigRecord(b"rule:1:1", None, 0)))
    fold_.put(event())
    assert fold_.shown("fit") == 10


@pytest.mark.parametrize("end", [UNPUBLISHED, DELETED])
def test_s31_unpublish_stops_scoring_and_keeps_scores(end: ConfigRecord) -> None:
    fold_ = Fold(with_records(rulebook(), publish("fit", {"id": 1, **OPEN}, ceiling=3)))
    fold_.put(event())
    assert not fold_.sweep(with_records(fold_.book, end))
    assert fold_.put(event()).outcome == "no_effect"
    assert fold_.shown("fit") == 3
    assert fold_.put(command("adjust", "c", amount=1, profile_id="fit")).outcome == "rejected"
    assert fold_.sweep(with_records(fold_.book, publish("fit", {"id": 1, **OPEN}, version=2)))
    assert told(fold_)[-1] == ("fit", 3, 5, [])


def test_S31_a_rule_that_leaves_default_pays_nobody_until_its_new_profile_is_published() -> None:
    fold_ = Fold(with_records(rulebook({"id": 1, **OPEN}), publish("fit", {"id": 1, **CLICK})))
    fold_.put(event("email_open"))
    fold_.put(event("email_click"))
    assert told(fold_) == [("default", 0, 5, [(1, 5)])]
    fold_.sweep(with_records(fold_.book, rule_record(0, id=1, profileId="fit", **OPEN)))
    assert fold_.put(event("email_open")).outcome == "no_effect"
    assert fold_.put(event("email_click")).outcome == "no_effect"
    fold_.sweep(with_records(fold_.book, publish("fit", {"id": 1, **OPEN}, version=2)))
    fold_.put(event("email_open"))
    assert told(fold_)[-1] == ("fit", 0, 5, [(2, 5)])


@pytest.mark.parametrize("draft", [rule_record(0, id=1, profileId="b", **OPEN), ConfigRecord(b"rule:1:1", None, 0)])
def test_S31_a_published_rule_pays_on_where_its_draft_has_moved_or_gone(draft: ConfigRecord) -> None:
    tag = {"id": 2, "points": 20, "attribute": {"type": "tag", "op": "exists"}}
    drafts = rulebook({"id": 1, "profileId": "a", **OPEN}, {"profileId": "a", **tag})
    fold_ = Fold(with_records(drafts, publish("a", {"id": 1, **OPEN}, tag), publish("b")))
    fold_.put(command("tag", "c", tag="x"))
    fit = draft._replace(key=b"rule:1:2", value=draft.value and rule_record(0, **tag, profileId="b").value)
    assert not fold_.sweep(with_records(fold_.book, draft, fit))
    fold_.put(event())
    assert told(fold_) == [("a", 0, 20, [(1, 20)]), ("a", 20, 25, [(2, 5)])]


def test_a_rule_counts_in_one_profile() -> None:
    """The one that took it last, by a publish or as a rule of default, until another takes it, whatever ends there."""
    first, second = publish("a", {"id": 1, **OPEN}, {"id": 2, **OPEN}), publish("b", {"id": 1, **CLICK})
    draft_of_a = publish("a", {"id": 1, **OPEN}, {"id": 2, **OPEN}, floor=-5)
    of_default, gone = rule_record(0, id=1, **OPEN), ConfigRecord(b"rule:1:1", None, 0)
    draft = rule_record(0, id=1, profileId="b", **OPEN)
    table: list[tuple[list[ConfigRecord], dict[str, list[int]]]] = [
        ([first], {"a": [1, 2]}),
        ([first, second], {"a": [2], "b": [1]}),
        ([second, first], {"a": [1, 2], "b": []}),
        ([first, second, draft_of_a], {"a": [2], "b": [1]}),  # the same version: no publish
        ([first, second, publish("a", {"id": 1, **OPEN}, version=2)], {"a": [1], "b": []}),
        ([first, second, publish("b", version=2)], {"a": [2], "b": []}),
        ([first, second, second._replace(value=None), draft_of_a], {"a": [2]}),
        ([first, second, draft, gone], {"a": [2], "b": [1]}),
        ([of_default, draft, first], {"a": [1, 2]}),
        ([first, of_default], {"default": [1], "a": [2]}),
        ([first, of_default, gone, draft_of_a], {"a": [2]}),
        ([of_default, first], {"default": [1], "a": [2]}),
        ([of_default, first, gone, draft_of_a], {"a": [2]}),
        ([of_default, gone, first], {"a": [1, 2]}),
        ([first, UNPUBLISHED._replace(key=b"profile:1:a", value=None), first], {"a": [1, 2]}),
    ]
    for records, wanted in table:
        org = with_records(rulebook(), *records).org("1")
        found = live_rules(org.authored, org.published)
        assert {one: [rule.id for rule in rules] for one, rules in found.items()} == {"default": [], **wanted}, records
        known = with_records(rulebook(), *records[:-1]), records[-1]
        assert with_records(*known).org("1").published == org.published  # in pages


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (publish("fit", {"id": 1, **OPEN}, formula={"average": ["default"]}), "a profile with a formula has no rules"),
        (publish("fit", {"id": 1, **OPEN}, {"id": 1, **OPEN}), "rules must differ in id"),
        (publish("fit", version=0), "the first publish is version 1"),
        (publish("fit", floor=2, ceiling=1), "floor is above ceiling"),
        (publish("fit", groups=[{"name": "a", "min": 2, "max": 1}]), "min is above max"),
        (publish("fit", groups=[{"name": "a"}, {"name": "a"}]), "groups must differ in name"),
        (publish("fit", formula={"average": ["a"]}, groups=[{"name": "a"}]), "so no groups"),
        (publish("fit", formula={"average": ["a", "a"]}), "each profile is named once"),
        (publish("fit", formula={"average": ["fit"]}), "leads back to its own profile"),
        (publish("fit", formula={"average": ["twice"]}), "leads back to its own profile"),
        (profile_record(0, formula={"average": ["fit"]}), "the default profile has rules"),
        (publish("fit")._replace(key=b"profile:1:other"), "the key and the body disagree"),
        (published_record(0, "default"), "Extra inputs"),
        (publish("fit", {"id": 1, **OPEN})._replace(value=FOREIGN), "a published rule is of its profile"),
    ],
)
def test_what_no_profile_can_be_leaves_the_published_body_in_force(record: ConfigRecord, reason: str) -> None:
    first = with_records(
        rulebook(), publish("fit", {"id": 1, **OPEN}), publish("once", formula={"average": ["default", "fit"]}),
        publish("twice", formula={"average": ["once"]}),
    )  # fmt: skip
    folded = fold(first, [record._replace(offset=first.version)])
    assert reason in folded.ignored[0].reason
    fold_ = Fold(folded.rulebook)
    fold_.put(event())
    assert [c.profile_id for c in fold_.changes] == ["fit", "once", "twice"]


# ---------------------------------------------------------------------------------------------- commands
def test_s50_commands_name_their_profile_and_manual_rules_of_all_profiles_pay() -> None:
    manual = {"eventType": "manual", "points": 1}
    fold_ = Fold(with_records(rulebook({"id": 1, **manual}), publish("fit", {"id": 2, **manual})))
    fold_.put(command("adjust", "c1", amount=7, profile_id="fit"))
    assert told(fold_) == [("default", 0, 1, [(2, 1)]), ("fit", 0, 8, [(1, 7), (3, 1)])]
    fold_.put(command("set", "c2", amount=5, profile_id="fit"))
    assert (fold_.shown("default"), fold_.shown("fit")) == (1, 5)
    fold_.put(command("reset", "c3"))
    assert told(fold_)[-2:] == [("default", 1, 0, [(5, -1)]), ("fit", 5, 0, [(6, -5)])]


def test_a_profile_with_a_formula_takes_no_points_by_command() -> None:
    fold_ = Fold(with_records(rulebook(), publish("all", formula={"average": ["default"]})))
    for kind in ("adjust", "set"):
        decision = fold_.put(command(kind, "c", amount=1, profile_id="all"))
        assert decision.rejected is not None
        assert "made of others" in decision.rejected.message


def test_d19_no_command_takes_a_profile_out_of_int64() -> None:
    group = {"id": 1, **OPEN, "points": 100, "group": "g"}
    fold_ = Fold(with_records(rulebook(group), profile_record(0, groups=[{"name": "g", "max": 10}])))
    fold_.put(event())
    assert fold_.put(command("set", "c1", amount=MAX)).outcome == "rejected"  # the raw sum would be 90 more
    assert fold_.put(command("adjust", "c2", amount=MAX)).outcome == "rejected"
    assert fold_.put(command("adjust", "c3", amount=MAX - 100)).outcome == "applied"
    assert fold_.shown("default") == MAX - 90
    assert fold_.put(command("reset", "c4")).outcome == "applied"
    fold_.put(command("adjust", "c5", amount=-MAX - 1))
    assert fold_.put(command("reset", "c6")).outcome == "rejected"


def test_an_award_of_a_rule_is_cut_to_what_fits_in_its_profile() -> None:
    fold_ = Fold(with_records(rulebook({"id": 1, **OPEN}), publish("fit", {"id": 2, **OPEN, "group": "g"})))
    fold_.put(command("adjust", "c1", amount=MAX - 2, profile_id="fit"))
    fold_.put(event())
    assert told(fold_)[1:] == [("default", 0, 5, [(2, 5)]), ("fit", MAX - 2, MAX, [(3, 2)])]


# ---------------------------------------------------------------------------------------------- sums
def states_of(fold_: Fold) -> dict[str, ProfileState]:
    assert fold_.contact is not None
    return fold_.contact.core.profiles


def test_D1_D18_the_sum_is_of_all_awards_whatever_is_shown_of_it() -> None:
    """Of every profile its state has the count and the sum of all that was ever logged, corrections included."""
    fit = {"id": 4, "points": 40, "attribute": {"type": "tag", "op": "exists"}}
    shown = {"floor": -5, "ceiling": 12, "groups": [{"name": "mail", "max": 7}]}
    rules = [{"id": 1, **OPEN, "group": "mail"}, {"id": 2, **CLICK, "points": -30}, fit]
    halves = publish("half", {"id": 3, **OPEN, "points": 25}, decay={"halfLifeDays": 1})
    book = with_records(rulebook(*rules), profile_record(0, **shown), halves)
    book = with_records(book, publish("all", formula={"average": ["default", "half"]}))
    fold_ = Fold(book)
    given: list[Any] = [event() for _ in range(20)]
    given += [command("tag", "c1", tag="x"), event("email_click"), command("set", "c2", amount=3)]
    given += [command("adjust", "c3", amount=-90), command("adjust", "c4", amount=6, profile_id="half")]
    for one in (*given, command("untag", "c5", tag="x"), event(), command("reset", "c6"), event()):
        fold_.put(one)
        fold_.wait(fold_.clock + DAY_MS)
        logged: dict[str, list[int]] = {}
        for change in fold_.changes:
            logged.setdefault(change.profile_id, []).extend(award.points for award in change.awards)
        kept = {name: (state.total, state.awards) for name, state in states_of(fold_).items()}
        assert kept == {name: (sum(points), len(points)) for name, points in logged.items()}
    states = states_of(fold_)
    assert states["all"].awards == 0
    fold_.sweep(with_records(book, DELETED._replace(key=b"profile:1:half")))
    assert states_of(fold_)["half"] == states["half"]  # kept, whatever becomes of the profile


def test_D1_every_limit_applies_to_what_is_shown() -> None:
    group = {"groups": [{"name": "mail", "max": 7}]}
    table: list[tuple[dict[str, Any], int]] = [({}, 25), ({"ceiling": 12}, 12), ({"floor": 30}, 30), (group, 7)]
    for limits, shown in table:
        fold_ = Fold(with_records(rulebook({"id": 1, **OPEN, "group": "mail"}), profile_record(0, **limits)))
        for _ in range(5):
            fold_.put(event())
        assert (fold_.score, states_of(fold_)["default"].total) == (shown, 25)


# ---------------------------------------------------------------------------------------------- limits and groups
def test_s34_points_above_the_ceiling_are_kept_and_show_when_it_moves() -> None:
    fold_ = Fold(with_records(rulebook({"id": 1, **CLICK}), profile_record(0, 15, floor=0, ceiling=15)))
    for _ in range(3):
        fold_.put(event("email_click"))
    assert told(fold_)[1:] == [("default", 10, 15, [(2, 10)]), ("default", 15, 15, [(3, 10)])]
    assert fold_.sweep(with_records(fold_.book, profile_record(0, 15, floor=0, ceiling=25)))
    change = fold_.changes[-1]
    assert (change.score, change.delta, change.awards, change.version) == (25, 10, [], 4)
    assert (change.cause, change.id) == (ConfigCause(), f"config-{fold_.book.version}-1-42/default")
    assert fold_.crossings == [(15, "up")]
    fold_.put(command("adjust", "c", amount=-50))
    assert fold_.score == 0


def test_s34_groups_cap_their_sum_and_the_rest_adds_up() -> None:
    rules = [{"id": 1, **CLICK, "points": 30, "group": "mail"}, {"id": 2, **OPEN, "points": 25}]
    book = with_records(rulebook(*rules), profile_record(0, groups=[{"name": "mail", "max": 60}, {"name": "web"}]))
    fold_ = Fold(book)
    for kind in ("email_click", "email_click", "email_click", "email_open"):
        fold_.put(event(kind))
    assert fold_.scores == [30, 60, 60, 85]
    fold_.put(command("set", "s", amount=50))
    assert fold_.score == 50  # D8: what is set is what is shown
    assert fold_.put(command("set", "again", amount=50)).outcome == "no_effect"
    fold_.put(event("email_open"))
    assert fold_.score == 75


def test_s34_a_group_counts_what_was_paid_before_it_had_limits() -> None:
    fold_ = Fold(rulebook({"id": 1, **CLICK, "group": "mail"}))
    for _ in range(3):
        fold_.put(event("email_click"))
    assert fold_.sweep(with_records(fold_.book, profile_record(0, groups=[{"name": "mail", "min": 5, "max": 20}])))
    assert fold_.score == 20
    fold_.put(command("reset", "r"))
    assert fold_.score == 5
    assert not fold_.sweep(with_records(fold_.book, rule_record(0, id=1, **CLICK)))


def test_a_profile_without_an_award_shows_0_whatever_its_floor() -> None:
    fold_ = Fold(with_records(rulebook(), publish("fit", {"id": 1, **OPEN}, floor=10)))
    fold_.put(command("tag", "t", tag="x"))
    assert fold_.sweep(with_records(fold_.book, publish("fit", {"id": 1, **OPEN}, floor=20, version=2)))
    assert fold_.changes == []
    fold_.put(event())
    assert told(fold_) == [("fit", 0, 20, [(1, 5)])]


# ---------------------------------------------------------------------------------------------- formulas
def test_s35_a_formula_is_the_average_rounded_half_up() -> None:
    overall = publish("all", formula={"average": ["default", "fit"]}, thresholds=[80])
    fold_ = Fold(with_records(rulebook(), publish("fit"), overall))
    steps = [("default", 90, 45), ("fit", 60, 75), ("default", 100, 80), ("fit", -125, -12)]
    for number, (profile_id, score, shown) in enumerate(steps):
        fold_.put(command("set", f"c{number}", amount=score, profile_id=profile_id, fire_triggers=True))
        assert fold_.shown("all") == shown
    assert fold_.crossings == [(80, "up"), (80, "down")]
    change = next(c for c in reversed(fold_.changes) if c.profile_id == "all")
    assert (change.awards, change.version, change.id) == ([], 4, "t-0-4/all")
    assert [c.profile_id for c in fold_.changes[-2:]] == ["all", "fit"]


def test_s35_formulas_of_formulas_and_limits_of_their_own() -> None:
    book = with_records(
        rulebook({"id": 1, **CLICK}), publish("a", formula={"average": ["b"]}, ceiling=4),
        publish("b", formula={"average": ["default", "missing"]}),
    )  # fmt: skip
    fold_ = Fold(book)
    fold_.put(event("email_click"))
    assert told(fold_) == [("a", 0, 4, []), ("b", 0, 5, []), ("default", 0, 10, [(1, 10)])]
    fold_.put(event("email_click"))
    assert [c.profile_id for c in fold_.changes[3:]] == ["b", "default"]  # a shows the same


def test_d20_an_operand_that_is_unpublished_counts_0() -> None:
    fold_ = Fold(with_records(rulebook(), publish("fit"), publish("all", formula={"average": ["fit"]})))
    fold_.put(command("adjust", "c", amount=8, profile_id="fit"))
    assert fold_.sweep(with_records(fold_.book, UNPUBLISHED))
    assert told(fold_)[-1] == ("all", 8, 0, [])
    assert fold_.sweep(with_records(fold_.book, publish("fit", version=2)))
    assert told(fold_)[-1] == ("all", 0, 8, [])


def test_d26_a_reset_takes_what_a_profile_had_earned_before_it_got_a_formula() -> None:
    grouped = {"id": 1, **OPEN, "group": "g"}
    book = with_records(rulebook({"id": 2, **CLICK, "points": 40}), publish("fit", grouped, groups=[{"name": "g"}]))
    fold_ = Fold(book)
    for kind in ("email_open", "email_open", "email_click"):
        fold_.put(event(kind))
    fold_.sweep(with_records(fold_.book, publish("fit", version=2, formula={"average": ["default", "none"]})))
    assert (fold_.shown("fit"), told(fold_)[-1]) == (20, ("fit", 10, 20, []))
    assert fold_.put(command("reset", "c1")).outcome == "applied"
    assert told(fold_)[-2:] == [("default", 40, 0, [(4, -40)]), ("fit", 20, 0, [(5, -10)])]
    assert fold_.contact is not None
    state = fold_.contact.core.profiles["fit"]
    assert (state.total, state.awards, state.parts) == (0, 3, None)
    fold_.sweep(with_records(fold_.book, publish("fit", grouped, version=3)))
    assert fold_.shown("fit") == 0


def test_s2_a_reset_tells_what_it_takes_from_a_formula_that_shows_as_before() -> None:
    fold_ = Fold(with_records(rulebook(), publish("fit", {"id": 1, **OPEN})))
    fold_.put(event())
    fold_.sweep(with_records(fold_.book, publish("fit", version=2, formula={"average": ["default"]}, floor=7)))
    fold_.put(command("reset", "c1"))
    assert told(fold_)[1:] == [("fit", 5, 7, []), ("fit", 7, 7, [(2, -5)])]


def test_d26_a_reset_resets_what_formulas_are_made_of() -> None:
    fold_ = Fold(with_records(rulebook(), publish("all", formula={"average": ["default"]})))
    fold_.put(command("adjust", "c", amount=8))
    fold_.put(command("reset", "r"))
    assert told(fold_)[-2:] == [("all", 8, 0, []), ("default", 8, 0, [(2, -8)])]


# ---------------------------------------------------------------------------------------------- sweeps
@pytest.mark.parametrize(
    "record",
    [
        rule_record(0, id=2, **CLICK),
        rule_record(0, id=1, **{**OPEN, "points": 50}),
        ConfigRecord(b"rule:1:1", None, 0),
        profile_record(0, 3, 50),
        publish("new", {"id": 9, **OPEN}),
        UNPUBLISHED,
        ConfigRecord(b"segment:1:7", b"{}", 0),
        rule_record(0, id=1, orgId="2", **OPEN),
    ],
)
def test_d15_a_publish_that_moves_nothing_sweeps_nobody(record: ConfigRecord) -> None:
    fold_ = Fold(with_records(rulebook({"id": 1, **OPEN}), publish("fit", {"id": 3, **OPEN}, ceiling=3)))
    fold_.put(event())
    assert not fold_.sweep(with_records(fold_.book, record))


def test_d15_a_sweep_that_moves_nothing_leaves_the_contact_as_it_is() -> None:
    fold_ = Fold(rulebook({"id": 1, **OPEN}))
    fold_.put(event())
    before, sent = fold_.contact, len(fold_.outputs)
    assert fold_.sweep(with_records(fold_.book, profile_record(0, ceiling=100)))
    assert fold_.contact is before
    assert len(fold_.outputs) == sent


def test_d15_a_sweep_goes_through_all_contacts_a_part_at_a_time_and_reads_their_facts() -> None:
    german = {"type": "attribute", "field": "country", "op": "eq", "value": "DE"}
    both = [{"id": 9, "points": 20, "attribute": german}, {"id": 10, "points": 3, "attribute": german}]
    engine = Engine(rulebook(*both))
    value = b'{"orgId":"1","contactId":"%s","attributes":{"country":"DE"}}'
    names = [b"41", b"42", b"43"]
    engine.run(CONTACTS, *(FakeRecord(n, value % name, b"1:" + name) for n, name in enumerate(names)))
    changed = with_records(engine.book, rule_record(0, id=9, points=25, attribute=german))
    swept = Engine(changed, state=engine.state, clock=7)
    sent: list[tuple[bytes | None, Any]] = []
    after: bytes | None = b""
    while after is not None:
        work = swept.handler.begin(swept.batch("sweep"), swept.state)
        after = work.sweep(after, 2)
        effects = work.finish()
        swept.state.merge(effects)
        sent += [(key, json.loads(out or b"")) for key, out, _ in effects.outputs.get(SCORES, ())]
    assert [key for key, _ in sent] == [b"1:41", b"1:42", b"1:43"]
    body = sent[1][1]
    assert (body["id"], body["score"], body["cause"]) == ("config-4-1-42/default", 28, {"kind": "config"})
    assert (body["occurredAt"], [row["points"] for row in body["awards"]]) == ("1970-01-01T00:00:00.007Z", [5])
