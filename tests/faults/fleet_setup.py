"""What a fleet needs before clients act: API keys of both orgs, known to every worker, rules and a profile."""

from typing import Any, Final

from tests.faults.fleet_books import ORGS, PAID_NAME, PAID_POINTS, PAID_TYPE
from tests.faults.fleet_client import Client, Told
from tests.faults.fleet_rules import RULES
from tests.faults.harness import ROOT_KEY, until

SCOPES: Final = ("read", "write", "admin")
KEY_SECONDS: Final = 30.0
SCORED: Final[tuple[dict[str, Any], ...]] = (
    {"name": PAID_NAME, "eventType": PAID_TYPE, "points": PAID_POINTS},
    {"name": "Delivered", "eventType": "email_delivered", "points": 1, "maxPerContact": 50},
    {"name": "Opened", "eventType": "email_open", "points": 5, "maxPerContact": 10, "siteId": "1"},
    {"name": "Clicked", "eventType": "email_click", "points": 10},
    {"name": "Once a mail", "eventType": "email_open", "points": 2, "oncePer": "mailId"},
    {"name": "Demo", "eventType": "tag_added", "points": 30, "eventFilter": {"tagName": "demo-requested"}},
)


def prepare(client: Client, keys: dict[tuple[str, str], str]) -> None:
    """Make keys of both orgs, through workers at random, and with them, once every worker knows them, rules."""
    for org in ORGS:
        for scope in SCOPES:
            told = client.ask("POST", "/keys", ROOT_KEY, {"orgId": org, "scope": scope})
            keys[org, scope] = made(told)["key"]
    for key in keys.values():
        for worker in range(len(client.ports)):
            until(
                lambda w=worker, k=key: client.send(w, "GET", "/v1/accounting", k, None, None).status == 200,
                KEY_SECONDS,
                "a key is known to every worker",
            )
    for org in ORGS:
        key = keys[org, "admin"]
        for number, rule in enumerate(SCORED):
            made(client.ask("POST", RULES, key, rule, once=f"rule-{number}"))
        profile = {"name": "Lead score", "thresholds": [50, 100, 200]}
        made(client.ask("PUT", "/scoring/profiles/{id}", key, profile, id="default"))


def made(told: Told | None) -> Any:
    """Return the data of an answer without which there is no campaign."""
    if told is None or not 200 <= told.status < 300:
        raise RuntimeError(f"the campaign cannot be prepared: {told}")
    return told.data
