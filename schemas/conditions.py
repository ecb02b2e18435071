"""Condition trees as people write them: AND, OR and NOT over leaves that ask for an attribute, a tag or a score.

Laws: a node is a branch (``operator`` and ``conditions``) or a leaf (``type``, ``op`` and what these need), never both;
NOT has one condition, for "not both" and "neither" are different things; at most 100 nodes.
Source: contract section 2 "Condition tree", S36, S55, D27; docs/decisions/0012.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import Field, model_validator

from schemas.strict import Authored, ProfileId, PropertyName

MAX_NODES: Final = 100
COMPARISONS: Final = frozenset({"gt", "gte", "lt", "lte"})
OPS: Final[Mapping[str, frozenset[str]]] = {
    "attribute": COMPARISONS | {"eq", "neq", "in", "contains", "exists"},
    "tag": frozenset({"eq", "neq", "in", "contains", "exists"}),
    "score": COMPARISONS | {"eq", "neq", "in"},
}
T = TypeVar("T")
Said = Annotated[T | None, Field(exclude_if=lambda value: value is None)]  # a null beside the rest would say nothing
_OF: Final[Mapping[str, type]] = {"score": int, "tag": str}


class Condition(Authored):
    """A branch or a leaf.

    ``field`` names an attribute, dotted as in filters, ``profile_id`` the profile of a score (``default`` unless said).
    ``value`` is a list for ``in``, absent for ``exists``, an integer for scores, text for tags.
    """

    operator: Said[Literal["AND", "OR", "NOT"]] = None
    conditions: Said[Annotated[list[Self], Field(max_length=MAX_NODES)]] = None
    type: Said[Literal["attribute", "tag", "score"]] = None
    field: Said[PropertyName] = None
    profile_id: Said[ProfileId] = None
    op: Said[Literal["eq", "neq", "gt", "gte", "lt", "lte", "in", "contains", "exists"]] = None
    value: Any = None

    @model_validator(mode="after")
    def says_one_thing(self) -> Self:
        """Refuse what is neither a branch nor a leaf, or more than one of them says."""
        problem = self._branch_problem() if self.type is None else self._leaf_problem()
        if problem is not None:
            raise ValueError(problem)
        return self

    def nodes(self) -> Iterator["Condition"]:
        """Yield this node and all below it."""
        yield self
        for inner in self.conditions or ():
            yield from inner.nodes()

    def _branch_problem(self) -> str | None:
        if self.operator is None:
            return "a condition has an operator (AND, OR, NOT) or a type (attribute, tag, score)"
        if any(said is not None for said in (self.field, self.profile_id, self.op, self.value)):
            return "a branch has an operator and conditions, nothing else"
        if not self.conditions or (self.operator == "NOT" and len(self.conditions) > 1):
            return "AND and OR have conditions, NOT exactly one"
        if sum(1 for _ in self.nodes()) > MAX_NODES:
            return f"a tree has at most {MAX_NODES} conditions"
        return None

    def _leaf_problem(self) -> str | None:
        kind = self.type or ""
        if self.operator is not None or self.conditions is not None:
            return "a condition has an operator or a type, not both"
        if self.op not in OPS[kind]:
            return f"op of a {kind} is one of {', '.join(sorted(OPS[kind]))}"
        if (self.field is None) == (kind == "attribute"):
            return "field names the attribute, and belongs to an attribute only"
        if self.profile_id is not None and kind != "score":
            return "profileId belongs to a score only"
        return self._value_problem()

    def _value_problem(self) -> str | None:
        if self.op == "exists":
            return None if self.value is None else "exists has no value: its opposite is NOT around it"
        if "value" not in self.model_fields_set or isinstance(self.value, list) != (self.op == "in"):
            return f"{self.op} needs a {'list of values' if self.op == 'in' else 'value'}"
        wanted: list[Any] = self.value if self.op == "in" else [self.value]
        if self.type != "attribute" and not all(type(value) is _OF[self.type or ""] for value in wanted):
            return "a score is compared with integers, a tag with texts"
        if self.op in COMPARISONS and not _ordered(self.value):
            return f"{self.op} compares with a number or a text"
        return None


def _ordered(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
