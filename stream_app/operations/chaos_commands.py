"""`leadstream chaos`: faults under load against real workers, judged by an oracle that reads the logs alone.

Laws: needs a source checkout, because the harness is no part of the installed program; on a cluster that is not its own
it works in a prefix that nobody uses, deletes what it made there, and leaves the brokers alone.
"""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from stream_app.operations.command_settings import json_option
from stream_app.operations.option_types import FiniteRange

ROOT: Final = Path(__file__).parents[2]
HARNESS: Final = "tests.faults.chaos"


@click.command()
@click.option("--minutes", type=FiniteRange(min=0), default=5.0, show_default=True, help="How long faults come.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same faults and load.")
@click.option("--workers", type=click.IntRange(2), default=2, show_default=True, help="Workers under fault.")
@click.option("--fault", default="mix", show_default=True, metavar="NAME[,NAME]", help="Faults in turn, or mix.")
@click.option("--list", "show", is_flag=True, help="Name all faults, and end.")
@click.option("--static", "membership", flag_value="static", help="Static membership.")
@click.option("--dynamic", "membership", flag_value="dynamic", default="dynamic", help="Dynamic membership (default).")
@click.option("--both", "membership", flag_value="both", help="Half of the minutes each.")
@click.option("--store", type=click.Choice(("memory", "rocksdb")), default="rocksdb", show_default=True)
@click.option("--partitions", type=click.IntRange(1), default=4, show_default=True)
@click.option("--rate", type=FiniteRange(1), default=200.0, show_default=True, help="Records a second.")
@click.option("--session-seconds", type=click.IntRange(6), default=10, show_default=True, help="Session timeout.")
@click.option("--bootstrap-servers", metavar="SERVERS", help="A cluster that is there; default: an embedded broker.")
@click.option("--prefix", default="leadstream-chaos", show_default=True, help="Of topics that nobody uses.")
@click.option("--other", type=click.Path(exists=True, path_type=Path), help="Checkout of another version.")
@click.option("--reference-worker", "reference", is_flag=True, help="The reference on delivery, not the engine.")
@click.option("--soak", is_flag=True, help="Spare worker 0, and tell the slopes of what it takes.")
@click.option("--report", type=click.Path(path_type=Path), help="Append one JSON line a run.")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page over all lines of the report.")
@click.option("--folder", type=click.Path(path_type=Path), help="Kept; default: a temporary one.")
@json_option
def chaos(**asked: Any) -> None:
    """Kill, freeze and starve real workers under load, then prove that nothing was lost or done twice."""
    sys.exit(harness()(**asked))


def harness() -> Callable[..., int]:
    """Import the harness. Raises ClickException where there is none."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    try:
        return importlib.import_module(HARNESS).main
    except ModuleNotFoundError as missing:
        raise click.ClickException(
            f"chaos runs from a source checkout: clone the repository and run `./dev chaos` (no module {missing.name})"
        ) from missing
