"""Rules and inputs drawn at random for the comparison with the reference.

Laws: each rule and each input is drawn from its own seed and from small pools with weights: a filter meets its event, a
score its threshold and an id its duplicate only where few are drawn; and what is found shrinks by whole records.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Any, NamedTuple

from hypothesis import strategies as st

from stream_app.scoring.rulebook import ConfigRecord
from tests.contract.bad_input import BAD, REFUSED
from tests.contract.odd_input import ODD
from tests.scoring_kit import COMMANDS, CONTACTS, ENGAGEMENT, profile_record, published_record, rule_record

ROLES = {ENGAGEMENT: "engagement", CONTACTS: "contacts", COMMANDS: "commands"}
TOPICS = {role: topic for topic, role in ROLES.items()}
INT32, INT64 = 2**31 - 1, 2**63 - 1
#: The last is more than a day ahead of T0.
TIMES = [None, "2020-01-01T00:00:00Z", "2020-01-01T00:00:00.25+01:00", "2026-01-02T00:00:00Z", "2026-01-02T00:00:01Z"]
#: In order, at and beside those times and the commands' own.
BOUNDS = [
    "2019-12-31T23:00:00.250Z", "2020-01-01T01:00:00+01:00", "2020-01-01T00:00:00.0019Z", "2025-12-31T23:59:59.9Z",
    "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.001Z", "2026-01-02T00:00:00Z",
]  # fmt: skip
#: What filters ask for and events say: alike but not the same, and of every kind.
VALUES: list[Any] = [
    "a", "a", "a", "A", "", 1, 1.0, 0, True, False, None, 2**53 + 1, 2.0**53, [], ["a"], ["a", 1], ["b", "a"],
    [1.0, False], [["a"]], [["a", 1]], [[]], [["a"], "b"], {"k": "a"}, {"k": 1, "l": [True]}, {"k": {"l": "a"}},
    [{"k": "a"}], {},
]  # fmt: skip
TAGS = ["vip", "vip", "VIP", "", "t" * 128, "t" * 129, "a\nb"]
GROUPS = [None, "g", "g", "h"]
PROFILES = ["default", "fit", "fit", "buy", "all", "all2"]
OPERANDS = {"all": ["default", "fit", "buy", "none"], "all2": ["all", "default", "fit"]}
PATTERNS = [None, "*", "https://x/*", "https://x/a", "https://x/a*", "*a*", "https://*/a?*b", "https://x/**/b", "x*x"]
URLS: list[Any] = ["https://x/a", "https://x/a", "https://x/a/b", "https://x/ab", "https://y/a?c=b", "x", "xx", "", 1]
TYPES = ["email_open"] * 4 + ["email_click"] + ["tag_added"] * 2


# ---------------------------------------------------------------------------------------------- rules
def fives(r: Random) -> int:
    return 5 * r.randint(-6, 12)


def a_filter(r: Random) -> dict[str, Any] | None:
    kind = r.randrange(7)
    if kind < 3:
        return r.choice([None, None, {}])
    if kind < 5:
        return {"u": r.choice(VALUES)}
    if kind == 5:
        return {"tagName": r.choice([*TAGS, ["vip", "VIP"]])}
    return {name: r.choice(VALUES) for name in r.sample(["u", "n.k", "n.k.l"], 2)}


def a_window(r: Random) -> dict[str, Any]:
    """Bounds where events are: never up after down."""
    first, second = sorted(r.choices(range(len(BOUNDS)), k=2))
    return {"publishUp": r.choice([None, BOUNDS[first]]), "publishDown": r.choice([None, BOUNDS[second]])}


def some_items(r: Random) -> dict[str, Any]:
    return {name: r.choices(VALUES, k=r.choice([0, 1, 1, 3])) for name in r.sample(["u", "u", "tagName", "n.k"], 1)}


def a_page(r: Random) -> dict[str, Any]:
    """What a rule asks of visits: small numbers, so that they are met."""
    hits = r.choice([None, None, 1, 2, 3])
    page = {
        "url": r.choice(PATTERNS), "hits": hits, "everyNth": hits is not None and r.random() < 0.5,
        "returnsWithinSeconds": r.choice([None, None, None, 0, 60, 600]),
        "returnsAfterSeconds": r.choice([None, None, None, 0, 60]),
        "timeSpentSeconds": r.choice([None, None, 1, 60, 1830]),
    }  # fmt: skip
    if None not in (page["returnsWithinSeconds"], page["returnsAfterSeconds"]) and page["returnsWithinSeconds"] == 0:
        page["returnsAfterSeconds"] = 0
    return page


def a_page_rule(r: Random) -> dict[str, Any]:
    rule = a_rule(r) | {"eventType": r.choice(["page_visit", "page_visit", "email_click"]), "page": a_page(r)}
    plain = r.random() < 0.6
    dropped = {"attribute", *(("eventFilter", "items", "oncePer") if plain else ())}
    if rule["page"]["timeSpentSeconds"] is not None:
        dropped.add("oncePer")
    return {name: value for name, value in rule.items() if name not in dropped}


def a_rule(r: Random) -> dict[str, Any]:
    return a_fit_rule(r) if r.random() < 0.2 else an_event_rule(r)


def a_fit_rule(r: Random) -> dict[str, Any]:
    optional = {"active": r.random() < 0.9, "profileId": "fit" if r.random() < 0.1 else "default",
                "group": r.choice(GROUPS)}  # fmt: skip
    points = r.choice([0, INT32]) if r.random() < 0.04 else fives(r)
    drawn = {name: value for name, value in optional.items() if r.random() < 0.5}
    return {"attribute": a_condition(r), "points": points, **drawn}


def a_condition(r: Random, depth: int = 0) -> dict[str, Any]:
    """A tree over what attributes, tags and scores of these draws say."""
    if r.random() < 0.4 and depth < 3:
        operator = r.choice(["AND", "OR", "NOT"])
        inner = [a_condition(r, depth + 1) for _ in range(1 if operator == "NOT" else r.randint(1, 3))]
        return {"operator": operator, "conditions": inner}
    kind = r.choice(["attribute", "attribute", "tag", "score"])
    if kind == "tag":
        op = r.choice(["eq", "neq", "in", "contains", "exists"])
        return leaf(kind, op, r.choices(TAGS, k=2) if op == "in" else r.choice(TAGS))
    if kind == "score":
        op = r.choice(["eq", "neq", "gt", "gte", "lt", "lte", "in"])
        asked = r.choice([{}, {"profileId": r.choice(PROFILES)}])
        return leaf(kind, op, [fives(r), 0] if op == "in" else fives(r)) | asked
    op = r.choice(["eq", "eq", "neq", "gt", "gte", "lt", "lte", "in", "contains", "exists"])
    ordered = [value for value in VALUES if type(value) in (int, float, str)]
    value = r.choices(VALUES, k=3) if op == "in" else r.choice(ordered if op[:1] in "gl" else VALUES)
    value = "a" if type(value) is list and op != "in" else value
    if r.random() < 0.1:
        return leaf(kind, r.choice(["gte", "lt"]), fives(r)) | {"field": "lead_score"}
    return leaf(kind, op, value) | {"field": r.choice(["a", "a", "b", "a.k", "c"])}


def leaf(kind: str, op: str, value: Any) -> dict[str, Any]:
    return {"type": kind, "op": op} | ({} if op == "exists" else {"value": value})


def an_event_rule(r: Random) -> dict[str, Any]:
    optional = {
        "maxPerContact": r.choice([None, 1, 2, 3]), "repeatable": r.random() < 0.8, "active": r.random() < 0.9,
        "siteId": r.choice([None, None, "s1", "s2"]), "profileId": "fit" if r.random() < 0.1 else "default",
        "group": r.choice(GROUPS),
        "oncePer": r.choice([None, "u", "u", "u", "tagName", "n", "n.k"]),
        "items": some_items(r) if r.random() < 0.4 else r.choice([None, {}]),
    }  # fmt: skip
    return {
        "eventType": r.choice([*TYPES, "manual"]), "eventFilter": a_filter(r),
        **(a_window(r) if r.random() < 0.25 else {}),
        "points": r.choice([0, INT32, -(2**31)]) if r.random() < 0.04 else fives(r),
        **{name: value for name, value in optional.items() if r.random() < 0.5},
    }  # fmt: skip


def a_profile(r: Random) -> dict[str, Any]:
    values = {fives(r) for _ in range(r.randint(1, 4))}
    limits = [v if r.random() < 0.3 else {"value": v, "hysteresis": 5 * r.randint(0, 4)} for v in sorted(values)]
    return {"org": an_org(r), "thresholds": limits, "limits": some_limits(r)}


def some_limits(r: Random) -> dict[str, Any]:
    """Floor, ceiling and groups, often none."""
    low, high = sorted([fives(r), fives(r)])
    least, most = sorted([fives(r), fives(r)])
    group = {"name": "g", "min": r.choice([None, least]), "max": r.choice([None, most])}
    optional = {"floor": low, "ceiling": high, "groups": r.choice([[group], [{**group, "name": "h"}, {"name": "g"}]])}
    return {name: value for name, value in optional.items() if r.random() < 0.3}


def a_publish(r: Random) -> dict[str, Any]:
    """A publish of a profile of its own rules or of a formula, its unpublish or its end."""
    name, org = r.choice(PROFILES[1:]), an_org(r)
    if r.random() < 0.2:
        return {"org": org, "end": name, "deleted": r.random() < 0.5}
    body: dict[str, Any] = {**some_limits(r), "thresholds": a_profile(r)["thresholds"]}
    rules: list[dict[str, Any]] = []
    if name.startswith("all"):
        body |= {"groups": [], "formula": {"average": r.sample(OPERANDS[name], r.randint(1, 3))}}
    else:
        rules = [{"id": number, **a_rule(r)} for number in sorted(r.sample(range(1, 10), r.randint(0, 4)))]
    return {"org": org, "publish": name, "rules": rules, "body": body}


def an_org(r: Random) -> str:
    return "2" if r.random() < 0.1 else "1"


def seeded(make: Callable[[Random], Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 2**40).map(lambda seed: make(Random(seed)))  # noqa: S311 - a repeatable load


bodies = seeded(
    lambda r: {"org": an_org(r), "id": r.randint(1, 6), "rule": (a_rule if r.random() < 0.6 else a_page_rule)(r)}
)
profiles = seeded(a_profile)
publishes = seeded(a_publish)
configs = st.tuples(profiles, st.lists(bodies, min_size=3, max_size=8), st.lists(publishes, max_size=3)).map(
    lambda made: [made[0], *made[1], *made[2]]
)
edits = st.lists(st.one_of(bodies, profiles, publishes, st.just("delete")), max_size=3)


def config_records(drafts: Iterable[Any], start: int, live_keys: set[bytes]) -> Iterator[ConfigRecord]:
    """Config records from an offset on; "delete" takes the first rule that there is, if any."""
    for draft in drafts:
        if draft == "delete":
            if not live_keys:
                continue
            key = min(live_keys)
            live_keys.discard(key)
            yield ConfigRecord(key, None, start)
        elif "rule" in draft:
            record = rule_record(start, orgId=draft["org"], id=draft["id"], **draft["rule"])
            live_keys.add(record.key)
            yield record
        elif "publish" in draft:
            said = draft["body"]
            yield published_record(
                start, draft["publish"], *draft["rules"], org=draft["org"], version=start + 1, **said
            )
        elif "end" in draft:
            ended = published_record(start, draft["end"], org=draft["org"])
            unpublished = {**json.loads(ended.value or b""), "status": "draft", "published": None}
            yield ended._replace(value=None if draft["deleted"] else json.dumps(unpublished).encode())
        else:
            yield profile_record(start, *draft["thresholds"], org=draft["org"], **draft["limits"])
        start += 1


# ---------------------------------------------------------------------------------------------- inputs
class Given(NamedTuple):
    """One record of the stream."""

    topic: str
    key: bytes | None
    value: bytes | None


def a_visit(r: Random) -> dict[str, Any]:
    """An event within an hour, mostly of a visit; seconds and half hours apart from others."""
    at = 60 * r.choice([0, 0, 1, 5, 29, 30, 31, 59]) + r.choice([0, 0, 1, 2])
    said = {
        "url": r.choice(URLS), "u": r.choice(VALUES), "clickId": r.choice([None, "", 1, "1", "2", 3, 4, 5, True]),
        "dwellSeconds": r.choice([None, 0, 1, 59.5, 60, 0.0625, 1e300, -1, "5", True]),
    }  # fmt: skip
    told = {"url": 0.9, "u": 0.3, "clickId": 0.3, "dwellSeconds": 0.2}
    return an_event(r) | {
        "type": r.choice(["page_visit"] * 4 + ["email_click"] * 2 + ["email_open"]),
        "properties": {name: value for name, value in said.items() if r.random() < told[name]},
        "occurredAt": f"2026-01-01T00:{at // 60:02}:{at % 60:02}Z",
    }


def an_event(r: Random) -> dict[str, Any]:
    said = {"u": r.choice(VALUES)} if r.random() < 0.6 else {"tagName": r.choice([*TAGS, *VALUES])}
    if r.random() < 0.3:
        said |= {"n": {"k": r.choice(VALUES)}} | ({"n.k": r.choice(VALUES)} if r.random() < 0.3 else {})
    return {
        "type": r.choice(TYPES), "properties": said, "eventId": r.choice([None, r.randint(1, 8), r.randint(1, 60)]),
        "siteId": r.choice(["s1", "s2", None]), "occurredAt": r.choice(TIMES[:4] if r.random() < 0.95 else TIMES),
    }  # fmt: skip


def a_command(r: Random) -> dict[str, Any]:
    amount = r.choice([INT64, INT64, -INT64, -INT64 - 1, INT64 + 1]) if r.random() < 0.06 else fives(r)
    return {
        "kind": r.choice([*["adjust", "set", "tag", "untag"] * 3, "reset", "enrol", "merge"]),
        "commandId": r.randint(1, 60), "points": amount, "score": amount, "tag": r.choice(TAGS), "programId": "p",
        "reason": r.choice([None, "", "because"]), "fireTriggers": r.choice([None, True, True, False]),
        "profileId": r.choice([None, None, "default", *PROFILES]),
        "by": "" if r.random() < 0.05 else r.choice([None, "jane"]), "at": r.choice([None, "2025-12-31T23:59:59.9Z"]),
    }  # fmt: skip


def some_attributes(r: Random) -> dict[str, Any]:
    said = {r.choice("aab"): r.choice([*VALUES, 2**70])}
    return {"attributes": said, "email": r.choice([None, "", "a@example.com"])}


CORPUS = [r for r in [*BAD, *REFUSED, *ODD] if len(r.value or b"") < 2000 and not r.misplaced]


def an_input(r: Random) -> Given:
    ids = {"orgId": an_org(r), "contactId": "43" if r.random() < 0.15 else "42"}
    key = f"{ids['orgId']}:{ids['contactId']}".encode()
    chance = r.random()
    if chance < 0.07:
        odd = r.choice(CORPUS)
        return Given(TOPICS[odd.role], odd.key, odd.value)
    if chance < 0.1:
        return Given(CONTACTS, key, None)
    drawn = (CONTACTS, some_attributes) if chance < 0.2 else (COMMANDS, a_command) if chance < 0.45 else None
    topic, make = drawn or (ENGAGEMENT, a_visit if r.random() < 0.5 else an_event)
    return Given(topic, key, json.dumps(ids | make(r)).encode())


streams = st.lists(seeded(an_input), min_size=20, max_size=80)
