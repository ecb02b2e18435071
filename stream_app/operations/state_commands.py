"""``leadstream state get | dump | verify``: what the changelog says of contacts, and whether a replay says the same.

Laws: nothing is written; only committed state is shown; ``verify`` ends with exit code 1 unless all partitions are the
same, and says what it could not compare.
"""

from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import nullcontext
from typing import Any

import click
import msgspec

from stream_app.operations.command_settings import echo_json, json_list, json_text, run_with, with_settings
from stream_app.operations.option_types import CONTACT, ORG
from stream_app.settings import Settings, declared_topics, kafka_client_arguments

LAYOUT = ("partitions", "engagement_topics")
REPLAYED = (*LAYOUT, "dedupe_ids", "max_dwell_seconds", "max_record_bytes", "max_lateness_days", "headers")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
partition_option = click.option(
    "--partition", "chosen", type=click.IntRange(min=0), multiple=True, help="Only this one; may be repeated."
)


def partitions_of(settings: Settings, chosen: tuple[int, ...]) -> list[int]:
    """Return the chosen partitions, all when none is; UsageError when there is no such."""
    if wrong := [number for number in chosen if number >= settings.partitions]:
        raise click.BadParameter(f"there are {settings.partitions} partitions", param_hint=f"--partition {wrong[0]}")
    return sorted(set(chosen)) or list(range(settings.partitions))


def run_on_topics(settings: Settings, work: Coroutine[Any, Any, Any]) -> Any:
    """Run async work once all topics are there with the partition counts of the settings."""
    return run_with(settings, declared_topics(settings).all, work)


@click.group()
def state() -> None:
    """Read the state of contacts, and verify it by a replay."""


@state.command()
@with_settings(*LAYOUT)
@click.option("--org", type=ORG, required=True, metavar="ORG", help="The contact's org.")
@click.argument("contact", metavar="CONTACT", type=CONTACT)
@json_option
def get(settings: Settings, org: str, contact: str, as_json: bool) -> None:
    """Print every section of one contact's state."""
    rows = run_on_topics(settings, _contact_rows(settings, org, contact))
    if not rows:
        raise click.ClickException(f"contact {contact} of org {org} has no state")
    if as_json:
        echo_json(rows)
    for row in () if as_json else rows:
        _print_row(row)


@state.command()
@with_settings(*LAYOUT)
@partition_option
@click.option("--org", type=ORG, metavar="ORG", help="Only contacts of this org.")
@json_option
def dump(settings: Settings, chosen: tuple[int, ...], org: str | None, as_json: bool) -> None:
    """Print all state, one record a line, by partition and key; with --org or --partition less."""
    run_on_topics(settings, _dump(settings, partitions_of(settings, chosen), org, as_json))


@state.command()
@with_settings(*REPLAYED)
@partition_option
@json_option
def verify(settings: Settings, chosen: tuple[int, ...], as_json: bool) -> None:
    """Replay partitions from journal and inputs, and compare state and outputs byte by byte.

    Workers may go on meanwhile. Run it with the settings of the workers. Exit code 1 when something is different, or
    when the beginning of what a replay needs is no longer retained.
    """
    verdicts = run_on_topics(settings, _verify(settings, partitions_of(settings, chosen)))
    if as_json:
        echo_json({"partitions": [msgspec.to_builtins(verdict) for verdict in verdicts]})
    for verdict in () if as_json else verdicts:
        for line in _told(verdict):
            click.echo(line)
    if any(verdict.verdict != "same" for verdict in verdicts):
        raise click.exceptions.Exit(1)


async def _verify(settings: Settings, partitions: list[int]) -> list[Any]:
    from stream_app.operations.state_verify import verify_partition

    return [await verify_partition(settings, partition) for partition in partitions]


async def _contact_rows(settings: Settings, org: str, contact: str) -> list[dict[str, Any]]:
    """Return the decoded state records of a contact."""
    from schemas.ids import contact_key
    from stream_app.operations.shown import contact_prefix
    from stream_app.processing.placement import partition_of

    partition = partition_of(contact_key(org, contact), settings.partitions)
    return [row async for row in _rows(settings, partition, contact_prefix(org, contact))]


async def _dump(settings: Settings, partitions: list[int], org: str | None, as_json: bool) -> None:
    """Print the rows of one partition after the other, so that one partition is held at a time."""
    from stream_app.operations.shown import contact_prefix

    with json_list() if as_json else nullcontext(_print_row) as print_row:
        for partition in partitions:
            async for row in _rows(settings, partition, b"" if org is None else contact_prefix(org)):
                print_row(row)


async def _rows(settings: Settings, partition: int, prefix: bytes) -> AsyncIterator[dict[str, Any]]:
    """Yield a partition's decoded state records whose keys begin so, by key."""
    from stream_app.operations.shown import shown_key, shown_state
    from stream_app.operations.state_log import read_state

    client, changelog = kafka_client_arguments(settings), declared_topics(settings).changelog.name
    records = (await read_state(client, changelog, partition, lambda key: key.startswith(prefix))).records
    for key in sorted(records):
        if key.startswith(prefix):  # the partition record may be none of them
            yield {"partition": partition, **shown_key(key), "value": shown_state(key, records[key])}


def _print_row(row: dict[str, Any]) -> None:
    click.echo(f"{row['partition']}  {row['contact'] or '-'}  {row['section']}  {_json(row['value'])}")


def _told(verdict: Any) -> Iterator[str]:
    """Yield what to say of one verdict."""
    yield f"partition {verdict.partition}: {verdict.verdict}{': ' + verdict.why if verdict.why else ''}"
    if verdict.journal.first is not None:
        yield f"  journal from batch {verdict.journal.first} ({verdict.journal.at}) to {verdict.seq}"
    for topic, reach in verdict.inputs.items():
        yield f"  {topic} from offset {reach.first}{f' ({reach.at})' if reach.at else ''}"
    yield f"  {verdict.records} records replayed, {verdict.state_records} state records compared"
    if verdict.state_not_compared:
        yield f"  {verdict.state_not_compared} state records not compared: written again meanwhile"
    for topic, count in verdict.outputs.items():
        if count.compared or count.not_retained:
            lost = f", {count.not_retained} no longer retained" if count.not_retained else ""
            yield f"  {count.compared} of {topic} compared{lost}"
    for difference in verdict.differences:
        yield f"  {difference.where}  {difference.contact or '-'}  {difference.section or ''}"
        yield f"    replayed {_json(difference.replayed)}"
        yield f"    live     {_json(difference.live)}"
    if verdict.difference_count > len(verdict.differences):
        yield f"  and {verdict.difference_count - len(verdict.differences)} more"


def _json(value: Any) -> str:
    return json_text(value, (",", ":"))
