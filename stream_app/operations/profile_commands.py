"""``leadstream profiles``: what `authoring_commands` does, and ``publish | unpublish | discard | rollback | versions``.

Laws: what takes something away (a score that is live, a draft) asks first, unless ``--yes``, and does nothing to a
profile that was changed between the question and the answer.  Writes to ``config`` itself, as ``put`` does.
"""

import time
from collections.abc import Mapping
from typing import Final

import click

from stream_app.authoring.changes import Change
from stream_app.authoring.config_log import AuthoredKey, ConfigLog
from stream_app.authoring.drafts import shown_of, told_versions
from stream_app.authoring.edit_plans import plan_edit
from stream_app.authoring.edits import Act, Done, Failed, Planned, Reason
from stream_app.authoring.publishing import Action
from stream_app.operations.authoring_commands import (
    ChangedMeanwhile,
    dry_run_option,
    group,
    org_option,
    print_changes,
    print_problems,
    read_log,
    run_on_config,
    told_changes,
)
from stream_app.operations.command_settings import echo_json, json_option, with_settings
from stream_app.operations.shown import safe_line
from stream_app.settings import Settings

WHY: Final[Mapping[Reason, str]] = {
    "not_found": "there is no such profile", "always_live": "the profile default is live as it is written",
    "not_published": "nothing of this profile is published", "too_many_rules": "the org would have too many rules",
}  # fmt: skip
TAKEN: Final[Mapping[Action, str]] = {
    "unpublish": "Stop scoring {id}?", "discard": "Throw away the draft of {id}?",
    "rollback": "Throw away the draft of {id} and publish version {version} again?",
}  # fmt: skip


def _acting(action: Action, text: str) -> click.Command:
    """Return the command of one action on one profile."""

    @click.command(action, help=text)
    @with_settings()
    @org_option
    @click.argument("profile_id", metavar="ID")
    @dry_run_option
    @click.option("--yes", is_flag=True, help="Do not ask.")
    @json_option
    def command(
        settings: Settings, org: str, profile_id: str, dry_run: bool, yes: bool, as_json: bool,
        version: int | None = None,
    ) -> None:  # fmt: skip
        act = Act(key=AuthoredKey("profile", org, profile_id), action=action, version=version)
        changes, log = run_on_config(settings, _act(settings, act, dry_run=dry_run, yes=yes), ChangedMeanwhile)
        profile = shown_of(log, act.key)
        if as_json:
            told = {"changes": told_changes(changes), "profile": profile}
            echo_json({"rulebookVersion": log.version, **told})
            return
        print_changes("profile", changes if dry_run else changes[:-1])  # the last is the profile itself
        if not dry_run:
            click.echo(f"{profile_id} is {profile['status']}, version {profile['version']}")

    if action == "rollback":
        command.params.append(click.Argument(["version"], type=click.IntRange(min=1)))
    return command


@click.command(help="Print the publishes of a profile that are remembered, the newest first.")
@with_settings()
@org_option
@click.argument("profile_id", metavar="ID")
@json_option
def versions(settings: Settings, org: str, profile_id: str, as_json: bool) -> None:
    """Print publishes."""
    log: ConfigLog = run_on_config(settings, read_log(settings))
    key = AuthoredKey("profile", org, profile_id)
    if log.find(key) is None:
        raise click.ClickException(f"org {org} has no profile {profile_id}")
    told = told_versions(key, reversed(log.publishes_of(key)))
    if as_json:
        echo_json(told)
    for one in () if as_json else told:
        line = f"{one['version']}  {one['at']}  {one['body']['name']}, {len(one['body']['rules'])} rules"
        click.echo(safe_line(line))


profiles = group(
    "profiles", "profile",
    _acting("publish", "Put the draft of a profile in force."),
    _acting("unpublish", "Stop scoring a profile; its scores and its draft stay."),
    _acting("discard", "Make the draft of a profile, rules included, what is published."),
    _acting("rollback", "Publish an earlier version again, as a new one; the draft becomes it too."),
    versions,
)  # fmt: skip


async def _act(settings: Settings, act: Act, *, dry_run: bool, yes: bool) -> tuple[tuple[Change, ...], ConfigLog]:
    """Act on a profile; return what is changed, and what ``config`` says then."""
    from stream_app.authoring.config_topic import config_writer

    log = await read_log(settings)
    first, seen = _outcome(log, act), log.version_of(act.key)
    print_problems(first.warnings)
    if dry_run or isinstance(first, Done):
        return _changes(first), log
    if act.action in TAKEN and not yes:
        question = TAKEN[act.action].format(id=act.key.id, version=act.version)
        click.confirm(question, abort=True, err=True)
    async with config_writer(settings) as writer:
        if act.action in TAKEN and writer.log.version_of(act.key) != seen:
            raise ChangedMeanwhile("the profile was changed meanwhile: look at it again")
        outcome = _outcome(writer.log, act)
        print_problems(warning for warning in outcome.warnings if warning not in first.warnings)
        await writer.write(_changes(outcome))
        return _changes(outcome), writer.log


def _outcome(log: ConfigLog, act: Act) -> Planned | Done:
    """Return what is to be written, or that all is so already; ClickException when it may not be."""
    outcome = plan_edit(log, act, time.time_ns() // 1_000_000)
    if isinstance(outcome, Failed):
        print_problems(outcome.problems)
        raise click.ClickException(WHY.get(outcome.reason, "nothing was written"))
    return outcome


def _changes(outcome: Planned | Done) -> tuple[Change, ...]:
    return outcome.changes if isinstance(outcome, Planned) else ()
