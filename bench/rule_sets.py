"""What rules cost the handler: 7 of one org against 100 of each of 20, half of them page rules; CPU time, no Kafka.

Run: ``python -m bench.rule_sets [EVENTS] [CONTACTS]``.  Batches of all loads take turns, so that a noisy machine meets
all alike: the ratio of two medians of one run is what counts.  The events are the same but for their org; one in five
is a visit.
"""

import gc
import random
import statistics
import sys
import time
from typing import Any

from bench.handler_speed import BATCH, MIX
from stream_app.delivery.handler import Batch
from stream_app.scoring.rulebook import EMPTY_RULEBOOK, Rulebook, fold
from tests.scoring_kit import DEAD, ENGAGEMENT, SET_R, T0, Engine, FakeRecord, profile_record, rule_record

SITE = "https://example.com"
VISITS = 20  # percent
PAGES = 200  # addresses that are visited


def page_rules(count: int) -> list[dict[str, Any]]:
    """Return rules as orgs write them: sections of a site, single pages, endings; a fifth each count, return, dwell."""
    urls = [f"{SITE}/s{n % 20}/p{n}*" if n % 5 else f"{SITE}/s{n % 20}/*" for n in range(count)]
    asks = [{}, {}, {"hits": 3}, {"returnsWithinSeconds": 3600}, {"timeSpentSeconds": 600}]
    return [
        {"eventType": "page_visit", "points": 1, "maxPerContact": 50, "page": {"url": url, **asks[n % 5]}}
        for n, url in enumerate(urls)
    ]


def filtered_rules(count: int) -> list[dict[str, Any]]:
    """Return rules for other events, each for a mail, a link or a form of its own."""
    kinds = (("email_open", "mailId"), ("email_click", "url"), ("custom_event", "name"))
    return [
        {"eventType": kind, "points": 1, "eventFilter": {name: f"{name}-{n}"}}
        for n, (kind, name) in enumerate(kinds[n % 3] for n in range(count))
    ]


def book(orgs: int, others: list[dict[str, Any]]) -> Rulebook:
    """Return a rulebook in which each org has the usual seven rules and these others."""
    records: list[Any] = []
    for org in range(orgs):
        for number, rule in enumerate([*SET_R, *others], 1):
            records.append(rule_record(len(records), **{**rule, "id": number, "orgId": str(org)}))
        records.append(profile_record(len(records), 50, 100, org=str(org)))
    return fold(EMPTY_RULEBOOK, records).rulebook


def made(start: int, contacts: int, orgs: int, dice: random.Random) -> list[FakeRecord]:
    """Return one batch."""
    records: list[FakeRecord] = []
    weights = [weight for weight, _, _ in MIX]
    for number in range(start, start + BATCH):
        contact = dice.randrange(contacts)
        _, kind, properties = dice.choices(MIX, weights)[0]
        if dice.randrange(100) < VISITS:
            page = dice.randrange(PAGES)
            kind, properties = "page_visit", f'{{"url":"{SITE}/s{page % 20}/p{page}?from=mail"}}'
        org = contact % orgs
        value = (
            f'{{"eventId":"e1-{number}","orgId":"{org}","siteId":"1","contactId":"{contact}","type":"{kind}",'
            f'"occurredAt":"2026-01-01T00:{number // 60 % 60:02d}:{number % 60:02d}Z","properties":{properties}}}'
        )
        records.append(FakeRecord(number, value.encode(), f"{org}:{contact}".encode(), T0 + 3_600_000))
    return records


def one_batch(engine: Engine, start: int, batch: list[FakeRecord]) -> float:
    """Run a batch and return its CPU microseconds per event."""
    began = time.process_time()
    work = engine.handler.begin(Batch(0, start, "records", 0, engine.handler.version()), engine.state)
    for at in range(0, BATCH, 500):
        work.apply(ENGAGEMENT, batch[at : at + 500])
    effects = work.finish()
    cost = (time.process_time() - began) / BATCH * 1e6
    engine.state.merge(effects)
    if DEAD in effects.outputs:
        raise RuntimeError("the load holds a record that is refused")
    return cost


def main(events: int = 200_000, contacts: int = 20_000) -> None:
    """Measure and print."""
    loads = {
        "7 rules, 1 org": (1, book(1, [])),
        "100 rules, 20 orgs": (20, book(20, [*page_rules(47), *filtered_rules(46)])),
        "500 rules, 20 orgs": (20, book(20, [*page_rules(247), *filtered_rules(246)])),
    }
    engines = {name: Engine(rules) for name, (_, rules) in loads.items()}
    costs: dict[str, list[float]] = {name: [] for name in loads}
    gc.set_threshold(50_000, 50, 100)
    for start in range(0, events, BATCH):
        for name, (orgs, _) in loads.items():
            costs[name].append(one_batch(engines[name], start, made(start, contacts, orgs, random.Random(start))))
    first = statistics.median(costs["7 rules, 1 org"])
    for name, all_costs in costs.items():
        median = statistics.median(all_costs)
        state = engines[name].state.data
        visits = [len(value) for key, value in state.items() if key.endswith(b"\x00v")]
        held = f"  visits sections {len(visits)} of {statistics.mean(visits):.0f} bytes" if visits else ""
        print(f"{name:20} median {median:6.2f} us, best {min(all_costs):6.2f}: {median / first:.2f} x{held}")  # noqa: T201


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
