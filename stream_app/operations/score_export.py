"""``leadstream score export``: the shown scores of an org as CSV, from the changelog, without a worker.

Laws: every contact that is known, with 0 where it has no score yet; the output can be imported as it is, and moves
nothing then; a cell is data, a formula too.
"""

import csv
import io

import click
import msgspec

from schemas.authored import DEFAULT_PROFILE
from schemas.ids import split_contact_key
from schemas.state import CORE, SEPARATOR, Core, ProfileState
from stream_app.operations.command_settings import echo_json, with_settings
from stream_app.operations.shown import contact_prefix
from stream_app.operations.state_commands import LAYOUT, json_option, run_on_topics
from stream_app.operations.state_log import read_state
from stream_app.processing.score_rows import REQUIRED
from stream_app.settings import Settings, declared_topics, kafka_client_arguments


@click.command("export")
@with_settings(*LAYOUT)
@click.option("--org", required=True, metavar="ORG", help="The contacts' org.")
@click.option("--profile", metavar="ID", default=DEFAULT_PROFILE, show_default=True, help="Which score.")
@json_option
def export_scores(settings: Settings, org: str, profile: str, as_json: bool) -> None:
    """Print the shown score of every contact of an org as CSV, in the order of contact ids."""
    scores = sorted(run_on_topics(settings, _read(settings, org, profile)))
    if as_json:
        echo_json([dict(zip(REQUIRED, row, strict=True)) for row in scores])
        return
    text = io.StringIO(newline="")
    csv.writer(text).writerows([REQUIRED, *scores])
    click.get_binary_stream("stdout").write(text.getvalue().encode())


async def _read(settings: Settings, org: str, profile: str) -> list[tuple[str, int]]:
    """Return contact ids and scores; ClickException when no contact has a profile that is not the default one."""
    decode = msgspec.msgpack.Decoder(Core).decode
    prefix, suffix = contact_prefix(org), SEPARATOR + CORE
    client, changelog = kafka_client_arguments(settings), declared_topics(settings).changelog.name
    scores: list[tuple[str, int]] = []
    there = profile == DEFAULT_PROFILE
    for partition in range(settings.partitions):
        for key, value in (await read_state(client, changelog, partition)).records.items():
            if key.startswith(prefix) and key.endswith(suffix):
                profiles = decode(value).profiles
                there = there or profile in profiles
                contact = split_contact_key(key.removesuffix(suffix))[1]
                scores.append((contact, profiles.get(profile, ProfileState()).shown))
    if not there:
        raise click.ClickException(f"no contact of org {org} has a score in profile {profile}")
    return scores
