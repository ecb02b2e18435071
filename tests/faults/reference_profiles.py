"""Profiles for the reference, written from semantics S30-S36, D1, D15, D20, D24 and decision 0012.

Laws: slow and obvious; stdlib only; works on plain dicts as ``config`` holds them.
"""

from typing import Any

from tests.faults.reference_rules import MISSING, Rulebook, reach, same
from tests.faults.reference_values import INT64

Body = dict[str, Any]


def bodies_of(book: Rulebook, org: str) -> dict[str, Body]:
    """The body of each profile that scores: default always does, others while they are published (S30, S31)."""
    records = book.profiles.get(org, {})
    found: dict[str, Body] = {"default": records.get("default", {})}
    for name, record in sorted(records.items()):
        if name != "default" and record["published"] is not None:
            found[name] = record["published"]
    return found


def scoring_rules(book: Rulebook, org: str) -> dict[int, Body]:
    """The rules that count, each with its profile: those of default as they are, others as a publish froze them.

    What is drafted of a rule since then has no say in it; a rule that another has taken since does not count (S31).
    """
    drafts: dict[int, Body] = book.rules.get(org, {})
    found = {number: rule for number, rule in drafts.items() if rule.get("profileId", "default") == "default"}
    for profile, body in bodies_of(book, org).items():
        for rule in body.get("rules", []):
            if book.takers[org].get(rule["id"]) == profile:
                found[rule["id"]] = rule
    return dict(sorted(found.items()))


def known_rules(book: Rulebook, org: str) -> dict[int, Body]:
    """All that is written or published: what is in neither is deleted."""
    return {**book.rules.get(org, {}), **scoring_rules(book, org)}


def fit_rules(book: Rulebook, org: str) -> dict[int, Body]:
    return {
        number: rule
        for number, rule in scoring_rules(book, org).items()
        if rule.get("attribute") is not None and rule.get("active", True)
    }


def limited(body: Body, score: int) -> int:
    """S34: floor and ceiling, and an int64 in any case."""
    floor, ceiling = body.get("floor"), body.get("ceiling")
    score = score if floor is None else max(floor, score)
    score = score if ceiling is None else min(ceiling, score)
    return min(max(score, INT64[0]), INT64[-1])


def before_limits(body: Body, state: Body) -> int:
    """What groups let through, and all that is in no limited group as it is."""
    counted, rest = 0, state["total"]
    for group in body.get("groups", []):
        paid = state["groups"].get(group["name"], 0)
        rest -= paid
        if group.get("max") is not None:
            paid = min(paid, group["max"])
        if group.get("min") is not None:
            paid = max(paid, group["min"])
        counted += paid
    return counted + rest


def limited_groups(body: Body) -> dict[str, tuple[int | None, int | None]]:
    """The groups that have limits; one without is none."""
    groups = {group["name"]: (group.get("min"), group.get("max")) for group in body.get("groups", [])}
    return {name: limits for name, limits in groups.items() if limits != (None, None)}


def operands(body: Body) -> list[str] | None:
    formula = body.get("formula")
    return None if formula is None else formula["average"]


def half_up(total: int, count: int) -> int:
    """D4: the nearest integer, the upper one when both are as near."""
    below = total // count
    return below + 1 if 2 * (total - below * count) >= count else below


# ---------------------------------------------------------------------------------------------- conditions
def watchful(tree: Body) -> bool:
    """D24: a negation may hold for a contact of whom nothing was said, and a score moves with any input."""
    if "conditions" in tree and tree["conditions"] is not None:
        return tree["operator"] == "NOT" or any(watchful(inner) for inner in tree["conditions"])
    return tree["op"] == "neq" or tree["type"] == "score" or tree.get("field") == "lead_score"


def holds(tree: Body, contact: Body, scores: dict[str, int]) -> bool:
    if tree.get("operator") == "AND":
        return all([holds(inner, contact, scores) for inner in tree["conditions"]])
    if tree.get("operator") == "OR":
        return any([holds(inner, contact, scores) for inner in tree["conditions"]])
    if tree.get("operator") == "NOT":
        return not holds(tree["conditions"][0], contact, scores)
    op, value = tree["op"], tree.get("value")
    if tree["type"] == "tag":
        return tag_holds(op, value, contact["tags"])
    if tree["type"] == "score" or tree["field"] == "lead_score":
        return value_holds(op, value, scores.get(tree.get("profileId") or "default", 0))
    return value_holds(op, value, reach(contact["attributes"], tree["field"]))


def tag_holds(op: str, value: Any, tags: list[str]) -> bool:
    if op == "exists":
        return tags != []
    if op == "in":
        return any(tag in value for tag in tags)
    return (value in tags) == (op != "neq")


def value_holds(op: str, wanted: Any, actual: Any) -> bool:
    if actual is MISSING:
        return op == "neq"
    if op in ("eq", "neq"):
        return same(wanted, actual) == (op == "eq")
    if op == "in":
        return any(same(choice, actual) for choice in wanted)
    if op == "contains":
        return contains(wanted, actual)
    return op == "exists" or in_order(op, wanted, actual)


def contains(wanted: Any, actual: Any) -> bool:
    if isinstance(actual, list):
        return any(same(wanted, element) for element in actual)
    return isinstance(actual, str) and isinstance(wanted, str) and wanted in actual


def in_order(op: str, wanted: Any, actual: Any) -> bool:
    """Numbers among themselves and texts among themselves; nothing else has an order."""
    numbers = all(isinstance(side, int | float) and not isinstance(side, bool) for side in (wanted, actual))
    if not numbers and not (isinstance(wanted, str) and isinstance(actual, str)):
        return False
    return {"gt": actual > wanted, "gte": actual >= wanted, "lt": actual < wanted, "lte": actual <= wanted}[op]
