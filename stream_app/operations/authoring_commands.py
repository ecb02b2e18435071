"""``leadstream rules | profiles put | list | get | lint``.

Laws: a put with one error writes nothing; deletions ask first, unless ``--yes``; a list of objects with ids put twice
changes nothing the second time; what is put of a profile other than ``default`` is its draft.  ``put`` writes to
``config`` itself, as its only writer (``authoring.config_topic``).
"""

import json
import time
from collections.abc import Coroutine, Iterable
from dataclasses import asdict
from typing import Any, TextIO, cast

import click

from schemas.authored import DEFAULT_PROFILE
from schemas.times import format_time
from stream_app.authoring.changes import Change, Plan
from stream_app.authoring.config_log import AuthoredKey, Body, ConfigLog, Kind
from stream_app.authoring.drafts import shown_of
from stream_app.authoring.problems import Problem
from stream_app.authoring.puts import lint_items, plan_put
from stream_app.operations.command_settings import echo_json, json_option, run_with, with_settings
from stream_app.operations.option_types import ORG
from stream_app.operations.shown import safe_line
from stream_app.settings import Settings, declared_topics

NOTHING = Plan((), ())


class ChangedMeanwhile(RuntimeError):
    """Someone else put objects between the question and the write, so that more would be deleted than asked."""


org_option = click.option("--org", type=ORG, required=True, metavar="ORG", help="The org that the objects belong to.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Only tell what would change.")
file_argument = click.argument("file", type=click.File(encoding="utf-8"))


