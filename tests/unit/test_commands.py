from typing import Any

import pytest

from schemas.outputs import CommandCause
from tests.scoring_kit import SET_R, Fold, command, event, rulebook

MIN, MAX = -(2**63), 2**63 - 1


def test_s50_adjust_adds_and_names_no_rule() -> None:
    fold = Fold(rulebook(*SET_R))
    for number, points in enumerate((45, 25, -10)):
        fold.put(command("adjust", f"c{number}", amount=points, by="jane"))
    assert fold.scores == [45, 70, 60]
    last = fold.changes[-1]
    award = last.awards[0]
    assert (award.log_id, award.rule_id, award.rule_name, award.reason) == (3, None, None, "Manual adjustment")
    assert (last.cause, last.site_id) == (CommandCause("c2", "adjust", "jane"), None)
    assert last.occurred_at == "2026-01-01T00:00:00.000Z"


def test_s50_reasons_are_kept() -> None:
    fold = Fold(rulebook())
    fold.put(command("adjust", "a", amount=1, reason="called"))
    fold.put(command("set", "b", amount=9, reason="sheet"))
    fold.put(command("set", "c", amount=8))
    assert [change.awards[0].reason for change in fold.changes] == ["called", "sheet", "import"]


def test_s50_set_awards_the_difference_and_leaves_counts_alone() -> None:
    fold = Fold(rulebook({"id": 1, "eventType": "email_open", "points": 5, "maxPerContact": 1}, thresholds=[50]))
    fold.put(event("email_open"))
    fold.put(command("set", "a", amount=60))
    assert fold.put(command("set", "b", amount=60)).outcome == "no_effect"
    assert fold.put(event("email_open")).outcome == "no_effect"
    assert fold.awards == [(1, 5), (None, 55)]
    assert fold.crossings == []
    fold.put(command("set", "c", amount=10, fire_triggers=True))
    assert fold.crossings == [(50, "down")]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("adjust", {"amount": 5}), ("set", {"amount": 5}), ("set", {"amount": 0}), ("tag", {"tag": "x"}),
     ("untag", {"tag": "x"}), ("reset", {}), ("enrol", {"program_id": "p"})],
)  # fmt: skip
def test_s53_a_repeated_command_changes_nothing(kind: str, fields: dict[str, Any]) -> None:
    fold = Fold(rulebook())
    fold.put(command("adjust", "start", amount=3))
    first = fold.put(command(kind, "c", **fields))
    again = fold.put(command(kind, "c", **fields))
    assert first.outcome in {"applied", "no_effect"}
    assert (again.outcome, again.outputs, again.contact) == ("duplicate", (), first.contact)


def test_s19_a_manual_rule_pays_once_per_adjust_and_never_on_its_own_award() -> None:
    fold = Fold(rulebook(
        {"id": 1, "eventType": "manual", "points": 3, "maxPerContact": 2},
        {"id": 2, "eventType": "manual", "points": 7, "siteId": "1"},
        {"id": 3, "eventType": "manual", "points": 9, "eventFilter": {"a": "b"}},
    ))  # fmt: skip
    for number in range(3):
        fold.put(command("adjust", f"c{number}", amount=10))
    assert fold.scores == [13, 26, 36]
    assert [award.log_id for change in fold.changes for award in change.awards] == [1, 2, 3, 4, 5]
    assert fold.capped == 1


def test_d8_manual_rules_do_not_pay_on_set_or_reset() -> None:
    fold = Fold(rulebook({"id": 1, "eventType": "manual", "points": 3}))
    fold.put(command("set", "a", amount=10))
    fold.put(command("reset", "b"))
    assert fold.scores == [10, 0]


def test_d26_reset_is_announced_like_an_adjust_and_drops_counts() -> None:
    fold = Fold(rulebook({"id": 1, "eventType": "email_open", "points": 60, "maxPerContact": 1}, thresholds=[50]))
    fold.put(event("email_open"))
    fold.put(command("reset", "a"))
    assert (fold.awards[-1], fold.changes[-1].awards[0].reason) == ((None, -60), "reset")
    assert fold.crossings == [(50, "up"), (50, "down")]
    fold.put(event("email_open"))
    assert fold.score == 60


def test_d26_reset_of_score_0_says_nothing_but_drops_counts() -> None:
    fold = Fold(rulebook({"id": 1, "eventType": "email_open", "points": 0, "maxPerContact": 1}))
    fold.put(event("email_open"))
    assert fold.put(command("reset", "a")).outcome == "no_effect"
    assert fold.put(command("reset", "b")).outcome == "no_effect"
    assert len(fold.changes) == 1
    fold.put(event("email_open"))
    assert len(fold.changes) == 2


def test_d12_tagging_fires_tag_rules_without_a_site() -> None:
    demo = {**SET_R[4], "maxPerContact": None}
    fold = Fold(rulebook(demo, {"id": 9, "eventType": "tag_added", "points": 1, "siteId": "1"}))
    tags = [("tag", "demo-requested"), ("tag", "demo-requested"), ("untag", "demo-requested"), ("untag", "x"),
            ("tag", "demo-requested"), ("tag", "other")]  # fmt: skip
    outcomes = [fold.put(command(kind, f"c{n}", tag=tag)).outcome for n, (kind, tag) in enumerate(tags)]
    assert outcomes == ["applied", "no_effect", "applied", "no_effect", "applied", "applied"]
    assert fold.awards == [(5, 30), (5, 30)]
    assert fold.changes[0].cause == CommandCause("c0", "tag")


def test_d12_tagging_without_rules_changes_the_tags() -> None:
    fold = Fold(rulebook())
    assert fold.put(command("tag", "a", tag="x")).outcome == "applied"
    assert fold.put(command("untag", "b", tag="x")).outcome == "applied"
    assert fold.contact is not None
    assert fold.contact.core.has == 2


@pytest.mark.parametrize(
    ("start", "kind", "amount"),
    [(MAX, "adjust", 1), (MIN, "adjust", -1), (-2, "set", MAX), (2, "set", MIN + 1), (MIN, "reset", 0)],
)
def test_d19_a_command_that_would_leave_int64_is_invalid(start: int, kind: str, amount: int) -> None:
    fold = Fold(rulebook())
    before = fold.put(command("adjust", "start", amount=start)).contact
    decision = fold.put(command(kind, "c", amount=amount))
    assert decision.outcome == "rejected"
    assert decision.rejected is not None
    assert (decision.rejected.reason, decision.contact, decision.outputs) == ("invalid_command", before, ())


def test_a_command_for_a_profile_that_does_not_score_is_invalid_and_leaves_no_contact() -> None:
    decision = Fold(rulebook()).put(command("adjust", "c", amount=1, profile_id="fit"))
    assert (decision.outcome, decision.contact) == ("rejected", None)


def test_enrol_is_accepted_without_effect_until_programs_come() -> None:
    fold = Fold(rulebook())
    assert fold.put(command("enrol", "c", program_id="p")).outcome == "no_effect"
    assert fold.contact is not None
