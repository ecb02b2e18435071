from typing import Any

import pytest

from stream_app.scoring.filters import compile_filter, index_values, same
from tests.scoring_kit import Fold, event, rulebook

BIG = 2**53 + 1

HOLDS: list[tuple[dict[str, Any] | None, dict[str, Any]]] = [
    (None, {}),
    ({}, {"a": 1}),
    ({"a": "x"}, {"a": "x", "b": 2}),
    ({"a": 1}, {"a": 1.0}),
    ({"a": 1.0}, {"a": 1}),
    ({"a": BIG}, {"a": BIG}),
    ({"a": True}, {"a": True}),
    ({"a": None}, {"a": None}),
    ({"a": ["x", "y"]}, {"a": "y"}),
    ({"a": ["x", 1]}, {"a": 1}),
    ({"a": "x"}, {"a": ["y", "x"]}),
    ({"a": ["x", "z"]}, {"a": ["y", "z"]}),
    ({"a": [["x"]]}, {"a": ["x"]}),
    ({"a": {"b": [1, {"c": None}]}}, {"a": {"b": [1.0, {"c": None}]}}),
    ({"a": {"b": 1}}, {"a": [{"b": 2}, {"b": 1}]}),
    ({"a.b": 1}, {"a": {"b": 1}}),
    ({"a.b": 1}, {"a.b": 1, "a": {"b": 2}}),
    ({"a.b.c": "x"}, {"a": {"b": {"c": "x"}}}),
    ({"a": "x", "b.c": ["y"]}, {"a": "x", "b": {"c": "y"}}),
]
FAILS: list[tuple[dict[str, Any] | None, dict[str, Any]]] = [
    ({"a": 1}, {"a": "1"}),
    ({"a": "1"}, {"a": 1}),
    ({"a": 1}, {"a": True}),
    ({"a": True}, {"a": 1}),
    ({"a": False}, {"a": 0}),
    ({"a": None}, {}),
    ({"a": "x"}, {}),
    ({"a": "x"}, {"a": "X"}),
    ({"a": "https://x.com"}, {"a": "https://x.com/"}),
    ({"a": "*"}, {"a": "x"}),
    ({"a": []}, {"a": []}),
    ({"a": []}, {"a": "x"}),
    ({"a": BIG}, {"a": BIG - 1}),
    ({"a": BIG}, {"a": float(BIG - 1)}),
    ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}),
    ({"a": {"b": 1}}, {"a": {"b": True}}),
    ({"a": {"b": [1, 2]}}, {"a": {"b": [2, 1]}}),
    ({"a": {"b": [1]}}, {"a": {"b": [1, 1]}}),
    ({"a": {"b": 1}}, {"a": 1}),
    ({"a.b": 1}, {"a.b": 2, "a": {"b": 1}}),
    ({"a.b": 1}, {"a": 1}),
    ({"a.b": 1}, {"a": {"c": 1}}),
    ({"a": "x", "b": 1}, {"a": "x", "b": 2}),
]


@pytest.mark.parametrize(("event_filter", "properties"), HOLDS)
def test_s11_filter_holds(event_filter: dict[str, Any] | None, properties: dict[str, Any]) -> None:
    holds = compile_filter((event_filter or {}).items())
    assert holds is None or holds(properties)
    assert _fires(event_filter, properties)


@pytest.mark.parametrize(("event_filter", "properties"), FAILS)
def test_s11_filter_fails(event_filter: dict[str, Any] | None, properties: dict[str, Any]) -> None:
    holds = compile_filter((event_filter or {}).items())
    assert holds is not None
    assert not holds(properties)
    assert not _fires(event_filter, properties)


def _fires(event_filter: dict[str, Any] | None, properties: dict[str, Any]) -> bool:
    fold = Fold(rulebook({"id": 1, "eventType": "email_open", "points": 1, "eventFilter": event_filter}))
    fold.put(event("email_open", **properties))
    return fold.score == 1


def test_s11_null_and_empty_filters_need_no_test() -> None:
    assert compile_filter([]) is None
    for event_filter in (None, {}):
        assert _fires(event_filter, {})


def test_d2_numbers_are_equal_by_value_and_booleans_apart() -> None:
    assert same(1, 1.0)
    assert not same(1, True)
    assert not same(False, 0)
    assert not same([1], [True])
    assert not same({"a": 1}, [1])


def test_lookup_takes_texts_under_undotted_keys_only() -> None:
    assert index_values("a", "x") == {"x"}
    assert index_values("a", ["x", "y", "x"]) == {"x", "y"}
    for key, wanted in (("a.b", "x"), ("a", 1), ("a", ["x", 1]), ("a", []), ("a", {"b": "x"}), ("a", None)):
        assert index_values(key, wanted) is None


def test_s10_rules_found_by_lookup_fire_once_and_in_id_order() -> None:
    fold = Fold(
        rulebook(
            {"id": 1, "eventType": "page_visit", "points": 1, "eventFilter": {"tags": ["a", "b"]}},
            {"id": 2, "eventType": "page_visit", "points": 2},
            {"id": 3, "eventType": "page_visit", "points": 3, "eventFilter": {"tags": "b", "n": 1}},
            {"id": 4, "eventType": "page_visit", "points": 4, "eventFilter": {"other": "x"}},
            {"id": 5, "eventType": "page_visit", "points": 5, "eventFilter": {"n": 2}},
        )
    )
    fold.put(event("page_visit", tags=["b", "a", 7], other=1, n=1))
    assert fold.awards == [(1, 1), (2, 2), (3, 3)]
    fold.put(event("page_visit", tags=[], other="x", n=2))
    assert fold.awards[3:] == [(2, 2), (4, 4), (5, 5)]
    fold.put(event("page_visit"))
    assert fold.awards[6:] == [(2, 2)]
