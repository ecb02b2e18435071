"""``GET /scoring/fires``: how often each rule of the org has fired, over all contacts.

Laws: every rule that this worker knows and the key may see is listed, in order of ids, one that never fired with zero;
deleted rules are not (S18).  Each partition is counted by its owner; a missing one is a 503.
Reads FireTotals through `ask_all`.
"""

from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import web

from schemas.authored import Rule
from schemas.ids import rest_id
from schemas.rest_rules import RuleFireCount
from schemas.times import format_time
from stream_app.reading.fires import Fires, FireTotals, RuleFires, merged
from stream_app.web.answers import data
from stream_app.web.authentication import PRINCIPAL, org_of
from stream_app.web.fan_out import ask_all
from stream_app.web.route import Route


class FireCounts:
    """What the route reads: counts of this worker's partitions, and the rules of an org as this worker knows them.

    Both by what contacts remember the rules under (`OrgRules.memories`).
    """

    def __init__(self, totals: FireTotals, rules: Callable[[str], Mapping[int, Rule]]) -> None:
        self.of = totals.of
        self.rules = rules


FIRES: Final = web.AppKey("fires", FireCounts)


async def get_fires(request: web.Request) -> web.Response:
    """Answer the org's rules with their fire counts."""
    counts, org_id, sites = request.app[FIRES], org_of(request), request[PRINCIPAL].sites

    def seen() -> Mapping[int, Rule]:
        rules = counts.rules(org_id)
        return rules if sites is None else {n: rule for n, rule in rules.items() if rule.site_id in sites}

    async def share(partition: int) -> Fires | None:
        found = await counts.of(partition, org_id)
        if found is None or sites is None:
            return found
        return Fires(found.as_of, {number: found.rules[number] for number in seen() if number in found.rules})

    def merge(parts: Mapping[int, Fires]) -> web.Response:
        total, rules = merged(parts), seen()
        numbers = sorted(rules, key=lambda number: rules[number].id)
        rows = [_row(rules[number], total.rules.get(number, RuleFires())) for number in numbers]
        return data(rows, meta={"total": len(rows), "asOf": format_time(total.as_of)})

    return await ask_all(request, Fires, share, merge)


def _row(rule: Rule, fires: RuleFires) -> dict[str, object]:
    return {
        "ruleId": rule.id,
        "ruleName": rule.name,
        "siteId": None if rule.site_id is None else rest_id(rule.site_id),
        "fires": fires.fires,
        "contacts": fires.contacts,
    }


ROUTES: Final = (
    Route(
        method="GET", path="/scoring/fires", handler=get_fires, scope="read", answer=RuleFireCount, many=True,
        statuses=(200, 503), summary="How often each rule has fired over all contacts, with the moment of counting",
    ),
)  # fmt: skip
