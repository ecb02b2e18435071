from schemas.events import Erase
from schemas.outputs import EventCause
from schemas.state import HAS_FACTS
from stream_app.scoring.decide import needs_all
from stream_app.scoring.decision import Erased
from stream_app.scoring.rulebook import ConfigRecord, fold
from stream_app.scoring.tags import MAX_TAGS
from tests.scoring_kit import SET_R, T0, Fold, attributes, command, event, rule_record, rulebook

PRICING = "https://example.com/pricing"
MAX = 2**63 - 1


def test_s10_all_rules_that_fire_are_paid_in_id_order_in_one_output() -> None:
    fold_ = Fold(rulebook(*reversed(SET_R)))
    fold_.put(event("email_click", "e", url=PRICING))
    (change,) = fold_.changes
    assert [(a.log_id, a.rule_id, a.rule_name, a.points, a.reason) for a in change.awards] == [
        (1, 3, "Link clicked", 10, "Rule: Link clicked"),
        (2, 4, "Clicked pricing page", 15, "Rule: Clicked pricing page"),
    ]
    assert (change.previous_score, change.score, change.delta, change.version) == (0, 25, 25, 1)
    assert (change.id, change.cause, change.site_id) == ("t-0-1/default", EventCause("e", "email_click"), "1")


def test_s12_cap_pays_first_n_matches() -> None:
    fold_ = Fold(rulebook({"id": 1, "eventType": "email_open", "points": 5, "maxPerContact": 3}))
    outcomes = [fold_.put(event("email_open")).outcome for _ in range(5)]
    assert outcomes == ["applied"] * 3 + ["no_effect"] * 2
    assert (fold_.score, fold_.capped) == (15, 2)


def test_s12_raising_the_cap_resumes_and_lowering_takes_nothing_back() -> None:
    rule = {"id": 1, "eventType": "email_open", "points": 5}
    fold_ = Fold(rulebook({**rule, "maxPerContact": 2}))
    scores: list[int] = []
    for cap in (2, 2, 2, 4, 4, 4, 1, None):
        fold_.book = fold(fold_.book, [rule_record(9, **rule, maxPerContact=cap)]).rulebook
        fold_.put(event("email_open"))
        scores.append(fold_.score)
    assert scores == [5, 10, 10, 15, 20, 20, 20, 25]


def test_s12_counts_survive_disabling_and_a_change_of_type_and_count_without_a_cap() -> None:
    rule = {"id": 1, "eventType": "email_open", "points": 5}
    fold_ = Fold(rulebook(rule))
    fold_.put(event("email_open"))
    for edit in ({"active": False}, {"eventType": "email_click", "maxPerContact": 1}):
        fold_.book = fold(fold_.book, [rule_record(9, **{**rule, **edit})]).rulebook
        assert fold_.put(event("email_click")).outcome == "no_effect"


def test_s12_not_repeatable_is_a_cap_of_1() -> None:
    fold_ = Fold(rulebook({"id": 1, "eventType": "email_open", "points": 5, "maxPerContact": 9, "repeatable": False}))
    fold_.put(event("email_open"))
    fold_.put(event("email_open"))
    assert fold_.score == 5


def test_s12_deletion_drops_the_count() -> None:
    fold_ = Fold(rulebook(*[{"id": n, "eventType": "email_open", "points": n} for n in (1, 2)]))
    fold_.put(event("email_open"))
    fold_.book = fold(fold_.book, [ConfigRecord(b"rule:1:1", None, 9)]).rulebook
    fold_.put(event("email_open"))
    assert fold_.contact is not None
    assert fold_.contact.core.fires == {2: 2}


def test_s15_a_rule_with_a_site_needs_an_event_of_it() -> None:
    fold_ = Fold(rulebook({"id": 1, "eventType": "email_open", "points": 5, "siteId": "2"}))
    assert fold_.put(event("email_open")).outcome == "no_effect"
    fold_ = Fold(rulebook({"id": 1, "eventType": "email_open", "points": 5, "siteId": "1"}))
    assert fold_.put(event("email_open")).outcome == "applied"


def test_s16_negative_and_zero_points_are_paid_and_logged() -> None:
    fold_ = Fold(rulebook(*[{"id": n, "eventType": "email_open", "points": p} for n, p in ((1, -3), (2, 0), (3, 3))]))
    fold_.put(event("email_open"))
    assert [(c.delta, c.version, len(c.awards)) for c in fold_.changes] == [(0, 1, 3)]


def test_s3_a_contact_exists_from_its_first_input_with_score_0() -> None:
    fold_ = Fold(rulebook(), clock=T0 + 77)
    decision = fold_.put(event("page_visit", "e", at=T0 - 5))
    assert decision.outcome == "no_effect"
    assert decision.contact is not None
    assert (decision.contact.core.born_at, decision.contact.core.last_at, fold_.score) == (T0 + 77, T0 - 5, 0)


