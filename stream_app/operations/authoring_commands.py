"""``leadstream rules | profiles put | list | get | lint`` and ``leadstream config show | check``.

Laws: a put with one error writes nothing; deletions ask first, unless ``--yes``; the same file put twice changes
nothing the second time.  ``put`` writes to ``config`` itself, as its only writer (``authoring.config_topic``).
"""

import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO, cast

import click

from schemas.times import format_time
from stream_app.authoring.config_log import ConfigLog, Kind
from stream_app.authoring.lint import Problem
from stream_app.authoring.puts import Plan, lint_items, plan_put
from stream_app.operations.command_settings import echo_json, run_bounded, with_settings
from stream_app.settings import Settings, SettingsError, declared_topics, effective, load_settings, unknown_variables


class ChangedMeanwhile(RuntimeError):
    """Someone else put objects between the question and the write, so that more would be deleted than asked."""


org_option = click.option("--org", required=True, metavar="ORG", help="The org that the objects belong to.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
file_argument = click.argument("file", type=click.File(encoding="utf-8"))


@click.command(help="Put a JSON or YAML list: with an id replaced, without added. FILE may be - for standard input.")
@with_settings()
@click.pass_obj
@org_option
@file_argument
@click.option("--prune", is_flag=True, help="Delete what the list lacks.")
@click.option("--dry-run", is_flag=True, help="Only tell what would change.")
@click.option("--yes", is_flag=True, help="Do not ask before deleting.")
@json_option
def put(
    kind: Kind, settings: Settings, org: str, file: TextIO, prune: bool, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Put a list of objects."""
    putting = _put(settings, kind, org, _read_list(file), prune=prune, dry_run=dry_run, yes=yes)
    plan, version = run_bounded(putting, ChangedMeanwhile)
    _print_plan(plan, version, as_json)
    if plan.refused:
        raise click.ClickException("nothing was written")


@click.command("list", help="Print the objects of an org.")
@with_settings()
@click.pass_obj
@org_option
@json_option
def list_(kind: Kind, settings: Settings, org: str, as_json: bool) -> None:
    """Print the live objects."""
    found = list(run_bounded(_read(settings)).objects(kind, org).values())
    if as_json:
        echo_json(found)
    for body in () if as_json else found:
        click.echo(f"{body['id']}  {body['name']}")


@click.command(help="Print one object as JSON.")
@with_settings()
@click.pass_obj
@org_option
@click.argument("object_id", metavar="ID")
@json_option
def get(kind: Kind, settings: Settings, org: str, object_id: str, as_json: bool) -> None:
    """Print one object."""
    body = run_bounded(_read(settings)).objects(kind, org).get(object_id)
    if body is None:
        raise click.ClickException(f"org {org} has no {kind} {object_id}")
    click.echo(json.dumps(body, ensure_ascii=False, indent=None if as_json else 2))


@click.command(help="Judge a file; asks no broker. Exit code 1 when there is an error.")
@click.pass_obj
@file_argument
@json_option
def lint(kind: Kind, file: TextIO, as_json: bool) -> None:
    """Judge a file."""
    problems = lint_items(kind, _read_list(file))
    if as_json:
        echo_json([asdict(problem) for problem in problems])
    else:
        _print_problems(problems)
    if any(problem.severity == "error" for problem in problems):
        raise click.exceptions.Exit(1)


def _group(name: str, kind: Kind) -> click.Group:
    """Return the commands above for one kind, which they find as the context's object."""
    return click.Group(
        name, [put, list_, get, lint], help=f"Write and read the {name} of an org.", context_settings={"obj": kind}
    )


rules = _group("rules", "rule")
profiles = _group("profiles", "profile")


@click.group()
def config() -> None:
    """Show and check the settings in force."""


@config.command()
@json_option
def show(as_json: bool) -> None:
    """Print each setting with its source; secrets are masked."""
    try:
        rows = effective({}, os.environ, Path.cwd())
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    if as_json:
        echo_json([asdict(row) for row in rows])
    for row in () if as_json else rows:
        click.echo(f"{row.variable}={row.value or ''}  # {row.source}")


@config.command()
@json_option
def check(as_json: bool) -> None:
    """Tell what is wrong with the settings. Exit code 1 when something is."""
    problems = [f"{variable}: there is no such setting" for variable in unknown_variables(os.environ, Path.cwd())]
    try:
        declared_topics(load_settings({}, os.environ, Path.cwd()))
    except SettingsError as error:
        problems.insert(0, str(error))
    if as_json:
        echo_json({"problems": problems})
    for problem in () if as_json else problems or ["all settings are in order"]:
        click.echo(problem)
    if problems:
        raise click.exceptions.Exit(1)


def _read_list(file: TextIO) -> list[object]:
    import yaml

    try:
        items = json.load(file) if file.name.endswith(".json") else yaml.safe_load(file)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise click.UsageError(f"{file.name} cannot be read: {error}") from error
    if not isinstance(items, list):
        raise click.UsageError(f"{file.name} holds no list")
    return cast(list[object], items)


async def _read(settings: Settings) -> ConfigLog:
    from stream_app.authoring.config_topic import read_config

    return ConfigLog.of(await read_config(settings))


async def _put(
    settings: Settings, kind: Kind, org: str, items: list[object], *, prune: bool, dry_run: bool, yes: bool
) -> tuple[Plan, int]:
    from stream_app.authoring.config_topic import config_writer

    def planned(log: ConfigLog) -> Plan:
        return plan_put(kind, log, org, items, format_time(time.time_ns() // 1_000_000), prune=prune)

    log = await _read(settings)
    plan = planned(log)
    if dry_run or plan.refused or not plan.written:
        return plan, log.version
    deleted = {change.key for change in plan.written if change.value is None}
    if deleted and not yes:
        click.confirm(f"Delete {', '.join(key.id for key in deleted)}?", abort=True, err=True)
    async with config_writer(settings) as writer:
        plan = planned(writer.log)
        if not {change.key for change in plan.written if change.value is None} <= deleted:
            raise ChangedMeanwhile("the objects were changed meanwhile: put again")
        return plan, writer.log.version if plan.refused else await writer.write(plan.written)


def _print_plan(plan: Plan, version: int, as_json: bool) -> None:
    if as_json:
        changes: list[dict[str, Any]] = [
            {"action": change.action, "id": change.key.id, "name": change.name} for change in plan.changes
        ]
        problems = [asdict(problem) for problem in plan.problems]
        echo_json({"rulebookVersion": version, "changes": changes, "problems": problems})
        return
    _print_problems(plan.problems)
    for change in plan.changes:
        click.echo(f"{change.action} {change.key.id}  {change.name}")


def _print_problems(problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        click.echo(f"{problem.severity} {problem.pointer or '/'} {problem.code}: {problem.message}", err=True)
