"""Several profiles of a fault run, and the publishes that move what contacts are shown while it runs (S30-S36, D15).

Laws: a publish is one record that freezes body and rules (decision 0012); the n-th edit is the same in every run but
for its time, which is since when its silences count (D25).
"""

from typing import Any

from tests.faults.authored_decay import FADING_RULES, fading_bodies, taken_back

Body = dict[str, Any]

RULES: tuple[Body, ...] = (
    {"id": 30, "name": "Mail opened", "eventType": "email_open", "points": 7, "group": "mail"},
    {"id": 31, "name": "Mail clicked", "eventType": "email_click", "points": 9, "group": "mail", "maxPerContact": 6},
    {"id": 32, "name": "Visited", "eventType": "page_visit", "points": 4, "group": "web"},
    {"id": 33, "name": "Complained here", "eventType": "email_complaint", "points": -20},
    {"id": 34, "name": "Called", "eventType": "manual", "points": 3, "maxPerContact": 4},
    {"id": 35, "name": "Gone quiet", "points": -6, "inactivity": {"days": 1, "repeat": True}, "group": "mail"},
    {
        "id": 36, "name": "Docs twice", "eventType": "page_visit", "points": 11, "oncePer": "url",
        "page": {"url": "*/docs/*", "hits": 2},
    },
)  # fmt: skip
FITS: tuple[Body, ...] = (
    {"id": 40, "name": "German", "points": 20,
     "attribute": {"type": "attribute", "field": "country", "op": "eq", "value": "DE"}},
    {"id": 41, "name": "Important", "points": 15, "group": "size",
     "attribute": {"type": "tag", "op": "in", "value": ["vip", "partner"]}},
    {"id": 42, "name": "Not French", "points": 5, "attribute": {"operator": "NOT", "conditions": [
        {"type": "attribute", "field": "country", "op": "eq", "value": "FR"}]}},
    {"id": 43, "name": "Warm and large", "points": 10, "group": "size", "attribute": {"operator": "AND", "conditions": [
        {"type": "score", "profileId": "engagement", "op": "gte", "value": 15},
        {"operator": "OR", "conditions": [
            {"type": "attribute", "field": "company.size", "op": "gt", "value": 50},
            {"type": "attribute", "field": "plans", "op": "contains", "value": "pro"}]}]}},
)  # fmt: skip
OWN: dict[str, tuple[Body, ...]] = {
    "engagement": RULES, "suitability": FITS, "overall": (), "idea": RULES[:2], **FADING_RULES,
}  # fmt: skip
SOON_UNPUBLISHED = 6  # each as many edits engagement is taken back, and published again by the next


def bodies(number: int) -> dict[str, Body]:
    """The bodies as the n-th edit of an org publishes them; limits, groups and operands move what is shown."""
    engagement: Body = {
        "name": "Engagement", "floor": -10 - number % 3, "ceiling": (80, 45, 120, 60)[number % 4],
        "groups": [
            {"name": "mail", "min": -15, "max": (40, 28, 33)[number % 3]},
            {"name": "web", "max": 12 + number * 5 % 20},
        ],
        "thresholds": [10, {"value": 30, "hysteresis": 5}, 45, 60],
    }  # fmt: skip
    two = ["engagement", "suitability"]
    operands = (two, [*two, "default"], ["suitability", "ebb"])[number % 3]
    return {
        "engagement": engagement,
        "suitability": {"name": "Suitability", "ceiling": 40 - number % 2 * 8, "thresholds": [20, 35],
                        "groups": [{"name": "size", "max": 18 + number % 7}]},
        "overall": {"name": "Overall", "formula": {"average": operands}, "floor": -5, "ceiling": 70 - number % 4 * 5,
                    "thresholds": [10, 25, {"value": 50, "hysteresis": 3}]},
        "idea": {"name": "An idea"},
        **fading_bodies(number),
    }  # fmt: skip


def rules_of(profile: str, number: int) -> list[Body]:
    """The rules that the n-th edit freezes: points and conditions move, one rule comes and goes."""
    made = [rule | {"profileId": profile} for rule in OWN[profile]]
    if profile == "suitability":
        made[0] |= {"points": 20 + number % 5}
        made[2] |= {"active": number % 2 == 0}
        made = made[: 3 + (number + 1) % 2]
    if profile == "engagement":
        made[0] |= {"points": 7 + number % 3, "group": "mail" if number % 4 < 3 else "web"}
        made[5] |= {"points": -6 + number % 2}
    return made


def profile_record(profile: str, number: int, org: str, at: str) -> Body:
    """One profile after the n-th edit of its org; ``idea`` was never published."""
    body = bodies(number)[profile]
    frozen = [stamped(rule, org, at) for rule in rules_of(profile, number)]
    unpublished = profile == "engagement" and number % SOON_UNPUBLISHED == SOON_UNPUBLISHED - 1
    live = profile != "idea" and not unpublished and not taken_back(profile, number)
    return stamped({
        "id": profile, "status": "published" if live else "draft", "version": 0 if profile == "idea" else number + 1,
        "draft": None if live else body, "published": body | {"rules": frozen} if live else None,
    }, org, at)  # fmt: skip


def stamped(body: Body, org: str, at: str) -> Body:
    return body | {"orgId": org, "createdAt": at, "updatedAt": at}
