"""``leadstream topics show | diff | apply``: the topics as declared, how the cluster differs, and mending that.

Laws: ``diff`` fails (exit code 1) when something is to be applied or refused; ``apply`` does nothing at all when
something is refused, and asks before it changes a config, for that can delete records.
"""

from dataclasses import asdict
from typing import Any

import click

from stream_app.operations.command_settings import echo_json, run_bounded, with_settings
from stream_app.settings import Settings, declared_topics
from topics.difference import Difference

LAYOUT = ("partitions", "replication_factor", "engagement_topics", "score_changed_days")
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group()
def topics() -> None:
    """Declare, compare and create leadstream's topics."""


@topics.command()
@with_settings(*LAYOUT)
@as_json_option
def show(settings: Settings, as_json: bool) -> None:
    """Print every topic as declared; asks no broker."""
    specs = declared_topics(settings).all
    if as_json:
        echo_json([_camel(asdict(spec)) for spec in specs])
        return
    for spec in specs:
        click.echo(f"{spec.name}  {spec.partitions} x {spec.key} -> {spec.value}")
        for config, value in spec.configs.items():
            click.echo(f"    {config}={value}")


@topics.command()
@with_settings(*LAYOUT)
@as_json_option
def diff(settings: Settings, as_json: bool) -> None:
    """Tell how the cluster's topics differ from the declared ones."""
    found: list[Difference] = run_bounded(settings, _differences(settings))
    _print(found, as_json)
    if any(difference.severity != "tell" for difference in found):
        raise click.exceptions.Exit(1)


@topics.command()
@with_settings(*LAYOUT)
@as_json_option
@click.option("--dry-run", is_flag=True, help="Only tell what would be done.")
@click.option("--yes", is_flag=True, help="Do not ask before changing configs of existing topics.")
def apply(settings: Settings, as_json: bool, dry_run: bool, yes: bool) -> None:
    """Create missing topics and set differing configs."""
    found: list[Difference] = run_bounded(settings, _differences(settings))
    _print(found, as_json)
    if any(difference.severity == "refuse" for difference in found):
        raise click.ClickException("nothing was done: a partition count cannot be changed")
    if dry_run or not any(difference.severity == "apply" for difference in found):
        return
    if not yes and any(difference.kind == "config" for difference in found):
        click.confirm("Change these configs? Shorter retention deletes records.", abort=True, err=True)
    run_bounded(settings, _apply(settings, found))


async def _differences(settings: Settings) -> list[Difference]:
    from stream_app.operations.topic_administration import administration, differences

    async with administration(settings) as admin:
        return await differences(admin, declared_topics(settings).all)


async def _apply(settings: Settings, found: list[Difference]) -> None:
    from stream_app.operations.topic_administration import administration, apply_differences

    async with administration(settings) as admin:
        await apply_differences(admin, declared_topics(settings).all, found)


def _print(found: list[Difference], as_json: bool) -> None:
    if as_json:
        echo_json([_camel(asdict(difference)) for difference in found])
        return
    for difference in found:
        click.echo(f"{difference.severity}: {difference.message}")
    if not found:
        click.echo("all topics are as declared")


def _camel(row: dict[str, Any]) -> dict[str, Any]:
    """Spell the names of a row as JSON does elsewhere."""
    return {
        "".join([first, *map(str.capitalize, rest)]): row[name] for name in row for first, *rest in [name.split("_")]
    }
