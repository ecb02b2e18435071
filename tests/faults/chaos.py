"""What `leadstream chaos` does: which faults can happen, one run for each kind of membership, the report.

Laws: a run that was begun leaves its line in the report, however it ends.
Reads and writes: a folder, kept where it was named or something was found, the report and the page.
"""

import json
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path

import click

from tests.faults.campaign import Asked, Campaign
from tests.faults.deployment import NotScratch, Options
from tests.faults.fault_table import FAULTS, usable
from tests.faults.page import write_page
from tests.faults.report import Line, read_lines, table


def main(  # one parameter an option
    *, minutes: float, seed: int, workers: int, fault: str, show: bool, membership: str, store: str, partitions: int,
    rate: float, session_seconds: int, bootstrap_servers: str | None, prefix: str, other: Path | None,
    reference: bool, soak: bool, report: Path | None, html: Path | None, folder: Path | None,
    as_json: bool = False,
) -> int:  # fmt: skip
    """Run, print the table (or, as JSON, a list of the runs' lines), return the exit code: 0 when all is exact."""
    if show:
        click.echo(json.dumps(list(FAULTS)) if as_json else "\n".join(FAULTS))
        return 0
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that all that was started is ended
    kinds = {"static": [True], "dynamic": [False], "both": [False, True]}[membership]
    lines: list[Line] = []
    for static in kinds:
        options = Options(
            partitions, workers, static, store, prefix, session_seconds, bootstrap_servers,
            other.resolve() if other else None, reference, soak,
        )  # fmt: skip
        asked = Asked(chosen(fault, options), fault == "mix", minutes / len(kinds), seed, rate)
        lines.append(one_run(options, asked, folder, report))
    click.echo(json.dumps(lines) if as_json else table(lines))
    if html is not None:
        write_page(html, read_lines(report) if report is not None else lines)
    return 0 if all(line["verdict"]["ok"] for line in lines) else 1


def chosen(fault: str, options: Options) -> list[str]:
    """The faults asked for; those that cannot happen are an error by name, and told and left out of a mix."""
    names = list(FAULTS) if fault == "mix" else fault.split(",")
    if unknown := [name for name in names if name not in FAULTS]:
        raise click.UsageError(f"no fault is named {', '.join(unknown)}; there are {', '.join(FAULTS)}")
    can, cannot = usable(names, options)
    told = "; ".join(f"{name}: {why}" for name, why in cannot.items())
    if told and (fault != "mix" or not can):
        raise click.UsageError(told)
    if told:
        click.echo(f"left out: {told}", err=True)
    return can


def one_run(options: Options, asked: Asked, folder: Path | None, report: Path | None) -> Line:
    place = folder or Path(tempfile.mkdtemp(prefix="leadstream-chaos-"))
    place = place / ("static" if options.static else "dynamic")
    place.mkdir(parents=True)
    sys.stderr.write(f"seed {asked.seed}, folder {place}, faults {', '.join(asked.faults)}\n")
    campaign = Campaign(place, options, asked)
    run, scratch = campaign.run, True
    try:
        campaign.go()
    except NotScratch as used:
        scratch = False
        raise click.ClickException(str(used)) from used
    except Exception:  # a finding of the run by now
        traceback.print_exc()
    finally:
        if scratch and report is not None:
            run.append(report)
    if folder is None and run.verdict.ok:
        shutil.rmtree(place.parent)
    return run.line()
