"""What is there before the workers of a fault run: events of a day ago by their senders' time, of contacts that nothing
else is sent to.

Laws: a partition that has only these unread has a clock of a day ago, so what they tell is told again a day later,
within the run (S60, S38); event time is the record's, so that a silence of one day falls due at the same instant.
Writes ``<prefix>.engagement``; returns how many records were acknowledged.
"""

import json
import time

from tests.faults.authored import ORGS, PLAIN
from tests.faults.clients import make_producer
from tests.faults.reference_clock import DAY

CONTACTS = 240
EVENTS = ("email_open", "page_visit", "email_click")
START_SECONDS = 25.0  # until workers are ready


def write_backlog(bootstrap: str, prefix: str, soon_seconds: float) -> int:
    """Send them so that the days that they begin end between the start and ``soon_seconds`` later."""
    producer, now = make_producer(bootstrap), int(time.time() * 1000)
    first, last = now - DAY + int(START_SECONDS * 1000), now - DAY + int((START_SECONDS + soon_seconds) * 1000)
    orgs = [org for org in ORGS if org != PLAIN]
    for number in range(CONTACTS):
        org, contact, at = orgs[number % len(orgs)], f"old{number}", first + (last - first) * number // CONTACTS
        for kind in EVENTS[: 1 + number // len(orgs) % len(EVENTS)]:
            body = {"orgId": org, "contactId": contact, "eventId": f"{kind}-{number}", "type": kind}
            producer.produce(f"{prefix}.engagement", json.dumps(body), f"{org}:{contact}", timestamp=at)
    if producer.flush(60):
        raise RuntimeError("the backlog was not acknowledged")
    return sum(1 + number // len(orgs) % len(EVENTS) for number in range(CONTACTS))


def old_contacts() -> list[str]:
    """Keys of these contacts."""
    orgs = [org for org in ORGS if org != PLAIN]
    return [f"{orgs[number % len(orgs)]}:old{number}" for number in range(CONTACTS)]
