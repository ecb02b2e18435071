"""Bodies written in two ways that mean the same, for the engine and for the reference (D15, decision 0015)."""

from typing import Any

Body = dict[str, Any]
GERMAN: Body = {"type": "attribute", "field": "country", "op": "eq", "value": "DE"}

BODIES: list[tuple[Body, Body]] = [
    ({"thresholds": [50, 80]}, {"thresholds": [{"value": 80, "hysteresis": 0}, {"value": 50}]}),
    (
        {"groups": [{"name": "a", "max": 5}, {"name": "b", "min": 1}]},
        {"groups": [{"name": "b", "min": 1, "max": None}, {"name": "c"}, {"name": "a", "min": None, "max": 5}]},
    ),
    ({}, {"floor": None, "ceiling": None, "groups": [], "thresholds": [], "formula": None, "description": "Other"}),
    ({}, {"decay": {"halfLifeDays": 7, "percent": None, "periodDays": None}}),
]  # each beside a decay of {"halfLifeDays": 7}
RULES: list[tuple[Body, Body]] = [
    ({"attribute": GERMAN}, {"attribute": GERMAN | {"operator": None, "profileId": None}, "group": None}),
    (
        {"inactivity": {"days": 3}, "publishUp": "2026-01-01T00:00:00Z"},
        {"inactivity": {"days": 3, "repeat": False}, "publishUp": "2026-01-01T01:00:00+01:00", "eventType": None},
    ),
]
