"""``leadstream dead-letters list | show | redrive``: what was refused, why, and sending it again once that is mended.

Laws: REF is ``partition:offset`` as ``list`` prints it; a redrive asks first, unless ``--yes``, says what it leaves and
what it has sent, also where it fails midway, and fails (exit code 1) when it can send nothing of what there is.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, get_args, get_type_hints

import click

from schemas.events import Rejected
from stream_app.operations.command_settings import echo_json, run_bounded, with_settings
from stream_app.operations.state_commands import LAYOUT, json_option, partition_option, partitions_of, run_on_topics
from stream_app.settings import Settings, declared_topics, kafka_client_arguments

MAX_REQUEST_BYTES = 4 * 1024 * 1024
REASONS: Final = get_args(get_type_hints(Rejected)["reason"])
reason_option = click.option("--reason", type=click.Choice(REASONS), help="Only those refused for this reason.")


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
    rows, total = run_on_topics(settings, _newest(settings, partitions_of(settings, chosen), limit, reason))
    if as_json:
        echo_json({"total": total, "deadLetters": rows})
        return
    for row in rows:
        again = f"  redriven {row['redriveCount']}x" if row["redriveCount"] else ""
        click.echo(f"{row['ref']}  {row['at']}  {row['reason']}  {row['origin']}  {row['key'] or '-'}{again}")
    click.echo(f"{len(rows)} of {total}", err=True)


@dead_letters.command()
@with_settings(*LAYOUT)
@click.argument("ref", metavar="REF")
@json_option
def show(settings: Settings, ref: str, as_json: bool) -> None:
    """Print one dead letter: reason, origin, headers and value, control characters escaped."""
    row = run_on_topics(settings, _found(settings, _numbers(settings, (ref,))))
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
@click.option("--again", is_flag=True, help="With --all or --reason: also what was redriven before and refused again.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be sent.")
@click.option("--yes", is_flag=True, help="Do not ask before sending.")
@json_option
def redrive(
    *, settings: Settings, refs: tuple[str, ...], all_: bool, reason: str | None, again: bool, dry_run: bool,
    yes: bool, as_json: bool,
) -> None:  # fmt: skip
    """Send dead letters back to where they came from: those named, --all, or all of a --reason."""
    from stream_app.operations.redrive import Redrive

    if bool(refs) == (all_ or reason is not None):
        raise click.UsageError("name dead letters, or say --all or --reason")
    topics, said = declared_topics(settings), _Said(dry_run, as_json)
    sources = [spec.name for spec in (*topics.sources, *topics.unkeyed)]
    client, topic = kafka_client_arguments(settings), topics.dead_letters.name
    redriving = Redrive(client, topic, sources, reason=reason, again=again)
    count = run_on_topics(settings, _plan(settings, redriving, _numbers(settings, refs), said))
    if count and not dry_run:
        if not yes:
            click.confirm(f"Send {count} dead letters to their sources?", abort=True, err=True)
        with said.to_its_end():
            run_bounded(settings, _send(client, redriving, said))
    else:
        said.done()
    if not count and said.left:
        raise click.exceptions.Exit(1)


class _Said:
    """What a redrive says: line by line, or one JSON document at its end."""

    def __init__(self, dry_run: bool, as_json: bool) -> None:
        self.dry_run = dry_run
        self.left = 0
        self._document: dict[str, Any] | None = {"dryRun": dry_run, "sent": [], "left": []} if as_json else None

    def send(self, letter: Any) -> None:
        if self._document is not None:
            self._document["sent"].append(letter.ref)
        else:
            said = "would send" if self.dry_run else "sent"
            click.echo(f"{said} {letter.ref}  {letter.reason}  from {letter.origin}")

    def leave(self, letter: Any, why: str) -> None:
        self.left += 1
        if self._document is not None:
            self._document["left"].append({"ref": letter.ref, "why": why})
        else:
            click.echo(f"left {letter.ref}: {why}", err=True)

    @contextmanager
    def to_its_end(self) -> Iterator[None]:
        """Tell what was sent however the block ends: of a failure that it was one."""
        try:
            yield
        except click.ClickException as failure:
            if self._document is not None:
                self._document["error"] = failure.message
            raise
        finally:
            self.done()

    def done(self) -> None:
        if self._document is not None:
            echo_json(self._document)


async def _plan(settings: Settings, redriving: Any, named: Sequence[tuple[int, int]], said: _Said) -> int:
    """Return how many will be sent; say what is left, and of a dry run what would be sent."""
    if named:
        _refuse_missing(await redriving.name(named))
    else:
        await redriving.look(partitions_of(settings, ()))
    count = 0
    async for letter, why in redriving.judged():
        if why is not None:
            said.leave(letter, why)
            continue
        count += 1
        if said.dry_run:
            said.send(letter)
    return count


async def _send(client: dict[str, Any], redriving: Any, said: _Said) -> None:
    from stream_app.operations.dead_letters import send_again

    async for letter in send_again(client, redriving.chosen(), MAX_REQUEST_BYTES):
        said.send(letter)


def _numbers(settings: Settings, refs: tuple[str, ...]) -> list[tuple[int, int]]:
    """Return partition and offset of each ref, once, in the order named."""
    numbers: dict[tuple[int, int], None] = {}
    for ref in refs:
        partition, _, offset = ref.partition(":")
        if not (partition.isdecimal() and offset.isdecimal()):
            raise click.BadParameter(f"{ref!r} is not partition:offset", param_hint="REF")
        if int(partition) >= settings.partitions:
            raise click.BadParameter(f"{ref}: there are {settings.partitions} partitions", param_hint="REF")
        numbers[int(partition), int(offset)] = None
    return list(numbers)


def _refuse_missing(missing: Sequence[tuple[int, int]]) -> None:
    if missing:
        refs = ", ".join(f"{partition}:{offset}" for partition, offset in missing)
        raise click.ClickException(f"there is no dead letter {refs}")


async def _found(settings: Settings, numbers: list[tuple[int, int]]) -> dict[str, Any]:
    """Return everything of the one that is named."""
    from stream_app.operations.dead_letters import find

    client, topic = kafka_client_arguments(settings), declared_topics(settings).dead_letters.name
    found = [letter async for letter in find(client, topic, numbers)]
    _refuse_missing([] if found else numbers)
    return found[0].shown_whole()


async def _newest(
    settings: Settings, partitions: list[int], limit: int, reason: str | None
) -> tuple[list[dict[str, Any]], int]:
    from stream_app.operations.dead_letters import newest, read_dead_letters, retained

    client, topic = kafka_client_arguments(settings), declared_topics(settings).dead_letters.name
    return await newest(read_dead_letters(client, await retained(client, topic, partitions)), limit, reason)
