"""Which changes of rules must look at every contact, for the reference: D15, D24, decisions 0012 and 0014.

Laws: slow and obvious; stdlib only; no code of the engine; no more is asked for than what may move something, so that
a sweep too many is no finding.
"""

from typing import Any

from tests.faults.reference_profiles import Body, bodies_of, fit_rules, limited_groups, operands
from tests.faults.reference_rules import Rulebook


def sweep_needed(before: Rulebook, now: Rulebook) -> bool:
    """Whether what contacts are shown, are paid for what they are, or when they are looked at may be another."""
    return any(due_otherwise(before, now, org) or shown_otherwise(before, now, org) for org in orgs_of(now))


def orgs_of(book: Rulebook) -> list[str]:
    return sorted({*book.rules, *book.profiles})


def due_otherwise(before: Rulebook, now: Rulebook, org: str) -> bool:
    """Where nothing acts by the clock any more, no contact is looked at too late."""
    clock = now.clock(org)
    return clock.version != before.clock(org).version and bool(clock.rules or clock.decays)


def shown_otherwise(before: Rulebook, now: Rulebook, org: str) -> bool:
    earlier = bodies_of(before, org)
    for profile, body in bodies_of(now, org).items():
        new = shape(now, org, profile, body)
        if profile in earlier:
            if new != shape(before, org, profile, earlier[profile]):
                return True
        elif new["operands"] is not None or new["fits"] or now.profiles[org][profile]["version"] > 1:
            return True
    return False


def shape(book: Rulebook, org: str, profile: str, body: Body) -> dict[str, Any]:
    """What decides how a contact is shown in a profile, apart from what it has been paid."""
    bodies, parts = bodies_of(book, org), operands(body)
    fits = {
        number: (rule["points"], rule.get("group"), meant(rule["attribute"]))
        for number, rule in fit_rules(book, org).items()
        if rule.get("profileId", "default") == profile
    }
    return {
        "limits": (body.get("floor"), body.get("ceiling")),
        "groups": limited_groups(body),
        "operands": None if parts is None else [(part, part in bodies) for part in parts],
        "fits": fits,
    }


def meant(tree: Body) -> Body:
    """A condition without what says nothing: nulls that stand for absence, and the profile that is meant anyway."""
    said = {name: value for name, value in tree.items() if value is not None}
    if said.get("type") == "score":
        said["profileId"] = said.get("profileId", "default")
    if "conditions" in said:
        said["conditions"] = [meant(inner) for inner in said["conditions"]]
    return said
