"""Rules made, changed and deleted through any worker of a fleet while others read them.

Laws: the worker that answered shows the change in its next answer, the others as soon as they have read it; what each
change led to is in the books, where the log of ``config`` is compared with it in the end.
"""

import time
from typing import Final

from tests.faults.fleet_acts import Actor
from tests.faults.fleet_books import ORGS, Rule
from tests.faults.fleet_client import Told

RULES: Final = "/scoring/rules"
RULE: Final = "/scoring/rules/{id}"
DELETED_SHARE: Final = 0.8


def edit_rules(actor: Actor) -> None:
    """Make a rule, change it, mostly delete it."""
    rule = actor.books.rule(actor.random.choice(ORGS), actor.random.randint(1, 50))
    fields = {"name": rule.name, "eventType": "fleet_silent", "points": rule.points}
    key, once = actor.keys[rule.org, "admin"], f"rule-{actor.random.getrandbits(60)}"
    told = actor.client.ask("POST", RULES, key, fields, once=once)
    if told is None or told.status not in (201, 202):
        rule.state = "unknown"
        actor.same("rule made", rule.name, None if told is None else (told.status, told.body), 201)
        return
    rule.state, rule.id = "acknowledged", told.data["id"]
    shows(actor, rule, told)
    rule.points = actor.random.randint(51, 90)
    change(actor, rule, "PUT", {"points": rule.points})
    if actor.random.random() < DELETED_SHARE:
        rule.points = None
        change(actor, rule, "DELETE")


def change(actor: Actor, rule: Rule, method: str, body: object = None) -> None:
    """Change a rule and see that it is changed."""
    told = actor.client.ask(method, RULE, actor.keys[rule.org, "admin"], body, id=str(rule.id))
    gone_before = method == "DELETE" and told is not None and told.maybe_acted and told.status == 404
    if told is None or not (told.status in (200, 202, 204) or gone_before):
        actor.same(method, rule.name, None if told is None else (told.status, told.body), "done")
    else:
        shows(actor, rule, told)


def shows(actor: Actor, rule: Rule, told: Told) -> None:
    """See a change at the worker that answered it, then at another one."""

    def said_at(worker: int) -> int | None:
        """Return what a worker says are the rule's points, None when it has none; -1 when another one answered."""
        said = actor.read(RULE, rule.org, id=str(rule.id), at=worker)
        if said.worker != worker:
            return -1
        return said.data["points"] if said.status == 200 else None

    if told.status != 202 and (said := said_at(told.worker)) != -1:
        actor.same("rule in force", f"{rule.org} {rule.id} at {told.worker}", said, rule.points)
    begun, other = time.monotonic(), actor.client.other(told.worker)
    actor.until(lambda: said_at(other) == rule.points, f"rule {rule.id} of {rule.org} at worker {other}")
    actor.books.took("a rule to be read by another worker", time.monotonic() - begun)
