"""A worker of stock Faust as its documentation writes one: a table that counts, one output for each event.

`bench.stock_worker` is another job, which scores; each is whole, as one would write it on Faust.
Reads STOCK_* and the source; writes the outputs and the table's changelog.
"""

import asyncio
import os
import sys
from typing import Any

import faust

NAME = "stock"
SOURCE = "stock.events"
OUTPUTS = "stock.outputs"
CHANGELOG = "stock-counts-changelog"


def create(environ: "os._Environ[str]") -> faust.App:
    """The application: events of a contact are counted, and each is answered with its number."""
    partitions, session = int(environ["STOCK_PARTITIONS"]), float(environ["STOCK_SESSION_SECONDS"])
    app = faust.App(
        NAME, broker="kafka://" + environ["STOCK_BOOTSTRAP"], topic_partitions=partitions, store="memory://",
        processing_guarantee=environ["STOCK_GUARANTEE"], datadir=os.path.join(os.getcwd(), "data"), web_enabled=False,
        topic_replication_factor=1, topic_disable_leader=True, broker_session_timeout=session,
        broker_heartbeat_interval=session / 4,
    )  # fmt: skip
    counts = app.Table("counts", key_type=bytes, value_type=int, default=int, partitions=partitions)
    outputs = app.topic(OUTPUTS, key_type=bytes, partitions=partitions)

    @app.agent(app.topic(SOURCE, key_type=bytes))
    async def counting(stream: Any) -> None:
        async for key, event in stream.items():
            counts[key] += 1
            await outputs.send(key=key, value={"eventId": event["eventId"], "count": counts[key]})

    return app


def main() -> None:
    """Run until a signal."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = faust.Worker(create(os.environ), loop=loop, loglevel="WARN", quiet=True, stdout=sys.stderr)
    worker.execute_from_commandline()


if __name__ == "__main__":
    main()
