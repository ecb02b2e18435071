"""Profiles of a fault run whose scores decay (S38, decision 0015), and how the decay is edited meanwhile.

Laws: points are in thousands and thresholds dense, so that a score that halves or ends in a day passes some within
minutes; ``ebb`` and ``line`` keep their decay for the whole run, that of ``tide`` is edited, taken away, unpublished.
"""

from typing import Any

Body = dict[str, Any]

FADING_RULES: dict[str, tuple[Body, ...]] = {
    "ebb": (
        {"id": 50, "name": "Ebb opened", "eventType": "email_open", "points": 2100},
        {"id": 51, "name": "Ebb clicked", "eventType": "email_click", "points": 3301, "group": "mail"},
        {"id": 52, "name": "Ebb told off", "eventType": "email_complaint", "points": -4002, "group": "loss"},
        {"id": 53, "name": "Ebb quiet", "points": -50, "inactivity": {"days": 1, "repeat": True}, "group": "loss"},
    ),
    "line": (
        {"id": 54, "name": "Line visited", "eventType": "page_visit", "points": 2703},
        {"id": 55, "name": "Line opened", "eventType": "email_open", "points": 1, "maxPerContact": 40},
        {"id": 56, "name": "Line quiet", "points": 90, "inactivity": {"days": 1, "repeat": True}},
    ),
    "tide": (
        {"id": 57, "name": "Tide clicked", "eventType": "email_click", "points": 1807, "group": "mail"},
        {"id": 58, "name": "Tide complained", "eventType": "email_complaint", "points": -2500, "group": "loss"},
        {"id": 59, "name": "Tide called", "eventType": "manual", "points": 905},
        {"id": 60, "name": "Tide German", "points": 2000, "group": "fits",
         "attribute": {"type": "attribute", "field": "country", "op": "eq", "value": "DE"}},
        {"id": 61, "name": "Tide follows ebb", "points": 700,
         "attribute": {"type": "score", "profileId": "ebb", "op": "gte", "value": 3000}},
    ),
}  # fmt: skip
DECAYS: tuple[Body | None, ...] = (
    {"halfLifeDays": 1}, {"percent": 100, "periodDays": 1}, {"percent": 40, "periodDays": 1}, {"halfLifeDays": 2}, None,
)  # fmt: skip
SOON_TAKEN_BACK = 7  # each as many edits tide is unpublished, and published again by the next
DENSE = [*range(25, 200, 25), *range(300, 7500, 200)]


def fading_bodies(number: int) -> dict[str, Body]:
    """The bodies as the n-th edit of an org publishes them."""
    return {
        "ebb": {"name": "Ebb", "decay": {"halfLifeDays": 1}, "groups": [{"name": "loss", "min": -9000}],
                "thresholds": [-100, *DENSE], "floor": -6000},
        "line": {"name": "Line", "decay": {"percent": 100, "periodDays": 1}, "thresholds": [1, 5, *DENSE]},
        "tide": {"name": "Tide", "decay": DECAYS[number % len(DECAYS)],
                 "groups": [{"name": "mail", "max": 4000 + number % 3 * 700}, {"name": "loss", "min": -3000}],
                 "thresholds": [{"value": value, "hysteresis": 35} for value in DENSE[:: 1 + number % 2]],
                 "ceiling": 6000 if number % 4 else None},
    }  # fmt: skip


def taken_back(profile: str, number: int) -> bool:
    return profile == "tide" and number % SOON_TAKEN_BACK == SOON_TAKEN_BACK - 1


def decay_of_default(number: int, org: str) -> Body:
    """In one org the default score, whose sums leave int64, decays for some edits."""
    return {"decay": {"halfLifeDays": 7}} if org == "acme" and number % 2 else {}
