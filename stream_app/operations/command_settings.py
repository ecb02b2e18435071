"""What commands share: options for settings, one way to run and to fail, JSON on request.

Laws: a setting's option, its type and its help come from the table of settings; wrong settings are wrong use (exit
code 2); what an operator can mend is one line on standard error and exit code 1, never a traceback.
"""

import asyncio
import functools
import json
import logging
import os
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from stream_app.settings import Settings, SettingsError, load_settings, table, variable_of
from topics.declarations import TopicSpec

Command = Callable[..., Any]

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")

CONNECTION = ("bootstrap_servers", "prefix", "app_id")


def with_settings(*names: str) -> Callable[[Command], Command]:
    """Give a command ``settings``, with options for the named ones and for how to reach Kafka."""
    shown = dict.fromkeys((*CONNECTION, *names))

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def run(**given: Any) -> Any:
            line = {name: given.pop(name) for name in shown}
            try:
                settings = load_settings(line, os.environ, Path.cwd())
                return command(settings=settings, **given)
            except SettingsError as error:
                raise click.UsageError(str(error)) from error

        return setting_options(*shown)(run)

    return decorate


def setting_options(*names: str) -> Callable[[Command], Command]:
    """Give a command an option for each of the named settings."""

    def decorate(command: Command) -> Command:
        for name in reversed(names):
            command = click.option(
                "--" + name.replace("_", "-"), name, metavar="TEXT", help=f"{table()[name].doc} [{variable_of(name)}]"
            )(command)
        return command

    return decorate


def run_bounded(settings: Settings, work: Coroutine[Any, Any, Any], *failures: type[Exception]) -> Any:
    """Run async work to its end; the named failures, Kafka's and the network's become one line and exit code 1."""
    from stream_app.delivery.recovery import RETRIED

    unanswered = _Unanswered()
    try:
        with unanswered:
            return asyncio.run(work)
    except BrokenPipeError:  # of standard output, which click ends quietly: those of Kafka are KafkaErrors
        raise
    except (*RETRIED, *failures) as error:
        raise click.ClickException(unanswered.told(settings, error) or str(error) or type(error).__name__) from error


class _Unanswered(logging.Filter):
    """Within a block, what aiokafka logs of each server that it cannot begin with: its error names them in Python.

    No handler is set up in a command that is no worker, so that its log would go to standard error beside the error.
    """

    def __init__(self) -> None:
        super().__init__()
        self._reasons: dict[str, None] = {}

    def __enter__(self) -> None:
        logging.getLogger("aiokafka").addFilter(self)

    def __exit__(self, *_: object) -> None:
        logging.getLogger("aiokafka").removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Take the lines of a bootstrap out of the log; keep a reason that is not just silence."""
        from aiokafka.errors import KafkaError

        if not str(record.msg).startswith(('Unable connect to "', "Unable to request metadata from")):
            return True
        reason = record.args[-1] if isinstance(record.args, tuple) and record.args else None
        if isinstance(reason, (KafkaError, ssl.SSLError, socket.gaierror)):
            self._reasons[" ".join(str(reason).split())] = None
        return False

    def told(self, settings: Settings, error: Exception) -> str | None:
        """Return a sentence where an error says that no server was there, None where it says anything else."""
        if not str(error).startswith("KafkaConnectionError: Unable to bootstrap"):
            return None
        named = (settings.bootstrap_servers or "").replace(",", ", ")
        why = f": {'; '.join(self._reasons)}" if self._reasons else ""
        return f"no broker answers at {named} ({variable_of('bootstrap_servers')}){why}"


def run_with(
    settings: Settings, specs: Sequence[TopicSpec], work: Coroutine[Any, Any, Any], *failures: type[Exception]
) -> Any:
    """Run async work once these topics are there with the partition counts of the settings.

    Whoever asks a broker for a topic by name may have it created, in a shape that nobody declared: nobody does before.
    """
    from stream_app.operations.topic_administration import TopicsRefused, check_topics

    async def checked() -> Any:
        try:
            await check_topics(settings, specs)
            return await work
        finally:
            work.close()

    return run_bounded(settings, checked(), TopicsRefused, *failures)


def make_folder(folder: Path) -> None:
    """Make a folder of the data directory where it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be made: {error.strerror}") from error


def echo_json(value: object) -> None:
    """Print one JSON document on one line."""
    click.echo(json_text(value))


def json_text(value: object, separators: tuple[str, str] | None = None) -> str:
    """Return a value as JSON on one line, with escapes for what would act on a terminal."""
    text = json.dumps(value, ensure_ascii=False, separators=separators)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


@contextmanager
def json_list() -> Iterator[Callable[[object], None]]:
    """Print one JSON list on one line, item by item: call what this gives for each."""
    before = "["

    def item(value: object) -> None:
        nonlocal before
        click.echo(before + json_text(value), nl=False)
        before = ", "

    yield item
    click.echo("[]" if before == "[" else "]")
