"""``leadstream score get | adjust | import | export``: scores from the changelog, and commands that move them.

Laws: an adjustment goes the way of every other, through ``commands``: the stream applies it once for each command id,
so a repeat with the same ``--command-id`` changes nothing; it is checked here by the codec that the stream uses, and
its profile by what is published.
"""

import json
import time
import uuid
from typing import Any

import click

from schemas.authored import DEFAULT_PROFILE
from stream_app.operations.command_settings import echo_json, with_settings
from stream_app.operations.option_types import CONTACT, ORG, TEXT
from stream_app.operations.score_export import export_scores
from stream_app.operations.score_import import check_profile, import_scores
from stream_app.operations.shown import shown_time
from stream_app.operations.state_commands import LAYOUT, json_option, run_on_topics
from stream_app.settings import Settings, declared_topics, kafka_client_arguments

org_option = click.option("--org", type=ORG, required=True, metavar="ORG", help="The contact's org.")
contact_argument = click.argument("contact", metavar="CONTACT", type=CONTACT)


@click.group()
def score() -> None:
    """Show, adjust, import and export scores."""


score.add_command(import_scores)
score.add_command(export_scores)


@score.command()
@with_settings(*LAYOUT)
@org_option
@contact_argument
@json_option
def get(settings: Settings, org: str, contact: str, as_json: bool) -> None:
    """Print the shown score of each profile, one that decays as of its partition's clock."""
    scores = run_on_topics(settings, _scores(settings, org, contact))
    if scores is None:
        raise click.ClickException(f"contact {contact} of org {org} has no score")
    times = {profile: shown_time(shown.as_of) for profile, shown in scores.items() if shown.as_of is not None}
    if as_json:
        said = {profile: shown.score for profile, shown in scores.items()}
        echo_json({"orgId": org, "contactId": contact, "scores": said, "asOf": times})
    for profile, shown in () if as_json else scores.items():
        click.echo(f"{profile}  {shown.score}" + (f"  as of {times[profile]}" if profile in times else ""))


@score.command()
@with_settings(*LAYOUT)
@org_option
@contact_argument
@click.argument("points", type=int)
@click.option("--reason", type=TEXT, metavar="TEXT", help="What the ledger says of it.")
@click.option("--profile", type=TEXT, metavar="ID", default=DEFAULT_PROFILE, show_default=True, help="Which score.")
@click.option("--by", type=TEXT, metavar="WHO", help="Who asked for it.")
@click.option("--command-id", type=TEXT, metavar="ID", help="Drawn when absent; the same id is applied once.")
@json_option
def adjust(  # noqa: PLR0913 - one parameter for each option
    *, settings: Settings, org: str, contact: str, points: int, reason: str | None, profile: str, by: str | None,
    command_id: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Add POINTS, negative after `--`; answers when Kafka has it, the stream applies it a moment later."""
    from schemas.events import Rejected
    from schemas.times import format_time
    from stream_app.processing.command_codec import read_command

    now = time.time_ns() // 1_000_000
    command: dict[str, Any] = {
        "commandId": command_id or str(uuid.uuid4()), "orgId": org, "contactId": contact, "kind": "adjust",
        "points": points, "reason": reason, "profileId": profile, "at": format_time(now), "by": by,
    }  # fmt: skip
    value = json.dumps({name: item for name, item in command.items() if item is not None}).encode()
    checked = read_command(value, now)
    if isinstance(checked, Rejected):
        raise click.UsageError(checked.message)
    if profile != DEFAULT_PROFILE:
        run_on_topics(settings, check_profile(settings, org, profile))
    position = run_on_topics(settings, _send(settings, org, contact, value))
    if as_json:
        echo_json({"commandId": command["commandId"], "position": position})
        return
    click.echo(f"command {command['commandId']} at {position}")


async def _scores(settings: Settings, org: str, contact: str) -> Any:
    from stream_app.operations.score_reading import Scores

    return await (await Scores.of(settings, org)).contact(contact)


async def _send(settings: Settings, org: str, contact: str, value: bytes) -> str:
    """Send a command and return its position."""
    from aiokafka import AIOKafkaProducer

    from schemas.ids import contact_key

    producer = AIOKafkaProducer(enable_idempotence=True, acks="all", **kafka_client_arguments(settings))
    await producer.start()
    try:
        sent = await producer.send_and_wait(declared_topics(settings).commands.name, value, contact_key(org, contact))
    finally:
        await producer.stop()
    return f"{sent.topic}-{sent.partition}-{sent.offset}"
