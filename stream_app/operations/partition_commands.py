"""``leadstream partition show``: where each partition stands, from its committed partition record.

Laws: nothing is written, and no worker is asked: it tells the same while all are down.
"""

from typing import Any

import click
import msgspec

from stream_app.operations.command_settings import echo_json, with_settings
from stream_app.operations.state_commands import LAYOUT, json_option, partition_option, partitions_of, run_on_topics
from stream_app.settings import Settings, declared_topics, kafka_client_arguments


@click.group()
def partition() -> None:
    """Show where partitions stand."""


@partition.command()
@with_settings(*LAYOUT)
@partition_option
@json_option
def show(settings: Settings, chosen: tuple[int, ...], as_json: bool) -> None:
    """Print batch, clock, rulebook, and per source position, lag and outcomes."""
    rows = run_on_topics(settings, _rows(settings, partitions_of(settings, chosen)))
    if as_json:
        echo_json(rows)
    for row in () if as_json else rows:
        _print(row)


async def _rows(settings: Settings, partitions: list[int]) -> list[dict[str, Any]]:
    from aiokafka import TopicPartition

    from stream_app.operations.log_cursor import stable_ends
    from stream_app.operations.shown import shown_time
    from stream_app.operations.state_log import read_state

    client, topics = kafka_client_arguments(settings), declared_topics(settings)
    rows: list[dict[str, Any]] = []
    for number in partitions:
        record = (await read_state(client, topics.changelog.name, number)).record
        if record is None:
            rows.append({"partition": number, "state": None})
            continue
        ends = await stable_ends(client, [TopicPartition(topic, number) for topic in record.sources])
        sources = {
            place.topic: {
                "position": record.sources[place.topic], "lag": max(0, end - record.sources[place.topic]),
                **msgspec.to_builtins(record.counters[place.topic]),
            }
            for place, end in ends.items()
        }  # fmt: skip
        whole = msgspec.to_builtins(record)
        kept = {name: whole[name] for name in ("storeId", "seq", "rulebookVersion", "sweep", "skipped")}
        rows.append({"partition": number, "state": {**kept, "clock": shown_time(record.clock), "sources": sources}})
    return rows


def _print(row: dict[str, Any]) -> None:
    state = row["state"]
    if state is None:
        click.echo(f"partition {row['partition']}: no state yet")
        return
    told = f"batch {state['seq']}, clock {state['clock']}, rulebook {state['rulebookVersion']}"
    click.echo(f"partition {row['partition']}: {told}")
    for topic, source in state["sources"].items():
        outcomes = ", ".join(f"{source[name]} {said}" for name, said in OUTCOMES.items() if source[name])
        click.echo(f"  {topic} at {source['position']}, lag {source['lag']}{': ' if outcomes else ''}{outcomes}")


OUTCOMES = {
    "applied": "applied", "noEffect": "without effect", "duplicate": "duplicate", "deadLetter": "dead letters",
    "gaps": "offsets without a record",
}  # fmt: skip
