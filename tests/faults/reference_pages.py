"""Visits of pages for the reference, written from semantics S25-S29, D5, D6, D25 and decision 0013.

Laws: slow and obvious; a contact's visits are kept whole, a list for each rule, and everything is computed from them.
A memory is ``{"visits": {rule id: [visit]}, "open": None or {"at", "rules"}, "clicks": [mark]}``.
"""

import hashlib
import re
from typing import Any

from tests.faults.reference_rules import filter_holds, in_window, selected

MAX_CLICKS = 256
KNOWN_TIMES = 8
LONGEST_DWELL_MS = 30 * 60 * 1000

Memory = dict[str, Any]
Rule = dict[str, Any]
Fact = dict[str, Any]


def new_memory() -> Memory:
    return {"visits": {}, "open": None, "clicks": []}


def url_matches(pattern: str, url: str) -> bool:
    """S25: a star is any run of characters, the rest is literal."""
    return re.fullmatch("[\\s\\S]*".join(re.escape(piece) for piece in pattern.split("*")), url) is not None


def sees(rule: Rule, kind: str) -> bool:
    """D6: a rule for visits that names an address also sees clicks."""
    return kind == rule["eventType"] or (
        kind == "email_click" and rule["eventType"] == "page_visit" and rule["page"].get("url") is not None
    )


def is_visit(rule: Rule, fact: Fact) -> bool:
    pattern, url = rule["page"].get("url"), fact["properties"].get("url")
    return (
        sees(rule, fact["type"])
        and in_window(rule, fact["at"])
        and rule.get("siteId") in (None, fact["siteId"])
        and filter_holds(rule.get("eventFilter"), fact["properties"])
        and selected(rule.get("items"), fact["properties"])
        and (pattern is None or (isinstance(url, str) and url_matches(pattern, url)))
    )


def click_of(fact: Fact) -> str | None:
    """What is remembered of a click id: the first 8 bytes of BLAKE2b of its text."""
    click = fact["properties"].get("clickId")
    if isinstance(click, int) and not isinstance(click, bool):
        click = str(click)
    if not isinstance(click, str) or click == "":
        return None
    return hashlib.blake2b(click.encode()).digest()[:8].hex()


def look(memory: Memory, rules: dict[int, Rule], fact: Fact, newest: int) -> dict[int, str]:
    """Take an event in; return the rules whose page conditions hold by it, by how: ``visit`` or ``dwell``.

    ``rules`` are the live page rules of the org; ``newest`` is the newest event time of the contact before this event.
    """
    seen_by_some = any(sees(rule, fact["type"]) for rule in rules.values())
    click = click_of(fact) if seen_by_some else None
    if click is not None and click in memory["clicks"][-MAX_CLICKS:]:
        return {}
    late = fact["at"] < newest
    held: dict[int, str] = {}
    if not late and memory["open"] is not None:
        held |= close(memory, rules, fact["at"])
    visited = {rule_id: rule for rule_id, rule in rules.items() if is_visit(rule, fact)}
    for rule_id, rule in visited.items():
        how = visit(memory, rule_id, rule, fact, late)
        if how is not None:
            held[rule_id] = how
    if visited and click is not None:
        memory["clicks"].append(click)
    return held


def close(memory: Memory, rules: dict[int, Rule], at: int) -> dict[int, str]:
    """The next event ends the open visit of each rule that is still in force."""
    ended, memory["open"] = memory["open"], None
    held: dict[int, str] = {}
    for rule_id, met in ended["rules"].items():
        rule = rules.get(rule_id)
        if rule is None or rule["page"].get("timeSpentSeconds") is None or not in_window(rule, at):
            continue
        if dwelt(memory, rule_id, rule, min(at - ended["at"], LONGEST_DWELL_MS)) and met:
            held[rule_id] = "dwell"
    return held


def dwelt(memory: Memory, rule_id: int, rule: Rule, dwell: int) -> bool:
    """S28: add a dwell; whether the sum has reached what the rule asks."""
    visits = memory["visits"].setdefault(rule_id, [])
    visits.append({"dwell": dwell})
    return sum(one.get("dwell", 0) for one in visits) >= rule["page"]["timeSpentSeconds"] * 1000


def visit(memory: Memory, rule_id: int, rule: Rule, fact: Fact, late: bool) -> str | None:
    page, at = rule["page"], fact["at"]
    visits = memory["visits"].get(rule_id, [])
    met, this = True, {}
    if page.get("hits") is not None:
        number = 1 + sum("hit" in one for one in visits)
        met = number % page["hits"] == 0 if page.get("everyNth") else number >= page["hits"]
        this["hit"] = True
    within, after = page.get("returnsWithinSeconds"), page.get("returnsAfterSeconds")
    if within is not None or after is not None:
        known = sorted(one["at"] for one in visits if "at" in one)[-KNOWN_TIMES:]
        gaps = [at - earlier for earlier in known if earlier <= at]
        met = met and gaps != [] and (after or 0) * 1000 <= min(gaps) and (within is None or min(gaps) <= within * 1000)
        this["at"] = at
    if this:
        memory["visits"].setdefault(rule_id, []).append(this)
    if page.get("timeSpentSeconds") is None:
        return "visit" if met else None
    if late:
        return None
    said = fact["properties"].get("dwellSeconds")
    if isinstance(said, bool) or not isinstance(said, int | float) or said < 0:
        memory["open"] = memory["open"] or {"at": at, "rules": {}}
        memory["open"]["rules"][rule_id] = met
        return None
    dwell = LONGEST_DWELL_MS if said * 1000 >= LONGEST_DWELL_MS else round(said * 1000)
    return "dwell" if dwelt(memory, rule_id, rule, dwell) and met else None


def shown(memory: Memory) -> dict[str, Any]:
    """The memory as far as it counts, in numbers."""
    visits = {
        rule_id: {
            "hits": sum("hit" in one for one in all_of),
            "times": sorted(one["at"] for one in all_of if "at" in one)[-KNOWN_TIMES:],
            "spent": sum(one.get("dwell", 0) for one in all_of),
        }
        for rule_id, all_of in memory["visits"].items()
    }
    return {"rules": visits, "open": memory["open"], "clicks": memory["clicks"][-MAX_CLICKS:]}


def remembered(visits: dict[str, Any]) -> Memory:
    """A memory that shows these numbers."""
    of_rules: dict[int, list[dict[str, Any]]] = {}
    for rule_id, numbers in visits["rules"].items():
        seen = [{"hit": True}] * numbers["hits"] + [{"at": at} for at in numbers["times"]]
        of_rules[rule_id] = [*seen, {"dwell": numbers["spent"]}] if numbers["spent"] else seen
    opened = visits["open"]
    return {
        "visits": of_rules, "open": opened and {"at": opened["at"], "rules": dict(opened["rules"])},
        "clicks": list(visits["clicks"]),
    }  # fmt: skip
