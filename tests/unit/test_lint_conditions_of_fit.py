"""Condition trees that hold for nobody or for everybody are warned of, at the smallest part that is odd (S36)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.conditions import COMPARISONS, Condition
from schemas.state import Facts
from stream_app.authoring import condition_warnings as judging
from stream_app.authoring.condition_warnings import condition_warnings
from stream_app.authoring.lint import lint_rule
from stream_app.scoring.conditions import Known, compile_condition


def attribute(op: str, value: Any = None, field: str = "age") -> dict[str, Any]:
    return {"type": "attribute", "field": field, "op": op} | ({} if op == "exists" else {"value": value})


def score(op: str, value: Any, profile_id: str = "default") -> dict[str, Any]:
    return {"type": "score", "profileId": profile_id, "op": op, "value": value}


def tag(op: str, value: Any) -> dict[str, Any]:
    return {"type": "tag", "op": op, "value": value}


def tree(operator: str, *conditions: dict[str, Any]) -> dict[str, Any]:
    return {"operator": operator, "conditions": list(conditions)}


def told(condition: dict[str, Any]) -> list[tuple[str, str]]:
    linted = lint_rule({"name": "Fits", "points": 5, "attribute": condition})
    assert linted.body is not None
    assert all(problem.severity == "warning" for problem in linted.problems)
    return [(problem.pointer, problem.code) for problem in linted.problems]


NEVER = ("/attribute", "never_true")


@pytest.mark.parametrize(
    "conditions",
    [
        [attribute("eq", "DE"), attribute("eq", "AT")],
        [attribute("eq", 1), attribute("eq", True)],
        [attribute("in", ["DE", "AT"]), attribute("in", ["FR"])],
        [attribute("gt", 5), attribute("lt", 5)],
        [attribute("gte", 5), attribute("lt", 5)],
        [attribute("gt", "b"), attribute("lt", "a")],
        [attribute("gt", 5), attribute("lt", "z")],
        [attribute("eq", 5), attribute("gt", 5)],
        [attribute("eq", "DE"), attribute("neq", "DE")],
        [attribute("eq", "DE"), tree("NOT", attribute("exists"))],
        [attribute("eq", "DE"), attribute("contains", "F")],
        [attribute("gt", 9), tree("AND", attribute("lt", 3), attribute("eq", 1, "other"))],
        [attribute("gt", 9), tree("NOT", tree("OR", attribute("gt", 3), attribute("eq", 1, "other")))],
        [score("gt", 5), score("lt", 6)],
        [score("gte", 5), attribute("lt", 5, "lead_score")],
        [attribute("gt", 10.5, "lead_score"), attribute("lt", 10.75, "lead_score")],
        [attribute("in", [4.5, "5"], "lead_score")],
        [tag("eq", "vip"), tag("neq", "vip")],
        [tag("contains", "vip"), tree("NOT", tag("eq", "vip"))],
    ],
)
def test_conditions_that_exclude_each_other_hold_for_nobody(conditions: list[dict[str, Any]]) -> None:
    assert told(tree("AND", *conditions)) == [NEVER]
    assert told(tree("AND", *reversed(conditions))) == [NEVER]


@pytest.mark.parametrize(
    "conditions",
    [
        [attribute("gte", 5), attribute("lte", 5)],
        [attribute("gt", 5), attribute("lt", 6)],
        [attribute("gt", "a"), attribute("lt", "b")],
        [attribute("lt", 1e300), attribute("lt", 5)],
        [attribute("eq", 1), attribute("eq", 1.0)],
        [attribute("neq", "DE"), attribute("neq", "AT")],
        [attribute("contains", "DE"), attribute("contains", "AT")],
        [attribute("contains", "DE"), attribute("gt", "E")],
        [attribute("eq", "DE"), attribute("eq", "AT", "other")],
        [score("gt", 5), score("lt", 6, "interest")],
        [attribute("gt", 10.5, "lead_score"), attribute("lt", 11.5, "lead_score")],
        [attribute("eq", 5.0, "lead_score"), score("gte", 5)],
        [attribute("in", [4.5, 5.0], "lead_score")],
        [tag("eq", "vip"), tag("eq", "partner")],
        [tag("in", ["vip"]), tag("neq", "partner")],
    ],
)
def test_conditions_that_can_hold_together_are_not_warned_of(conditions: list[dict[str, Any]]) -> None:
    assert told(tree("AND", *conditions)) == []


@pytest.mark.parametrize(
    "conditions",
    [
        [attribute("eq", "DE"), attribute("neq", "DE")],
        [attribute("exists"), tree("NOT", attribute("exists"))],
        [attribute("gte", 5), tree("NOT", attribute("gt", 5))],
        [score("gt", 5), score("lte", 5)],
        [tag("eq", "vip"), tag("neq", "vip")],
    ],
)
def test_alternatives_of_which_one_always_holds_hold_for_everybody(conditions: list[dict[str, Any]]) -> None:
    assert told(tree("OR", *conditions)) == [("/attribute", "always_true")]


def test_a_missing_attribute_is_neither_above_nor_below() -> None:
    assert told(tree("OR", attribute("gt", 5), attribute("lte", 5))) == []


def test_the_smallest_part_is_told_by_its_place() -> None:
    nobody = tree("AND", attribute("eq", 1), attribute("eq", 2))
    assert told(tree("OR", tag("eq", "vip"), nobody)) == [("/attribute/conditions/1", "never_true")]
    assert told(tree("AND", tag("eq", "vip"), tree("NOT", nobody))) == [
        ("/attribute/conditions/1/conditions/0", "never_true")
    ]
    assert told(attribute("in", [])) == [("/attribute/value", "never_true")]
    assert told(tree("AND", tag("in", []), nobody)) == [
        ("/attribute/conditions/0/value", "never_true"), ("/attribute/conditions/1", "never_true"),
    ]  # fmt: skip


def test_long_lists_are_not_tried_so_that_judging_ends_soon() -> None:
    many = list(range(20_000))
    assert told(tree("AND", attribute("in", many), attribute("in", [-1 - value for value in many]))) == []


def test_a_tree_of_many_conditions_costs_little_whatever_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """190 such rules, 1 MiB, kept a worker busy for 25 s: longer than a session lasts."""
    made, known = list[Any](), judging._known  # pyright: ignore[reportPrivateUsage] counted
    nested: dict[str, Any] = {"type": "tag", "op": "exists"}
    for depth in range(13):
        nested = tree("AND", *(attribute("gt", 6 * depth + number + 0.5) for number in range(6)), nested)
    monkeypatch.setattr(judging, "_known", lambda **more: made.append(more) or known(**more))
    assert told(nested) == []
    assert len(made) < 1_000


def test_the_sentence_names_what_is_asked_twice() -> None:
    (problem,) = condition_warnings(
        Condition.model_validate(tree("AND", attribute("eq", 1), attribute("eq", 2))), "attribute"
    )
    assert problem.message == "no contact meets all that is asked of its attribute age"


VALUES: list[Any] = [-1, 0, 1, 1.0, 1.5, 2, True, None, "", "a", "ab", "b"]


def leaves(field: str) -> st.SearchStrategy[dict[str, Any]]:
    named, values = st.just(field), st.sampled_from(VALUES)
    compared = st.sampled_from([0, 1, 1.25, 1.5, 2, "a", "b"])
    return st.one_of(
        st.builds(attribute, st.sampled_from(sorted(COMPARISONS)), compared, named),
        st.builds(attribute, st.sampled_from(["eq", "neq", "contains"]), values, named),
        st.builds(attribute, st.just("in"), st.lists(values, min_size=1, max_size=3), named),
        st.just(attribute("exists", field=field)),
    )


def branches(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    several = st.lists(inner, min_size=1, max_size=4)
    some = st.builds(lambda kind, parts: tree(kind, *parts), st.sampled_from(["AND", "OR"]), several)
    return st.one_of(st.builds(lambda one: tree("NOT", one), inner), some)


def trees(field: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.recursive(leaves(field), branches, max_leaves=6)


CONTACTS = [Known(Facts(1), lambda _: 0)] + [
    Known(Facts(1, attributes={"age": value}), lambda _: 0) for value in [*VALUES, [1], ["a", "b"]]
]
SCORED = [Known(Facts(1), lambda _, shown=shown: shown) for shown in range(-2, 5)]


def told_of_the_whole_is_so(tree: dict[str, Any], contacts: list[Known]) -> None:
    condition = Condition.model_validate(tree)
    whole = [problem.code for problem in condition_warnings(condition) if problem.pointer == ""]
    test = compile_condition(condition)
    assert whole in ([], ["never_true"], ["always_true"])
    if whole:
        assert {test(known) for known in contacts} == {whole == ["always_true"]}


@given(tree=trees("age"))
def test_what_is_told_of_the_whole_is_so_for_every_contact(tree: dict[str, Any]) -> None:
    told_of_the_whole_is_so(tree, CONTACTS)


@given(tree=trees("lead_score"))
def test_what_is_told_of_a_score_is_so_for_every_score(tree: dict[str, Any]) -> None:
    told_of_the_whole_is_so(tree, SCORED)
