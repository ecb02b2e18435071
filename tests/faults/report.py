"""What runs found: one JSON line a run, and a table over all lines of a file.

Laws: campaigns in parts add up, because the table is made of the lines alone; findings belong to a run, so a fault is
charged with those of every run that it took part in; 0 found in n injections bounds the share that fails by 3/n (95 %).
Reads and appends to a file of JSON lines.
"""

import json
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tests.faults.deployment import Options
from tests.faults.gauge import Taken, trends
from tests.faults.harness import ROOT
from tests.faults.injections import Injection
from tests.faults.verdict import KINDS, Verdict

Line = dict[str, Any]
POINTS_SHOWN = 600


def commit() -> str:
    """The commit of this checkout, "" where there is none."""
    try:
        done = subprocess.run(("git", "rev-parse", "HEAD"), cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


@dataclass
class Run:
    at: str
    commit: str
    seed: int
    mix: bool
    options: Options
    injections: list[Injection] = field(default_factory=list)
    ended_by_themselves: int = 0
    exit_codes: list[int] = field(default_factory=list)
    sent: int = 0
    unacknowledged: int = 0
    catch_up_seconds: float = 0
    timeline: Sequence[tuple[float, int, int]] = ()
    taken: Sequence[Taken] = ()
    verdict: Verdict = field(default_factory=Verdict)

    @classmethod
    def begun(cls, options: Options, seed: int, mix: bool) -> "Run":
        return cls(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), commit(), seed, mix, options)

    def line(self) -> Line:
        """Everything, as it stands in the file."""
        options = self.options
        step = max(1, len(self.timeline) // POINTS_SHOWN)
        return {
            "at": self.at, "commit": self.commit, "seed": self.seed, "mix": self.mix, "partitions": options.partitions,
            "workers": options.workers, "static": options.static, "store": options.store,
            "sessionSeconds": options.session_seconds, "sent": self.sent, "unacknowledged": self.unacknowledged,
            "catchUpSeconds": round(self.catch_up_seconds, 1), "endedByThemselves": self.ended_by_themselves,
            "exitCodes": self.exit_codes, "verdict": self.verdict.as_dict(),
            "injections": [asdict(i) | {"phase": i.phase} for i in self.injections if i.counts],
            "timeline": [[round(at, 1), done, lag] for at, done, lag in self.timeline[::step]],
            "soak": [asdict(sample) for sample in self.taken[:: max(1, len(self.taken) // POINTS_SHOWN)]],
        }  # fmt: skip

    def append(self, file: Path) -> None:
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(self.line()) + "\n")


def read_lines(file: Path) -> list[Line]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]


@dataclass
class Row:
    """What became of one fault, or of kills in one phase, over all runs."""

    count: int = 0
    recoveries: list[float] = field(default_factory=list)
    found: Counter[str] = field(default_factory=Counter)

    def cells(self) -> list[str]:
        seconds = sorted(self.recoveries)
        recovery = f"{median(seconds):.1f} / {seconds[-1]:.1f}" if seconds else "-"
        bound = "-" if any(self.found.values()) or not self.count else f"{min(1.0, 3 / self.count):.2g}"
        return [str(self.count), *(str(self.found[kind]) for kind in KINDS), recovery, bound]


HEAD = ["injections", *KINDS, "recovery s (median / most)", "bound 3/n"]


def rows(lines: Iterable[Line]) -> tuple[dict[str, Row], dict[str, Row]]:
    """Rows by fault, and rows of kills by the phase that they hit."""
    faults: dict[str, Row] = defaultdict(Row)
    phases: dict[str, Row] = defaultdict(Row)
    for line in lines:
        touched: dict[int, Row] = {}
        for injection in line["injections"]:
            of = [faults[injection["fault"]]]
            if is_kill(injection["fault"]):
                of.append(phases[injection["phase"]])
            for row in of:
                row.count += 1
                touched[id(row)] = row
                if injection["recovery_seconds"] is not None:
                    row.recoveries.append(injection["recovery_seconds"])
        for row in touched.values():
            row.found.update({kind: line["verdict"][kind] for kind in KINDS})
    return dict(sorted(faults.items())), dict(sorted(phases.items()))


def is_kill(fault: str) -> bool:
    return fault.startswith(("kill", "store-")) or fault in ("burst", "ingest-kill", "rest-writes")


def grid(lines: Sequence[Line]) -> list[list[str]]:
    """The table as cells: a head, a row a fault, a row a phase, the sum."""
    faults, phases = rows(lines)
    total = Row(sum(row.count for row in faults.values()))
    for line in lines:
        total.found.update({kind: line["verdict"][kind] for kind in KINDS})
    made = [["fault", *HEAD]]
    made += [[name, *row.cells()] for name, row in faults.items()]
    made += [[f"killed while {name}", *row.cells()] for name, row in phases.items()]
    return [*made, ["all", *total.cells()]]


def table(lines: Sequence[Line]) -> str:
    """The table as text, and what the runs have sent and compared."""
    cells = grid(lines)
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    text = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in cells]
    sums: Counter[str] = Counter()
    for line in lines:
        sums.update({"records sent": line["sent"], "not acknowledged": line["unacknowledged"]})
        sums.update({"workers ended by themselves": line["endedByThemselves"], "runs": 1})
        sums.update(line["verdict"]["totals"])
    text += ["", *(f"{name:<28} {number:>12,}" for name, number in sums.items())]
    findings = [
        f"  seed {line['seed']}, {line['at']}: {text}" for line in lines for text in line["verdict"]["findings"]
    ]
    return "\n".join([*text, *soaked(lines), *findings])


def soaked(lines: Iterable[Line]) -> list[str]:
    """What the spared worker of each soak took, and how much that grew."""
    told: list[str] = []
    for line in lines:
        samples = [Taken(**sample) for sample in line.get("soak", ())]
        if found := trends(samples):
            hours = (samples[-1].at - samples[0].at) / 3600
            lives = len({sample.pid for sample in samples})
            told += ["", f"soak of {hours:.2f} h, seed {line['seed']}, worker 0, {lives} process(es), after warm-up:"]
            told += [f"  {trend.line()}" for trend in found]
    return told
