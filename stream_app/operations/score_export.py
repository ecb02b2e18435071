"""``leadstream score export``: the shown scores of an org as CSV, from the changelog, without a worker.

Laws: every contact that is known, with 0 where it has no score yet, partition by partition, of which one is held at a
time; a cell is data, a formula too.  The output can be imported as it is, and moves no shown score then, with two
exceptions: one that decays is put back to where it was, and where floor or ceiling hides a part of the sum, an award
takes that part away (D8), so that the next award shows where it would have been hidden.
"""

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from schemas.authored import DEFAULT_PROFILE
from stream_app.operations.command_settings import json_list, with_settings
from stream_app.operations.option_types import ORG, TEXT
from stream_app.operations.state_commands import LAYOUT, json_option, run_on_topics
from stream_app.processing.score_rows import REQUIRED
from stream_app.settings import Settings

Print = Callable[[tuple[str, int]], None]


@click.command("export")
@with_settings(*LAYOUT)
@click.option("--org", type=ORG, required=True, metavar="ORG", help="The contacts' org.")
@click.option("--profile", type=TEXT, metavar="ID", default=DEFAULT_PROFILE, show_default=True, help="Which score.")
@json_option
def export_scores(settings: Settings, org: str, profile: str, as_json: bool) -> None:
    """Print the shown score of every contact of an org as CSV, by partition and contact id."""
    run_on_topics(settings, _export(settings, org, profile, as_json))


async def _export(settings: Settings, org: str, profile: str, as_json: bool) -> None:
    """Print contact ids and scores; ClickException when no contact has a profile that is not the default one."""
    from stream_app.operations.score_reading import Scores

    scores = await Scores.of(settings, org)
    there, waiting = profile == DEFAULT_PROFILE, list[tuple[str, int]]()
    with _as_json() if as_json else _as_csv() as print_row:
        for partition in range(settings.partitions):
            for known in await scores.partition(partition):
                there = there or profile in known.core.profiles
                waiting.append((known.contact_id, scores.shown(known, profile).score))
            if there:
                for row in waiting:
                    print_row(row)
                waiting.clear()
        if not there:
            raise click.ClickException(f"no contact of org {org} has a score in profile {profile}")


@contextmanager
def _as_json() -> Iterator[Print]:
    with json_list() as item:
        yield lambda row: item(dict(zip(REQUIRED, row, strict=True)))


@contextmanager
def _as_csv() -> Iterator[Print]:
    """Print the header before the first row, or at the end where there is none."""
    stdout, header = click.get_binary_stream("stdout"), list[tuple[str, ...]]([REQUIRED])

    def line(row: tuple[str, int]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows([*header, row])
        header.clear()
        stdout.write(text.getvalue().encode())

    yield line
    stdout.write(b"".join(f"{','.join(names)}\r\n".encode() for names in header))
    stdout.flush()