@click.command(help="Put a JSON or YAML list: with an id replaced, without added. FILE may be - for standard input.")
@with_settings()
@click.pass_obj
@org_option
@file_argument
@click.option("--prune", is_flag=True, help="Delete what the list lacks.")
@click.option("--if-none", is_flag=True, help="Only where the org has none; else nothing is done.")
@dry_run_option
@click.option("--yes", is_flag=True, help="Do not ask before deleting.")
@json_option
def put(  # noqa: PLR0913 - one parameter for each option
    kind: Kind, *, settings: Settings, org: str, file: TextIO, prune: bool, if_none: bool, dry_run: bool, yes: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Put a list of objects."""
    if prune and if_none:
        raise click.UsageError("--prune and --if-none exclude each other")
    putting = _put(settings, kind, org, _read_list(file), prune=prune, if_none=if_none, dry_run=dry_run, yes=yes)
    plan, version = run_on_config(settings, putting, ChangedMeanwhile)
    if plan is None and not as_json:
        click.echo(f"org {org} has {kind}s already: nothing done")
        return
    plan = plan or NOTHING
    _print_plan(kind, plan, version, as_json)
    if plan.refused:
        raise click.ClickException("nothing was written")


@click.command("list", help="Print the objects of an org.")
@with_settings()
@click.pass_obj
@org_option
@json_option
def list_(kind: Kind, settings: Settings, org: str, as_json: bool) -> None:
    """Print the live objects."""
    found = list(_bodies(run_on_config(settings, read_log(settings)), kind, org).values())
    if as_json:
        echo_json(found)
    for body in () if as_json else found:
        standing = f"  {_standing(body)}" if kind == "profile" else ""
        click.echo(safe_line(f"{body['id']}  {body.get('name', '(no name)')}{standing}"))


@click.command(help="Print one object as JSON.")
@with_settings()
@click.pass_obj
@org_option
@click.argument("object_id", metavar="ID")
@json_option
def get(kind: Kind, settings: Settings, org: str, object_id: str, as_json: bool) -> None:
    """Print one object."""
    body = _bodies(run_on_config(settings, read_log(settings)), kind, org).get(object_id)
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
        print_problems(problems)
    if any(problem.severity == "error" for problem in problems):
        raise click.exceptions.Exit(1)


def group(name: str, kind: Kind, *more: click.Command) -> click.Group:
    """Return the commands above for one kind, which they find as the context's object, and more of its own."""
    return click.Group(
        name, [put, list_, get, lint, *more], help=f"Write and read the {name} of an org.",
        context_settings={"obj": kind},
    )  # fmt: skip


rules = group("rules", "rule")


def _bodies(log: ConfigLog, kind: Kind, org: str) -> dict[str, Body]:
    """Return an org's objects as they are shown; the profile ``default`` is always there."""
    if kind == "rule":
        return log.objects(kind, org)
    ids = dict.fromkeys([DEFAULT_PROFILE, *log.objects(kind, org)])
    return {one: shown_of(log, AuthoredKey(kind, org, one)) for one in ids}


def _standing(profile: Body) -> str:
    """Return in words what of a profile scores."""
    live = f"version {profile['version']}" if profile["published"] is not None else "not published"
    return live if profile["draft"] is None else f"{live}, with a draft"


def _read_list(file: TextIO) -> list[object]:
    import yaml

    try:
        items = json.load(file) if file.name.endswith(".json") else yaml.safe_load(file)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise click.UsageError(f"{file.name} cannot be read: {error}") from error
    if not isinstance(items, list):
        raise click.UsageError(f"{file.name} holds no list")
    return cast(list[object], items)


def run_on_config(settings: Settings, work: Coroutine[Any, Any, Any], *failures: type[Exception]) -> Any:
    """Run async work once ``config`` is there."""
    return run_with(settings, [declared_topics(settings).config], work, *failures)


async def read_log(settings: Settings) -> ConfigLog:
    """Return what ``config`` says now."""
    from stream_app.authoring.config_topic import read_config

    return ConfigLog.of(await read_config(settings))


async def _put(
    settings: Settings, kind: Kind, org: str, items: list[object], *, prune: bool, if_none: bool, dry_run: bool,
    yes: bool,
) -> tuple[Plan | None, int]:  # fmt: skip
    """Put; return what was planned, None where ``if_none`` found some, and the version."""
    from stream_app.authoring.config_topic import config_writer

    def planned(log: ConfigLog) -> Plan | None:
        if if_none and log.objects(kind, org):
            return None
        return plan_put(kind, log, org, items, format_time(time.time_ns() // 1_000_000), prune=prune)

    log = await read_log(settings)
    plan = planned(log)
    if plan is None or dry_run or plan.refused or not plan.written:
        return plan, log.version
    deleted = {change.key for change in plan.written if change.value is None}
    if deleted and not yes:
        click.confirm(f"Delete {', '.join(f'{key.kind} {key.id}' for key in deleted)}?", abort=True, err=True)
    async with config_writer(settings) as writer:
        if (plan := planned(writer.log)) is None:
            return None, writer.log.version
        if not {change.key for change in plan.written if change.value is None} <= deleted:
            raise ChangedMeanwhile("the objects were changed meanwhile: put again")
        return plan, writer.log.version if plan.refused else await writer.write(plan.written)


def _print_plan(kind: Kind, plan: Plan, version: int, as_json: bool) -> None:
    if as_json:
        problems = [asdict(problem) for problem in plan.problems]
        echo_json({"rulebookVersion": version, "changes": told_changes(plan.changes), "problems": problems})
        return
    print_problems(plan.problems)
    print_changes(kind, plan.changes)


def told_changes(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """Return changes as JSON tells them."""
    return [
        {"action": change.action, "kind": change.key.kind, "id": change.key.id, "name": change.name}
        for change in changes
    ]  # fmt: skip


def print_changes(kind: Kind, changes: Iterable[Change]) -> None:
    """Print changes, those of another kind than the command's with their kind."""
    for change in changes:
        of = "" if change.key.kind == kind else f"{change.key.kind} "
        click.echo(safe_line(f"{change.action} {of}{change.key.id}  {change.name}"))


def print_problems(problems: Iterable[Problem]) -> None:
    """Print what is wrong or odd."""
    for problem in problems:
        line = f"{problem.severity} {problem.pointer or '/'} {problem.code}: {problem.message}"
        click.echo(safe_line(line), err=True)
