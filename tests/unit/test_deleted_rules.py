"""Deletion drops what contacts remember of a rule, and nothing else does (S12, S13, D5)."""

from typing import Any

import pytest

from stream_app.scoring.rulebook import ConfigRecord
from tests.scoring_kit import (
    T0,
    Fold,
    command,
    day,
    event,
    published_record,
    rule_record,
    rulebook,
    with_records,
)  # fmt: skip

OPEN: dict[str, Any] = {"id": 1, "eventType": "email_open", "points": 5}
CLICK: dict[str, Any] = {"id": 2, "eventType": "email_click", "points": 1}
GONE = ConfigRecord(b"rule:1:1", None, 0)
KINDS: list[dict[str, Any]] = [
    {**OPEN, "maxPerContact": 1},
    {**OPEN, "oncePer": "mail"},
    {**OPEN, "eventType": "page_visit", "page": {"url": "https://a.example/*", "hits": 1}, "repeatable": False},
]


def seen(fold: Fold) -> int:
    """What one event of each kind adds."""
    before = fold.score if fold.contact else 0
    fold.put(event("email_open", mail=7))
    fold.put(event("page_visit", url="https://a.example/b"))
    return fold.score - before


@pytest.mark.parametrize("between", [[], ["email_click"], ["email_click"] * 3])
@pytest.mark.parametrize("rule", KINDS)
def test_S12_deletion_drops_counts_and_values_whatever_happens_meanwhile(
    rule: dict[str, Any], between: list[str]
) -> None:
    fold = Fold(rulebook(rule, CLICK))
    assert (seen(fold), seen(fold)) == (5, 0)
    fold.book = with_records(fold.book, GONE)
    for kind in between:
        fold.put(event(kind))
    assert seen(fold) == 0
    fold.book = with_records(fold.book, rule_record(0, **rule))
    assert (seen(fold), seen(fold)) == (5, 0)


def test_D5_visits_of_a_rule_that_was_deleted_do_not_count() -> None:
    twice = {**KINDS[2], "page": {"url": "https://a.example/*", "hits": 2}}
    fold = Fold(rulebook(twice, {**CLICK, "eventType": "page_visit", "page": {"hits": 9}}))
    assert seen(fold) == 0
    fold.book = with_records(fold.book, GONE, rule_record(0, **twice))
    assert (seen(fold), seen(fold)) == (0, 5)


def test_S28_a_visit_that_a_deleted_rule_measured_is_not_measured_by_what_comes_back() -> None:
    dwells = {**OPEN, "eventType": "page_visit", "page": {"timeSpentSeconds": 60}}
    fold = Fold(rulebook(dwells))
    fold.put(event("page_visit"))
    fold.book = with_records(fold.book, GONE, rule_record(0, **dwells))
    fold.put(event("email_open", at=T0 + 90_000))
    assert fold.score == 0


def test_S12_a_cap_of_a_silence_begins_anew_too() -> None:
    silence = {"id": 1, "points": -5, "inactivity": {"days": 30, "repeat": True}, "maxPerContact": 1}
    fold = Fold(rulebook(silence))
    fold.put(event("email_open"))
    fold.wait(day(70))
    fold.book = with_records(fold.book, GONE, rule_record(0, **silence))
    fold.wait(day(100))
    assert fold.scores == [-5, -10]


@pytest.mark.parametrize(
    "kept",
    [
        [rule_record(0, **OPEN, maxPerContact=1, active=False)],
        [rule_record(0, **OPEN, maxPerContact=1, profileId="fit")],
        [rule_record(0, **OPEN, maxPerContact=1, profileId="fit"), published_record(0, "fit", OPEN), GONE],
    ],
)
def test_a_rule_is_deleted_when_it_is_neither_written_nor_published(kept: list[ConfigRecord]) -> None:
    fold = Fold(rulebook(KINDS[0]))
    assert seen(fold) == 5
    back = rule_record(0, **KINDS[0])
    fold.book = with_records(fold.book, *kept, back)
    assert (seen(fold), fold.book.org("1").lives) == (0, {})
    gone = with_records(fold.book, *kept, published_record(0, "fit", version=2))
    if kept[-1] is not GONE:
        gone = with_records(gone, GONE)
    assert gone.org("1").gone == {1}
    fold.book = with_records(gone, back)
    assert (seen(fold), fold.book.org("1").lives) == (5, {1: 1})


def test_S31_unpublish_of_a_rule_that_is_written_no_more_deletes_it() -> None:
    published = published_record(0, "fit", KINDS[0])
    fold = Fold(with_records(rulebook(), published))
    fold.put(event("email_open"))
    fold.put(event("email_open"))
    fold.book = with_records(fold.book, ConfigRecord(b"profile:1:fit", None, 0), published)
    fold.put(event("email_open"))
    assert (fold.shown("fit"), fold.capped) == (10, 1)


def test_what_is_remembered_of_deleted_rules_is_bounded() -> None:
    fold = Fold(rulebook(CLICK))
    for _ in range(9):
        fold.book = with_records(fold.book, rule_record(0, **OPEN, maxPerContact=1))
        assert seen(fold) == 5
        fold.book = with_records(fold.book, GONE)
    fold.put(event("email_click"))
    assert fold.contact is not None
    assert fold.contact.core.fires == {2: 1}
    fold.book = with_records(fold.book, rule_record(0, **OPEN))
    fold.put(event("email_open"))
    assert fold.contact.core.fires == {2: 1, 1 + 9 * 2**32: 1}
    org = fold.book.org("1")
    assert (sorted(org.memories), list(org.rules)) == ([2, 1 + 9 * 2**32], [1, 2])
    fold.put(command("reset", "r"))
    assert fold.score == 0
