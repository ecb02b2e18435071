"""What one event costs in the handler: decode, dedupe, decide, encode outputs and changed state; CPU time, no Kafka.

Run: ``python -m bench.handler_speed [EVENTS] [CONTACTS]``.  Prints the median and the best batch of 4000 records, for
contacts that are new and for those that are known.
"""

import gc
import random
import statistics
import sys
import time

from schemas.times import format_time
from stream_app.delivery.handler import Batch
from tests.scoring_kit import DEAD, ENGAGEMENT, SET_R, T0, Engine, FakeRecord, rulebook

BATCH = 4000
MIX = (
    (35, "email_delivered", '{"mailId":"m1"}'),
    (25, "email_open", '{"mailId":"m1"}'),
    (20, "email_click", '{"mailId":"m1","url":"https://example.com/blog"}'),
    (10, "email_click", '{"mailId":"m1","url":"https://example.com/pricing"}'),
    (3, "tag_added", '{"tagName":"demo-requested"}'),
    (5, "custom_event", '{"name":"completed_onboarding"}'),
    (2, "page_visit", '{"url":"https://example.com/pricing"}'),
)


def records(start: int, contacts: int, dice: random.Random, *, live: bool = False) -> list[FakeRecord]:
    """Return one batch; the first events go once round all contacts.

    All come late, an hour of events again and again; if ``live``, one each second, told of a second after it happened.
    """
    made: list[FakeRecord] = []
    weights = [weight for weight, _, _ in MIX]
    for number in range(start, start + BATCH):
        contact = number if number < contacts else dice.randrange(contacts)
        _, kind, properties = dice.choices(MIX, weights)[0]
        at = T0 + (number if live else number % 3600) * 1000
        value = (
            f'{{"eventId":"e1-{number}","orgId":"1","siteId":"1","contactId":"{contact}","type":"{kind}",'
            f'"occurredAt":"{format_time(at)[:19]}Z","properties":{properties}}}'
        )
        made.append(FakeRecord(number, value.encode(), f"1:{contact}".encode(), at + 1000 if live else T0 + 3_600_000))
    return made


def main(events: int = 400_000, contacts: int = 100_000) -> None:
    """Measure and print."""
    engine, dice = Engine(rulebook(*SET_R, thresholds=[50, 100])), random.Random(1)
    costs: dict[str, list[float]] = {"new": [], "known": []}
    gc.set_threshold(50_000, 50, 100)
    for start in range(0, events, BATCH):
        batch = records(start, contacts, dice)
        began = time.process_time()
        work = engine.handler.begin(Batch(0, start, "records", 0, engine.handler.version()), engine.state)
        for at in range(0, BATCH, 500):
            work.apply(ENGAGEMENT, batch[at : at + 500])
        effects = work.finish()
        cost = (time.process_time() - began) / BATCH * 1e6
        costs["new" if start < contacts else "known"].append(cost)
        engine.state.merge(effects)
        if DEAD in effects.outputs:
            raise RuntimeError("the load holds a record that is refused")
    for name, all_costs in costs.items():
        if all_costs:
            print(f"{name:6} median {statistics.median(all_costs):6.2f} us  best {min(all_costs):6.2f} us")  # noqa: T201


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
