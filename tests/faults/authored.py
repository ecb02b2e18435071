"""The rules and profiles of a fault run, and how they are edited while it runs.

Laws: the n-th edit is the same in every run; every condition that a rule can have occurs, and is edited.  An edit of a
silence never makes an earlier due time: which batch pays that depends on how far the sweep has come (decision 0014).
"""

import json
from typing import Any

Authored = list[tuple[bytes, bytes | None]]
ORGS = ("1", "acme")
STAMP = "2026-01-01T00:00:00Z"

RULES: tuple[dict[str, Any], ...] = (
    {"id": 1, "name": "Delivered", "eventType": "email_delivered", "points": 1},
    {"id": 2, "name": "Opened", "eventType": "email_open", "points": 5, "maxPerContact": 10, "siteId": "1"},
    {"id": 3, "name": "Clicked", "eventType": "email_click", "points": 10},
    {
        "id": 4, "name": "Pricing", "eventType": "email_click", "points": 15, "maxPerContact": 3,
        "eventFilter": {"url": ["https://example.com/pricing", "https://example.com/plans"]},
    },
    {
        "id": 5, "name": "Asked for a demo", "eventType": "tag_added", "points": 30, "maxPerContact": 2,
        "eventFilter": {"tagName": "demo-requested"},
    },
    {
        "id": 6, "name": "Onboarded", "eventType": "custom_event", "points": 25, "repeatable": False,
        "eventFilter": {"event.name": "completed_onboarding", "step": 3},
    },
    {"id": 7, "name": "Complained", "eventType": "email_complaint", "points": -50, "maxPerContact": 1},
    {"id": 8, "name": "Spoken to", "eventType": "manual", "points": 2, "maxPerContact": 5},
    {"id": 9, "name": "Off", "eventType": "email_open", "points": 1000, "active": False},
    {"id": 10, "name": "Reads", "eventType": "page_visit", "points": 1, "eventFilter": {"tags": "docs"}},
    {"id": 11, "name": "Opened anew", "eventType": "email_open", "points": 4, "oncePer": "mail", "maxPerContact": 20},
    {
        "id": 12, "name": "Watched", "eventType": "webinar_seen", "points": 6, "oncePer": "webinar.id",
        "items": {"webinar.kind": ["live", "replay"], "minutes": []}, "publishUp": "2026-01-01T00:00:00+01:00",
    },
    {"id": 13, "name": "Too late", "eventType": "page_visit", "points": 99, "publishDown": "2000-01-01T00:00:00Z"},
    {
        "id": 14, "name": "Back at the docs", "eventType": "page_visit", "points": 2, "maxPerContact": 9,
        "page": {"url": "https://example.com/docs/*", "hits": 2, "returnsWithinSeconds": 20_000_000},
    },
    {
        "id": 15, "name": "Read the docs", "eventType": "page_visit", "points": 8,
        "page": {"url": "*/docs*", "timeSpentSeconds": 3000},
    },
)  # fmt: skip
SILENCES: tuple[dict[str, Any], ...] = (
    {"id": 20, "name": "A day of silence", "points": -3, "inactivity": {"days": 1}, "maxPerContact": 8},
    {"id": 21, "name": "Silent again", "points": -1, "inactivity": {"days": 1, "repeat": True}},
    {"id": 22, "name": "Silent twice", "points": 4, "inactivity": {"days": 1}, "maxPerContact": 2},
    {"id": 23, "name": "Two days of silence", "points": 7, "inactivity": {"days": 2, "repeat": True}},
)
THRESHOLDS = [25, {"value": 50, "hysteresis": 10}, 100, -20]


def config_records(silences: bool = True) -> Authored:
    """Key and value of every authored object, as ``config`` keeps it."""
    rules = RULES + SILENCES * silences
    made: Authored = []
    for org in ORGS:
        profile = {"id": "default", "name": "Lead score", "thresholds": THRESHOLDS}
        made.append((f"profile:{org}:default".encode(), body(profile, org)))
        made += [(f"rule:{org}:{rule['id']}".encode(), body(rule, org)) for rule in rules]
    return made


def edited_records(number: int) -> Authored:
    """The n-th edit: points, caps, names, items and windows of rules, one switched on or off, one deleted, one made."""
    window = {"publishDown": "2100-01-01T00:00:00Z" if number % 2 else "2000-01-01T00:00:00Z", "points": -number % 7}
    edits = (
        RULES[0] | {"points": number % 5 + 1}, RULES[1] | {"maxPerContact": 2 + number * 7 % 60},
        RULES[7] | {"points": number % 4 - 1, "maxPerContact": None if number % 3 else 7},
        RULES[8] | {"active": number % 3 == 0, "points": 3}, RULES[9] | {"name": f"Reads, edition {number}"},
        RULES[10] | {"points": 1 + number % 6}, RULES[11] | {"items": {"webinar.kind": ["live"] * (number % 2)}},
        RULES[12] | window,
        RULES[13] | {"page": {"url": "*/docs/*", "hits": 1 + number % 3, "everyNth": number % 2 == 0}},
        RULES[14] | {"active": number % 4 > 0}, SILENCES[0] | {"maxPerContact": 4 + number % 9},
        SILENCES[1] | {"points": -1 - number % 3}, SILENCES[3] | {"name": f"Two days, edition {number}"},
    )  # fmt: skip
    org = ORGS[number % 2]
    made: Authored = [(f"rule:{org}:{rule['id']}".encode(), body(rule, org)) for rule in edits]
    new = {"id": 100 + number, "name": "New", "eventType": "webinar_seen", "points": number + 1}
    return [
        *made,
        (f"rule:{org}:{100 + number}".encode(), body(new, org)),
        (f"rule:{org}:{98 + number}".encode(), None),
    ]


def body(authored: dict[str, Any], org: str) -> bytes:
    return json.dumps(authored | {"orgId": org, "createdAt": STAMP, "updatedAt": STAMP}).encode()
