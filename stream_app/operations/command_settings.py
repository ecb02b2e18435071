"""What commands share: options for settings, one way to run and to fail, JSON on request.

Laws: a setting's option, its type and its help come from the table of settings; wrong settings are wrong use (exit
code 2); what an operator can mend is one line on standard error and exit code 1, never a traceback.
"""

import asyncio
import functools
import json
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import click

from stream_app.settings import SettingsError, load_settings, table, variable_of

Command = Callable[..., Any]

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")

CONNECTION = ("bootstrap_servers", "prefix", "app_id")


def with_settings(*names: str) -> Callable[[Command], Command]:
    """Give a command ``settings``, with options for the named ones and for how to reach Kafka."""

    def decorate(command: Command) -> Command:
        shown = dict.fromkeys((*CONNECTION, *names))

        @functools.wraps(command)
        def run(**given: Any) -> Any:
            line = {name: given.pop(name) for name in shown}
            try:
                settings = load_settings(line, os.environ, Path.cwd())
                return command(settings=settings, **given)
            except SettingsError as error:
                raise click.UsageError(str(error)) from error

        for name in reversed(shown):
            run = click.option(
                "--" + name.replace("_", "-"), name, metavar="TEXT", help=f"{table()[name].doc} [{variable_of(name)}]"
            )(run)
        return run

    return decorate


def run_bounded(work: Coroutine[Any, Any, Any], *failures: type[Exception]) -> Any:
    """Run async work to its end; the named failures, Kafka's and the network's become one line and exit code 1."""
    from stream_app.delivery.recovery import RETRIED

    try:
        return asyncio.run(work)
    except (*RETRIED, *failures) as error:
        raise click.ClickException(str(error) or type(error).__name__) from error


def echo_json(value: object) -> None:
    """Print one JSON document on one line."""
    click.echo(json.dumps(value, ensure_ascii=False))