def test_last_at_is_the_newest_event_time() -> None:
    fold_ = Fold(rulebook())
    for at in (T0, T0 - 9, T0 + 1):
        fold_.put(event("email_open", at=at))
    fold_.put(command("adjust", "c", amount=1, at=T0 + 99))
    assert fold_.contact is not None
    assert fold_.contact.core.last_at == T0 + 1


def test_s20_tag_added_fires_only_when_the_tag_was_lacking() -> None:
    fold_ = Fold(rulebook({"id": 1, "eventType": "tag_added", "points": 30}))
    outcomes = [fold_.put(event("tag_added", tagName=tag)).outcome for tag in ("vip", "vip", "VIP")]
    assert outcomes == ["applied", "no_effect", "applied"]
    fold_.put(command("untag", "u", tag="vip"))
    fold_.put(event("tag_added", tagName="vip"))
    assert fold_.score == 90
    assert fold_.contact is not None
    assert fold_.contact.facts.tags == ("VIP", "vip")


def test_s20_a_tag_event_without_a_tag_fires_nothing() -> None:
    fold_ = Fold(rulebook({"id": 1, "eventType": "tag_added", "points": 30}))
    assert fold_.put(event("tag_added")).outcome == "no_effect"
    for tag in (1, "", "x" * 129, None):
        assert fold_.put(event("tag_added", tagName=tag)).outcome == "no_effect"


def test_tags_are_bounded_and_the_oldest_is_forgotten() -> None:
    fold_ = Fold(rulebook())
    for number in range(MAX_TAGS + 1):
        assert fold_.put(event("tag_added", tagName=f"t{number}")).outcome == "applied"
    assert fold_.contact is not None
    assert (len(fold_.contact.facts.tags), fold_.contact.facts.tags[0]) == (MAX_TAGS, "t1")


def test_attributes_replace_all_earlier_ones() -> None:
    fold_ = Fold(rulebook())
    assert fold_.put(attributes("a@x", country="DE", n=1)).outcome == "applied"
    assert fold_.put(attributes("a@x", T0 + 1, country="DE", n=1.0)).outcome == "no_effect"
    assert fold_.put(attributes("a@x", n=True)).outcome == "applied"
    assert fold_.put(attributes("b@x", n=True)).outcome == "applied"
    assert fold_.contact is not None
    assert (fold_.contact.facts.email, fold_.contact.facts.attributes) == ("b@x", {"n": True})
    assert fold_.contact.core.has == HAS_FACTS
    assert fold_.put(attributes()).outcome == "applied"
    assert fold_.contact.core.has == 0


def test_s52_erase_removes_all_and_later_events_start_a_new_contact() -> None:
    fold_ = Fold(rulebook(*SET_R))
    fold_.put(event("email_open", "e"))
    decision = fold_.put(Erase("1", "42", T0))
    assert (decision.outcome, decision.contact, decision.outputs) == ("applied", None, (Erased(),))
    fold_.put(event("email_open", "e"))
    assert [(c.version, c.score, c.awards[0].log_id) for c in fold_.changes] == [(1, 5, 1), (1, 5, 1)]


def test_d28_erasing_an_unknown_contact_does_nothing() -> None:
    decision = Fold(rulebook()).put(Erase("1", "42", T0))
    assert (decision.outcome, decision.contact, decision.outputs) == ("no_effect", None, ())


def test_d19_rule_awards_are_cut_at_the_end_of_int64() -> None:
    fold_ = Fold(rulebook(*[{"id": n, "eventType": "email_open", "points": p} for n, p in ((1, 5), (2, 7), (3, -1))]))
    fold_.put(command("adjust", "a", amount=MAX - 6))
    fold_.put(event("email_open"))
    assert fold_.awards[1:] == [(1, 5), (2, 1), (3, -1)]
    assert fold_.score == MAX - 1
    assert fold_.score == sum(points for _, points in fold_.awards)


def test_unchanged_sections_stay_the_same_objects() -> None:
    fold_ = Fold(rulebook(*SET_R))
    fold_.put(attributes("a@x"))
    fold_.put(command("adjust", "c", amount=1))
    before = fold_.contact
    after = fold_.put(event("email_open", "e")).contact
    assert before is not None
    assert after is not None
    assert (after.facts is before.facts, after.commands is before.commands, after.core is before.core) == (
        True,
        True,
        False,
    )


def test_only_plain_events_do_without_facts_and_commands() -> None:
    book = rulebook()
    assert not needs_all(event("email_open"), book)
    assert needs_all(event("tag_added"), book)
    assert needs_all(command("adjust", "c"), book)
    assert needs_all(attributes(), book)
