"""`leadstream broker start | stop | status`: an embedded Kafka that outlives the command that started it.

Laws: what to say goes to standard output, progress to standard error and only on a terminal; start and stop are
done when the broker already is as asked; status fails (exit code 1) where no broker runs.
"""
# pyright: strict

import functools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec

import click

from stream_app.operations.broker import BrokerFailed, EmbeddedKafka
from stream_app.operations.broker_folder import StorageNotFormatted
from stream_app.operations.jars import JarMismatch, JarUnavailable, Progress, silent
from stream_app.operations.java import JavaMissing
from stream_app.settings import SettingsError, load_settings, table, variable_of

#: What an operator can mend: shown as one line, not as a traceback. OSError: a folder not writable, a disk full.
FAILURES = (BrokerFailed, JarMismatch, JarUnavailable, JavaMissing, StorageNotFormatted, OSError)

P = ParamSpec("P")


@click.group()
def broker() -> None:
    """Run a Kafka broker on this machine, without Docker."""


def _shared(command: Callable[P, None]) -> Callable[P, None]:
    """Add the options of all three commands, and say in a line what an operator can mend."""

    @functools.wraps(command)
    def run(*arguments: P.args, **options: P.kwargs) -> None:
        try:
            command(*arguments, **options)
        except FAILURES as failure:
            raise click.ClickException(str(failure)) from failure

    data_dir = click.option(
        "--data-dir",
        metavar="DIRECTORY",
        callback=_data_dir,
        help=f"{table()['data_dir'].doc}; it lives in the folder `broker` there [{variable_of('data_dir')}]",
    )
    as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
    return data_dir(as_json(run))


def _data_dir(_context: click.Context, _option: click.Parameter, given: str | None) -> Path:
    """Find the data directory as every command does. Raises UsageError for settings that cannot be used."""
    try:
        return load_settings({"data_dir": given}, os.environ, Path.cwd()).data_dir
    except SettingsError as error:
        raise click.UsageError(str(error)) from error


@broker.command()
@_shared
@click.option("--port", type=click.IntRange(1, 65535), help="Listen here; by default a free port, kept from then on.")
@click.option("--heap-mb", type=click.IntRange(min=128), default=256, show_default=True, help="Memory for Java's heap.")
def start(data_dir: Path, as_json: bool, port: int | None, heap_mb: int) -> None:
    """Start the broker and return when it answers; the first time its jars are fetched (40 MB)."""
    kafka = EmbeddedKafka(broker_dir(data_dir), port=port, heap_mb=heap_mb, progress=terminal_progress())
    kafka.start()
    _report(kafka, data_dir, as_json)


@broker.command()
@_shared
def stop(data_dir: Path, as_json: bool) -> None:
    """Stop the broker; its data stays."""
    kafka = EmbeddedKafka(broker_dir(data_dir))
    kafka.stop()
    _report(kafka, data_dir, as_json)


@broker.command()
@_shared
def status(data_dir: Path, as_json: bool) -> None:
    """Say whether a broker runs and where it listens."""
    kafka = EmbeddedKafka(broker_dir(data_dir))
    _report(kafka, data_dir, as_json)
    if kafka.pid is None:
        raise click.exceptions.Exit(1)


def broker_dir(data_dir: Path) -> Path:
    """Name the folder of the embedded broker among leadstream's data."""
    return data_dir / "broker"


def terminal_progress() -> Progress:
    """Show progress on standard error if that is a terminal, a line for each kind of step."""
    if not sys.stderr.isatty():
        return silent

    def show(what: str, done: int, total: int) -> None:
        click.echo(f"\r{what} {done}/{total}", nl=done == total, err=True)

    return show


def _report(kafka: EmbeddedKafka, data_dir: Path, as_json: bool) -> None:
    pid = kafka.pid
    address = kafka.bootstrap if pid is not None else None
    if as_json:
        facts = {"running": pid is not None, "bootstrapServers": address, "pid": pid, "dataDir": str(data_dir)}
        click.echo(json.dumps(facts))
    elif address is not None:
        click.echo(f"Kafka runs at {address} (process {pid}, data in {broker_dir(data_dir)})")
    else:
        click.echo(f"no broker runs in {broker_dir(data_dir)}")
