"""``leadstream partition show | skip``: where each partition stands, and over what it is moved by hand.

Laws: no worker is asked, so both work while all are down; a skip fences the owner and is in the journal.  A partition
that stopped goes on when its worker is restarted.
"""

from typing import Any

import click
import msgspec

from schemas.journal import PartitionRecord
from stream_app.operations.command_settings import echo_json, with_settings
from stream_app.operations.state_commands import LAYOUT, json_option, partition_option, partitions_of, run_on_topics
from stream_app.settings import Settings, declared_topics, kafka_client_arguments


@click.group()
def partition() -> None:
    """Show where partitions stand; skip what cannot be read."""


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


@partition.command()
@with_settings(*LAYOUT)
@click.option("--partition", "number", type=click.IntRange(0), required=True, help="The partition's number.")
@click.option("--topic", required=True, help="Full name of the source topic.")
@click.option("--from", "start", type=click.IntRange(0), required=True, help="Where the partition stands.")
@click.option("--to", "end", type=click.IntRange(1), required=True, help="The next offset to read.")
@click.option("--dry-run", is_flag=True, help="Only check.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def skip(
    settings: Settings, number: int, topic: str, start: int, end: int, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Skip a range of a source: its records are never applied, and are counted as gaps."""
    partitions_of(settings, (number,))
    if not (dry_run or yes):
        click.confirm(f"Skip {topic}-{number} offsets {start} to {end - 1} for ever?", abort=True, err=True)
    record = run_on_topics(settings, _skip(settings, number, topic, start, end, dry_run))
    if as_json:
        echo_json({"partition": number, "topic": topic, "position": end, "seq": record.seq, "written": not dry_run})
    else:
        click.echo(f"partition {number}: {topic} {'would go' if dry_run else 'goes'} on at {end}; restart its worker")


async def _skip(settings: Settings, number: int, topic: str, start: int, end: int, dry_run: bool) -> PartitionRecord:
    from stream_app.authoring.rulebook_history import RulebookHistory
    from stream_app.delivery.errors import PartitionStopped
    from stream_app.delivery.repair import skip as skip_range
    from stream_app.jobs import scoring_handler, scoring_job

    job = scoring_job(settings, scoring_handler(settings, RulebookHistory([])))
    try:
        return await skip_range(job, number, topic, start, end, dry_run=dry_run)
    except PartitionStopped as refused:
        raise click.ClickException(str(refused)) from refused


async def _rows(settings: Settings, partitions: list[int]) -> list[dict[str, Any]]:
    from aiokafka import TopicPartition

    from stream_app.operations.log_cursor import stable_ends
    from stream_app.operations.shown import shown_time
    from stream_app.operations.state_log import read_state

    client, topics = kafka_client_arguments(settings), declared_topics(settings)
    rows: list[dict[str, Any]] = []
    for number in partitions:
        record = (await read_state(client, topics.changelog.name, number, lambda _: False)).record
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
