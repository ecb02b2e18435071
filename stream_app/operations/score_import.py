"""``leadstream score import``: scores of an org from CSV, through Kafka, without a worker.

Laws: a file is read to its end before anything of it is sent, and it asks first unless ``--yes``; a pipe is kept in a
temporary file for that; a repeat with the same ``--key`` acts once for each row, as over REST; rows that are no scores
are reported, the others are sent, and the exit code says that there were some, or that fewer arrived than were read.
Reads ``config``; writes ``commands``.
"""

import os
import shutil
import stat
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import click

from schemas.authored import DEFAULT_PROFILE
from stream_app.operations.command_settings import echo_json, with_settings
from stream_app.operations.option_types import CONTACT, ORG, TEXT
from stream_app.operations.progress import progress_bar
from stream_app.operations.replay import Acknowledged, Outgoing, open_producer, replay
from stream_app.operations.state_commands import LAYOUT, json_option, run_on_topics
from stream_app.processing.score_rows import BadFile, BadRow, GivenScore, read_scores
from stream_app.reading.contact_desk import outgoing_of
from stream_app.reading.imports import REPORTED, Built, ScoreImport, commands_of
from stream_app.settings import Settings, kafka_client_arguments

PRINTED: Final = 20


@dataclass(frozen=True, slots=True)
class Checked:
    """What a file holds: how many scores, and the first rows that are none."""

    scores: int
    rejected_count: int
    rejected: list[BadRow]


@click.command("import")
@with_settings(*LAYOUT)
@click.option("--org", type=ORG, required=True, metavar="ORG", help="The contacts' org.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--profile", type=TEXT, metavar="ID", default=DEFAULT_PROFILE, show_default=True, help="Which score.")
@click.option("--fire-triggers", is_flag=True, help="Announce crossings; without it scores move silently.")
@click.option("--by", type=CONTACT, metavar="WHO", help="Who asked for it.")
@click.option(
    "--key", type=TEXT, metavar="KEY", help="Drawn when absent; a repeat with the same one acts once for each row."
)
@click.option("--dry-run", is_flag=True, help="Only tell what would be imported.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def import_scores(  # noqa: PLR0913 - one parameter for each option
    *, settings: Settings, org: str, file: Path, profile: str, fire_triggers: bool, by: str | None, key: str | None,
    dry_run: bool, yes: bool, as_json: bool,
) -> None:  # fmt: skip
    """Overwrite scores from a CSV FILE: contactId,score and, if wanted, reason; its first line names the columns."""
    order = ScoreImport(org, profile, fire_triggers, by, key or str(uuid.uuid4()))
    if profile != DEFAULT_PROFILE:
        run_on_topics(settings, check_profile(settings, org, profile))
    build = commands_of(order, outgoing_of(settings), time.time_ns() // 1_000_000)
    with _read_twice(file) as lines:
        checked = _check_file(file, lines, build)
        if not as_json:
            _print_rejected(file, checked)
        if checked.scores and not (dry_run or yes):
            click.confirm(f"Overwrite {checked.scores} scores of org {org}?", abort=True, err=True)
        sent = not dry_run and checked.scores > 0
        accepted = _send(settings, order, build, lines, checked.scores) if sent else checked.scores
    if as_json:
        rejected = [row._asdict() for row in checked.rejected]
        told = {"accepted": accepted, "rejectedCount": checked.rejected_count, "rejected": rejected}
        echo_json({"dryRun": dry_run, "key": order.key, **told})
    else:
        click.echo(f"{'would import' if dry_run else 'imported'} {accepted} scores  key {order.key}")
    if accepted < checked.scores:
        raise click.ClickException(f"{file} had {checked.scores} scores when it was checked: it changed meanwhile")
    if checked.rejected_count:
        raise click.exceptions.Exit(1)


@contextmanager
def _read_twice(file: Path) -> Iterator[IO[bytes]]:
    """Open a file so that it can be read again from its start: what is no regular file is copied into one."""
    with file.open("rb") as given:
        if stat.S_ISREG(os.fstat(given.fileno()).st_mode):
            yield given
            return
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(given, copy)
            yield copy


async def check_profile(settings: Settings, org: str, profile: str) -> None:
    """Raise ClickException unless points can be given in a profile of an org."""
    from stream_app.authoring.config_log import ConfigLog
    from stream_app.authoring.config_topic import read_config
    from stream_app.authoring.drafts import why_unpaid

    log = ConfigLog.of(await read_config(settings))
    if (reason := why_unpaid(log, org, profile)) is not None:
        raise click.ClickException(f"org {org}, profile {profile}: {reason}")


def _check_file(file: Path, lines: IO[bytes], build: Built) -> Checked:
    """Read a file to its end; ClickException where that cannot be done."""
    scores = rejected_count = 0
    rejected: list[BadRow] = []
    lines.seek(0)
    for row in read_scores(lines):
        if isinstance(row, BadFile):
            named = f" ({', '.join(map(repr, row.columns))})" if row.columns else ""
            raise click.ClickException(f"{file}:{row.line}: {row.message}{named}")
        built = build(row) if isinstance(row, GivenScore) else row
        if isinstance(built, BadRow):
            rejected_count += 1
            rejected += [built][: REPORTED - len(rejected)]
        else:
            scores += 1
    return Checked(scores, rejected_count, rejected)


def _print_rejected(file: Path, checked: Checked) -> None:
    for row in checked.rejected[:PRINTED]:
        click.echo(f"{file}:{row.line}: {row.code}: {row.message}", err=True)
    if checked.rejected_count > PRINTED:
        click.echo(f"and {checked.rejected_count - PRINTED} more rows that are no scores", err=True)


def _send(settings: Settings, order: ScoreImport, build: Built, lines: IO[bytes], scores: int) -> int:
    """Send a file's scores, return how many were acknowledged; where some may be, ClickException names the key."""
    begun = False

    async def send() -> Acknowledged:
        nonlocal begun
        async with open_producer(**kafka_client_arguments(settings)) as producer:
            begun = True
            with progress_bar(scores, "imported") as progress:
                return await replay(_records(build, lines), producer, settings.partitions, progress=progress)

    try:
        return run_on_topics(settings, send()).total()
    except click.ClickException as error:
        if not begun:
            raise
        raise click.ClickException(f"{error.message}; to send it again: --key {order.key}, no row acts twice") from None


def _records(build: Built, lines: IO[bytes]) -> Iterator[Outgoing]:
    """Yield the commands of a file, from its start."""
    lines.seek(0)
    for row in read_scores(lines):
        built = build(row) if isinstance(row, GivenScore) else None
        if built is not None and not isinstance(built, BadRow):
            yield Outgoing(built.topic, built.key, built.value)
