"""``leadstream config show | check``: the settings in force.

Laws: secrets are masked, and no options; a setting that nobody knows is told.
"""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from stream_app.operations.command_settings import echo_json, json_option, setting_options
from stream_app.settings import SettingsError, declared_topics, effective, load_settings, table, unknown_variables

OPTIONS: Final = tuple(name for name, row in table().items() if not row.secret)


@click.group()
def config() -> None:
    """Show and check the settings in force."""


@config.command()
@setting_options(*OPTIONS)
@json_option
def show(as_json: bool, **line: str | None) -> None:
    """Print each setting with its source; secrets are masked."""
    try:
        rows = effective(line, os.environ, Path.cwd())
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    if as_json:
        echo_json([asdict(row) for row in rows])
    for row in () if as_json else rows:
        click.echo(f"{row.variable}={row.value or ''}  # {row.source}")


@config.command()
@setting_options(*OPTIONS)
@json_option
def check(as_json: bool, **line: str | None) -> None:
    """Tell what is wrong with the settings. Exit code 1 when something is."""
    problems = [f"{variable}: there is no such setting" for variable in unknown_variables(os.environ, Path.cwd())]
    try:
        declared_topics(load_settings(line, os.environ, Path.cwd()))
    except SettingsError as error:
        problems.insert(0, str(error))
    if as_json:
        echo_json({"problems": problems})
    for problem in () if as_json else problems or ["all settings are in order"]:
        click.echo(problem)
    if problems:
        raise click.exceptions.Exit(1)
