"""What a demo owns while it runs: its folder, its broker, and the signals that end it.

Laws: one demo at a time holds a folder, and the system gives it back whatever ends the process; a broker found running
in it is a killed demo's and is taken over, so it is ended too; nothing outside the folder is deleted.
Reads and writes: the folder.
"""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from stream_app.operations.broker import EmbeddedKafka
from stream_app.operations.broker_commands import FAILURES, terminal_progress
from stream_app.operations.class_archive import lock_at_once
from stream_app.operations.command_settings import make_folder
from stream_app.operations.jars import Progress

STOP_SECONDS: Final = 10.0  # for the broker, after the worker, so that both fit into 15 s
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def alone(home: Path, *, dry_run: bool = False) -> Iterator[None]:
    """Hold the folder for the length of a block; ClickException where another demo does.

    A dry run makes nothing: what is not there nobody holds.
    """
    with _told(home):
        held = not dry_run or (home / "lock").exists()
    if not held:
        yield
        return
    make_folder(home)
    with _told(home):
        descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not lock_at_once(descriptor):
            raise click.ClickException(f"a demo runs already on {home}; --data-dir names another folder")
        yield
    finally:
        os.close(descriptor)


def start_over(home: Path, *, dry_run: bool, yes: bool) -> None:
    """Delete what earlier demos left, if anything, and end a broker that a killed one left running."""
    with _told(home):
        left = sorted(entry for entry in home.iterdir() if entry.name != "lock") if home.exists() else []
    if dry_run:
        for entry in left:
            click.echo(f"would delete {entry}")
        return
    if left and not yes:
        named = ", ".join(entry.name for entry in left)
        click.confirm(f"Delete what earlier demos left in {home}: {named}?", abort=True, err=True)
    EmbeddedKafka(home / "broker").kill()
    for entry in left:
        with _told(entry):
            # what a link leads to is outside the folder
            entry.unlink() if entry.is_symlink() or not entry.is_dir() else shutil.rmtree(entry)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn an OSError within the block into a sentence."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{path} cannot be used: {error.strerror}") from error


@contextmanager
def broker_of(home: Path, named: str | None) -> Iterator[str]:
    """Give the address of a broker: the one that was named, else an embedded one, which is ended at the end."""
    if named:
        yield named
        return
    kafka = EmbeddedKafka(home / "broker", progress=_progress())
    try:
        try:
            kafka.start()
        except FAILURES as failure:
            raise click.ClickException(str(failure)) from failure
        yield kafka.bootstrap
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # it is ending already, and must not leave the broker behind
        tell("stopping (the first time this takes some seconds)")
        kafka.stop(STOP_SECONDS)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Leave the block by SystemExit(0) on SIGINT and SIGTERM; the worker has handlers of its own while it runs."""

    def leave(*_: object) -> None:
        raise SystemExit(0)

    before = {number: signal.signal(number, leave) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def tell(text: str) -> None:
    """Say on standard error what is being done."""
    click.echo(f"leadstream demo: {text}", err=True)


def _progress() -> Progress:
    """Show each step: counting on a terminal, its beginning elsewhere."""

    def begin(what: str, done: int, _total: int) -> None:
        if done == 0:
            tell(what)

    return terminal_progress() if sys.stderr.isatty() else begin
