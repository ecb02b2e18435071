"""``leadstream dead-letters list | show | redrive``: what was refused, why, and sending it again once that is mended.

Laws: REF is ``partition:offset`` as ``list`` prints it; a redrive asks first, unless ``--yes``, and
says what it leaves.
"""

from heapq import nlargest
from typing import Any

import click

from stream_app.operations.command_settings import echo_json, run_bounded, with_settings
from stream_app.operations.state_commands import LAYOUT, json_option, partition_option, partitions_of, run_on_topics
from stream_app.settings import Settings, declared_topics, kafka_client_arguments

MAX_REQUEST_BYTES = 4 * 1024 * 1024
reason_option = click.option("--reason", metavar="REASON", help="Only those refused for this reason.")


@click.group("dead-letters")
def dead_letters() -> None:
    """List, show and redrive what could not be an input."""


@dead_letters.command("list")
@with_settings(*LAYOUT)
@partition_option
@reason_option
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="The newest so many.")
@json_option
def list_(settings: Settings, chosen: tuple[int, ...], reason: str | None, limit: int, as_json: bool) -> None:
    """Print the newest dead letters, newest first."""
    letters = run_on_topics(settings, _read(settings, partitions_of(settings, chosen), reason))
    rows = [letter.shown() for letter in nlargest(limit, letters, key=lambda letter: (letter.timestamp, letter.offset))]
    if as_json:
        echo_json({"total": len(letters), "deadLetters": rows})
        return
    for row in rows:
        again = f"  redriven {row['redriveCount']}x" if row["redriveCount"] else ""
        click.echo(f"{row['ref']}  {row['at']}  {row['reason']}  {row['origin']}  {row['key'] or '-'}{again}")
    click.echo(f"{len(rows)} of {len(letters)}", err=True)


@dead_letters.command()
@with_settings(*LAYOUT)
@click.argument("ref", metavar="REF")
@json_option
def show(settings: Settings, ref: str, as_json: bool) -> None:
    """Print one dead letter: reason, origin, headers and value, control characters escaped."""
    row = _chosen(settings, (ref,))[0].shown_whole()
    if as_json:
        echo_json(row)
        return
    headers = row.pop("headers")
    for name, value in row.items():
        click.echo(f"{name}: {value}")
    for name, value in headers:
        click.echo(f"header {name}: {value}")


@dead_letters.command()
@with_settings(*LAYOUT)
@click.argument("refs", metavar="[REF]...", nargs=-1)
@click.option("--all", "all_", is_flag=True, help="All of them.")
@reason_option
@click.option("--dry-run", is_flag=True, help="Only tell what would be sent.")
@click.option("--yes", is_flag=True, help="Do not ask before sending.")
@json_option
def redrive(
    settings: Settings, refs: tuple[str, ...], all_: bool, reason: str | None, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Send dead letters back to where they came from: those named, --all, or all of a --reason."""
    if bool(refs) == (all_ or reason is not None):
        raise click.UsageError("name dead letters, or say --all or --reason")
    if refs:
        letters = _chosen(settings, refs)
    else:
        letters = run_on_topics(settings, _read(settings, partitions_of(settings, ()), reason))
    topics = declared_topics(settings)
    sources = [spec.name for spec in (*topics.sources, *topics.unkeyed)]
    refused = {letter.ref: why for letter in letters if (why := letter.refused(sources))}
    sent = [letter for letter in letters if letter.ref not in refused]
    if sent and not dry_run:
        if not yes:
            click.confirm(f"Send {len(sent)} dead letters to their sources?", abort=True, err=True)
        run_bounded(_send(settings, sent))
    _print_redrive([letter.shown() for letter in sent], refused, dry_run, as_json)


def _print_redrive(sent: list[dict[str, Any]], refused: dict[str, str], dry_run: bool, as_json: bool) -> None:
    if as_json:
        left = [{"ref": ref, "why": why} for ref, why in refused.items()]
        echo_json({"dryRun": dry_run, "sent": [row["ref"] for row in sent], "left": left})
        return
    for row in sent:
        click.echo(f"{'would send' if dry_run else 'sent'} {row['ref']}  {row['reason']}  from {row['origin']}")
    for ref, why in refused.items():
        click.echo(f"left {ref}: {why}", err=True)


def _chosen(settings: Settings, refs: tuple[str, ...]) -> list[Any]:
    """Return the named dead letters in the order named."""
    numbers: set[int] = set()
    for ref in refs:
        partition, _, offset = ref.partition(":")
        if not (partition.isdecimal() and offset.isdecimal()):
            raise click.BadParameter(f"{ref!r} is not partition:offset", param_hint="REF")
        numbers.add(int(partition))
    letters = run_on_topics(settings, _read(settings, partitions_of(settings, tuple(numbers)), None))
    found = {letter.ref: letter for letter in letters}
    if missing := [ref for ref in refs if ref not in found]:
        raise click.ClickException(f"there is no dead letter {', '.join(missing)}")
    return [found[ref] for ref in dict.fromkeys(refs)]


async def _read(settings: Settings, partitions: list[int], reason: str | None) -> list[Any]:
    from stream_app.operations.dead_letters import read_dead_letters

    client, topic = kafka_client_arguments(settings), declared_topics(settings).dead_letters.name
    letters = read_dead_letters(client, topic, partitions)
    return [letter async for letter in letters if reason in (None, letter.reason)]


async def _send(settings: Settings, letters: list[Any]) -> None:
    from stream_app.operations.dead_letters import send_again

    await send_again(kafka_client_arguments(settings), letters, MAX_REQUEST_BYTES)
