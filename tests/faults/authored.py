"""The rules and profiles of a fault run, and how they are edited while it runs.

Laws: the n-th edit is the same in every run but for its time; every condition that a rule can have occurs, and is
edited.  The last org has neither silences nor other profiles: its scores are plain totals.
"""

import json
from typing import Any

from tests.faults.authored_decay import FADING_RULES, decay_of_default
from tests.faults.authored_profiles import OWN, profile_record, rules_of, stamped

Authored = list[tuple[bytes, bytes | None]]
ORGS = ("1", "acme", "plain")
PLAIN = ORGS[-1]
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
    {
        "id": 24,
        "name": "Silent in its window",
        "points": 2,
        "inactivity": {"days": 1, "repeat": True},
        "publishUp": "2026-01-01T00:00:00Z",
        "maxPerContact": 3,
    },
)
THRESHOLDS = [25, {"value": 50, "hysteresis": 10}, 100, -20]


def config_records(everything: bool = True, fading: bool = True) -> Authored:
    """Key and value of every authored object, as ``config`` keeps it; else of orgs as the last one only.

    Without ``fading`` no score decays.
    """
    made: Authored = []
    for org in ORGS:
        plain = org == PLAIN or not everything
        made.append(default_profile(0, org, plain))
        made += [kept("rule", org, rule, STAMP) for rule in (RULES if plain else RULES + SILENCES)]
        made += () if plain else profiles_at(0, org, STAMP, fading)
    return made


def edited_records(number: int, at: str = STAMP) -> Authored:
    """The n-th edit of all: of one org its rules, silences, limits and publishes."""
    org, of_org = ORGS[number % len(ORGS)], number // len(ORGS) + 1
    made: Authored = [kept("rule", org, rule, at) for rule in rule_edits(number)]
    new = {"id": 100 + number, "name": "New", "eventType": "webinar_seen", "points": number + 1}
    made += [kept("rule", org, new, at), (f"rule:{org}:{100 + number - len(ORGS)}".encode(), None)]
    if org == PLAIN:
        return made
    made += [kept("rule", org, rule, at) for rule in silence_edits(of_org)]
    made += [default_profile(of_org, org, False, at)] if of_org % 3 == 2 else []
    return made + profiles_at(of_org, org, at) + drafted(of_org, org, at)


def rule_edits(number: int) -> tuple[dict[str, Any], ...]:
    """Points, caps, names, items and windows of rules; one switched on or off."""
    window = {"publishDown": "2100-01-01T00:00:00Z" if number % 2 else "2000-01-01T00:00:00Z", "points": -number % 7}
    return (
        RULES[0] | {"points": number % 5 + 1}, RULES[1] | {"maxPerContact": 2 + number * 7 % 60},
        RULES[7] | {"points": number % 4 - 1, "maxPerContact": None if number % 3 else 7},
        RULES[8] | {"active": number % 3 == 0, "points": 3}, RULES[9] | {"name": f"Reads, edition {number}"},
        RULES[10] | {"points": 1 + number % 6}, RULES[11] | {"items": {"webinar.kind": ["live"] * (number % 2)}},
        RULES[12] | window,
        RULES[13] | {"page": {"url": "*/docs/*", "hits": 1 + number % 3, "everyNth": number % 2 == 0}},
        RULES[14] | {"active": number % 4 > 0},
    )  # fmt: skip


def silence_edits(number: int) -> tuple[dict[str, Any], ...]:
    """Of silences caps, points, names, windows, which leave since when they count; days and switches, which do not."""
    return (
        SILENCES[0] | {"maxPerContact": 4 + number % 9},
        SILENCES[1] | {"points": -1 - number % 3},
        SILENCES[2] | {"inactivity": {"days": 1 + number % 2, "repeat": number % 4 == 3}},
        SILENCES[3] | {"name": f"Two days, edition {number}", "active": number % 3 != 1},
        SILENCES[4] | {"publishDown": ("2100-01-01T00:00:00Z", "2026-01-02T00:00:00Z")[number % 2]},
    )


def profiles_at(number: int, org: str, at: str, fading: bool = True) -> Authored:
    """The drafts of all profiles but ``default``, and what is published of them."""
    made: Authored = []
    for profile in (name for name in OWN if fading or name not in FADING_RULES):
        made += [kept("rule", org, rule, at) for rule in rules_of(profile, number) if profile != "idea"]
        made.append(kept("profile", org, profile_record(profile, number, org, at), at))
    return made


def drafted(number: int, org: str, at: str) -> Authored:
    """What is drafted after the publishes of an edit and moves no score: a rule moved, a rule deleted, or nothing."""
    moved, deleted = rules_of("engagement", number)[1] | {"profileId": "idea"}, rules_of("suitability", number)[1]
    drafts: tuple[Authored, ...] = (
        [kept("rule", org, moved, at)],
        [(f"rule:{org}:{deleted['id']}".encode(), None)],
        [],
    )
    return drafts[number % 3]


def default_profile(number: int, org: str, plain: bool, at: str = STAMP) -> tuple[bytes, bytes]:
    body = {"id": "default", "name": "Lead score", "thresholds": THRESHOLDS}
    limits = {"floor": -40 - number % 5, "ceiling": 300 + number % 4 * 100} | decay_of_default(number, org)
    return kept("profile", org, body | ({} if plain else limits), at)


def kept(kind: str, org: str, authored: dict[str, Any], at: str) -> tuple[bytes, bytes]:
    key = f"{kind}:{org}:{authored['id']}".encode()
    return key, json.dumps(stamped(authored, org, at)).encode()
