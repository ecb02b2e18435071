"""A progress bar on standard error, where that is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from stream_app.operations.replay import Progress


@contextmanager
def progress_bar(expected: int, label: str) -> Iterator[Progress | None]:
    """Show a bar; what it yields takes the sum so far, None where there is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(length=expected, label=label, file=sys.stderr) as bar:
        yield _mover(bar.update)


def _mover(update: Callable[[int], None]) -> Progress:
    shown = 0

    def move(total: int) -> None:
        nonlocal shown
        update(total - shown)
        shown = total

    return move
