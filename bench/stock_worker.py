"""A worker of stock Faust: an ordinary agent with a table and two output topics, doing the same seven rules.

It remembers no event ids, so it does less than leadstream; state, outputs and events are plain JSON dicts.
`tests.faults.stock_worker` is another job, which only counts; each is whole, as one would write it on Faust.
Reads BENCH_SOURCE; writes <name>.score-changed, <name>.threshold-crossed and the table's changelog.
"""

import asyncio
import os
import sys
from typing import Any

import faust

from bench.load import RULES, THRESHOLDS

Event = dict[str, Any]
BY_TYPE: dict[str, list[tuple[int, dict[str, Any]]]] = {}
for _number, _rule in enumerate(RULES, 1):
    BY_TYPE.setdefault(_rule["eventType"], []).append((_number, _rule))


def score(contact: dict[str, Any], event: Event) -> list[dict[str, Any]]:
    """Apply an event to a contact in place; return its awards."""
    awards: list[dict[str, Any]] = []
    properties = event["properties"]
    for number, rule in BY_TYPE.get(event["type"], ()):
        fires = contact["fires"].get(str(number), 0)
        wanted = rule.get("eventFilter", {})
        if fires >= rule["maxPerContact"] or any(properties.get(name) != value for name, value in wanted.items()):
            continue
        contact["fires"][str(number)] = fires + 1
        contact["score"] += rule["points"]
        contact["logId"] += 1
        awards.append(
            {
                "logId": contact["logId"], "ruleId": number, "ruleName": rule["name"], "points": rule["points"],
                "reason": f"Rule: {rule['name']}",
            }
        )  # fmt: skip
    return awards


def changed(contact: dict[str, Any], before: int, awards: list[dict[str, Any]], event: Event) -> Event:
    """Return the output of one event."""
    return {
        "orgId": event["orgId"], "siteId": event["siteId"], "contactId": event["contactId"], "profileId": "default",
        "previousScore": before, "score": contact["score"], "delta": contact["score"] - before, "awards": awards,
        "cause": {"kind": "event", "eventId": event["eventId"], "type": event["type"]},
        "occurredAt": event["occurredAt"],
    }  # fmt: skip


def create(environ: "os._Environ[str]") -> faust.App:
    """Return the application."""
    name, partitions = environ["BENCH_NAME"], int(environ["BENCH_PARTITIONS"])
    app = faust.App(
        name, broker="kafka://" + environ["BENCH_BOOTSTRAP"], topic_partitions=partitions, store="memory://",
        processing_guarantee=environ["BENCH_GUARANTEE"], datadir=os.path.join(os.getcwd(), "data"), web_enabled=False,
        topic_replication_factor=1, topic_disable_leader=True, broker_request_timeout=120,
    )  # fmt: skip
    table = app.Table("contacts", key_type=bytes, partitions=partitions)
    scores = app.topic(f"{name}.score-changed", key_type=bytes, partitions=partitions)
    crossings = app.topic(f"{name}.threshold-crossed", key_type=bytes, partitions=partitions)

    @app.agent(app.topic(environ["BENCH_SOURCE"], key_type=bytes))
    async def scoring(stream: Any) -> None:
        async for key, event in stream.items():
            contact = table.get(key) or {"score": 0, "fires": {}, "logId": 0}
            before = contact["score"]
            awards = score(contact, event)
            if not awards:
                continue
            table[key] = contact
            await scores.send(key=key, value=changed(contact, before, awards, event))
            now = contact["score"]
            for threshold in THRESHOLDS:
                if (before < threshold) != (now < threshold):
                    up = now > before
                    await crossings.send(key=key, value={"contactId": event["contactId"], "value": threshold, "up": up})

    return app


def main() -> None:
    """Run until a signal."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = faust.Worker(create(os.environ), loop=loop, loglevel="WARN", quiet=True, stdout=sys.stderr)
    worker.execute_from_commandline()


if __name__ == "__main__":
    main()
