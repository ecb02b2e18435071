"""What the logs of a fleet must show of what its clients were told: every acknowledged write once, no other twice.

Laws: read_committed logs only; an acknowledged order or event is in the ledger exactly once, one with an unknown fate
at most once; log ids of a contact have no gap and no repeat; rule ids are never given twice.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from tests.faults.fleet_books import ORGS, Books, Rule, State
from tests.faults.logs import Logs
from tests.faults.verdict import Verdict


def prove(books: Books, logs: Logs, verdict: Verdict) -> None:
    """Compare the books with the logs."""
    acts: Counter[str] = Counter()
    events: Counter[str] = Counter()
    newest: dict[tuple[str, str], tuple[int, int]] = {}
    for key, bodies in ledger(logs):
        log_id = 0
        for body in bodies:
            if body is None:
                log_id = 0
                newest.pop(key, None)
                continue
            newest[key] = body["score"], body["version"]
            for award in body["awards"]:
                log_id += 1
                if award["logId"] != log_id:
                    verdict.add("double", "log id", key, f"{award['logId']} instead of {log_id}")
                if award["reason"].startswith("order "):
                    acts[f"{award['reason']} {key} {award['points']}"] += 1
            if body["cause"]["kind"] == "event":
                events[f"{body['cause']['eventId']} {':'.join(key)}"] += 1
    for order in books.orders:
        name = f"{order.reason} {(order.org, order.contact)} {order.points}"
        once("order", name, order.state, acts.pop(name, 0), verdict)
    for name, times in acts.items():
        verdict.add("wrong", "order", name, f"nobody gave it, {times} times")
    for event_id, (contact, state) in books.events.items():
        once("event", f"{event_id} {contact}", state, events[f"{event_id} {contact}"], verdict)
    for key, said in books.finals.items():
        if said != newest.get(key, (0, 0)):
            verdict.add("wrong", "answer", key, f"score and version {said}, in the log {newest.get(key)}")
    prove_rules(books, logs, verdict)
    verdict.totals["orders"], verdict.totals["posted events"] = len(books.orders), len(books.events)
    verdict.totals["rules made"] = len(books.rules)


def once(what: str, name: str, state: State, times: int, verdict: Verdict) -> None:
    """Judge how often something acted."""
    if times > 1:
        verdict.add("double", what, name, f"{times} times")
    elif times == 0 and state == "acknowledged":
        verdict.add("lost", what, name, "acknowledged, and in no output")


def ledger(logs: Logs) -> Iterator[tuple[tuple[str, str], list[dict[str, Any] | None]]]:
    """Yield every contact's ScoreChanged in order, None where it was erased."""
    found: dict[tuple[str, str], list[dict[str, Any] | None]] = defaultdict(list)
    for partition in range(logs.partitions):
        for entry in logs.of(logs.topic("score-changed"), partition):
            org, _, contact = (entry.key or b"").decode().partition(":")
            found[org, contact].append(None if entry.value is None else json.loads(entry.value))
    yield from found.items()


def prove_rules(books: Books, logs: Logs, verdict: Verdict) -> None:
    """Compare every rule that the fleet made with what ``config`` says of its name and its id."""
    made: dict[str, set[int]] = defaultdict(set)
    newest: dict[tuple[str, int], Any] = {}
    highest = dict.fromkeys(ORGS, 0)
    for entry in logs.of(logs.topic("config"), 0):
        kind, org, text = (entry.key or b"").decode().split(":")
        if kind != "rule" or org not in ORGS:
            continue
        rule_id, body = int(text), None if entry.value is None else json.loads(entry.value)
        if (org, rule_id) not in newest and rule_id <= highest[org]:
            verdict.add("wrong", "rule", f"{org} {rule_id}", f"a new id after {highest[org]}")
        highest[org] = max(highest[org], rule_id)
        newest[org, rule_id] = body
        if body is not None:
            made[f"{org} {body['name']}"].add(rule_id)
    for rule in books.rules:
        judge_rule(rule, made[f"{rule.org} {rule.name}"], newest, verdict)


def judge_rule(rule: Rule, ids: set[int], newest: dict[tuple[str, int], Any], verdict: Verdict) -> None:
    """Judge one rule by the ids that bore its name, and by what is the last that was said of it."""
    once("rule", rule.name, rule.state, len(ids), verdict)
    if rule.id is not None and ids != {rule.id}:
        verdict.add("wrong", "rule", rule.name, f"ids {sorted(ids)}, told {rule.id}")
    elif rule.id is not None:
        body = newest[rule.org, rule.id]
        if (None if body is None else body["points"]) != rule.points:
            verdict.add("lost", "rule", rule.name, f"ends as {body}, points should be {rule.points}")
