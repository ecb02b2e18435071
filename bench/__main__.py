"""``python -m bench``: measure, print tables, keep JSON; or put the tables of a JSON file into a document."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from bench.campaign import Options, run
from bench.report import render, tables

QUICK = {"events": 50_000, "stock_seconds": 15.0, "latency_seconds": 10.0, "warm_up_seconds": 3.0}
FULL = {"events": 1_000_000, "stock_seconds": 60.0, "latency_seconds": 30.0, "warm_up_seconds": 15.0}


def _workers(_context: click.Context, _option: click.Parameter, text: str) -> tuple[int, ...]:
    try:
        counts = tuple(int(count) for count in text.split(","))
    except ValueError:
        raise click.BadParameter("numbers with commas between") from None
    if any(count < 1 for count in counts) or len(set(counts)) < len(counts):
        raise click.BadParameter("different numbers from 1 up")
    return counts


@click.command()
@click.option("--events", type=click.IntRange(1000), help="Events that are preloaded [1,000,000].")
@click.option("--contacts", type=click.IntRange(1), default=100_000, show_default=True)
@click.option("--partitions", type=click.IntRange(1), default=4, show_default=True)
@click.option("--workers", callback=_workers, default="1,2", show_default=True, help="Worker counts of leadstream.")
@click.option("--stock-seconds", type=click.FloatRange(5), help="Window of stock Faust after its warm-up [60].")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Where the result goes, after each part.")
@click.option("--quick", is_flag=True, help="50,000 events and 15 s of stock Faust: a smoke test, no figures.")
@click.option(
    "--render", "document", type=click.Path(exists=True, path_type=Path),
    help="Measure nothing: put the tables of RESULT into this document.",
)  # fmt: skip
@click.argument("result", type=click.Path(exists=True, path_type=Path), required=False)
@click.pass_context
def main(context: click.Context, file: Path | None, document: Path | None, result: Path | None, **given: Any) -> None:
    """Measure leadstream beside its peers, in one run on one broker of this machine."""
    if document is not None:
        if result is None:
            raise click.UsageError("--render DOCUMENT needs a RESULT")
        render(document, json.loads(result.read_text(encoding="utf-8")))
        return
    measured = run(_options(**given), _command(context), _tell, _keeper(file))
    click.echo(tables(measured))


def _options(quick: bool, **given: Any) -> Options:
    chosen = QUICK if quick else FULL
    return Options(**chosen | {name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type] # a table of mixed types


def _command(context: click.Context) -> str:
    """Return the command line that measures the same again."""
    source, line = context.get_parameter_source, ParameterSource.COMMANDLINE
    given = [name for name in context.params if source(name) is line and name != "file"]
    words = [_word(name, context.params[name]) for name in given]
    return " ".join(["./dev bench", *words])


def _word(name: str, value: Any) -> str:
    option = "--" + name.replace("_", "-")
    if value is True:
        return option
    return f"{option} {','.join(map(str, value)) if isinstance(value, tuple) else value}"


def _tell(text: str) -> None:
    click.echo(f"bench: {text}", err=True)


def _keeper(file: Path | None) -> Callable[[dict[str, Any]], None]:
    def keep(result: dict[str, Any]) -> None:
        if file is not None:
            file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")

    return keep


if __name__ == "__main__":
    main()
