"""One HTML page over all runs of a report: the table, and a timeline of each run as inline SVG.

Laws: made of the JSON lines alone; one file, without script and without anything from elsewhere; all text is escaped.
Writes the page.
"""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path

from tests.faults.report import Line, grid

WIDTH, HEIGHT, MARKS, LEFT = 1000, 130, 16, 60
STYLE = """
body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:1100px;padding:0 1rem;color:#1c2430;background:#fff}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #dde3ea}
td:first-child,th:first-child{text-align:left}tr:last-child{font-weight:600}h2{font-size:1.05rem;margin:2rem 0 .3rem}
svg{width:100%;height:auto;background:#f7f9fb;display:block;margin:.3rem 0}.bad{color:#b3261e;font-weight:600}
.ok{color:#17693b;font-weight:600}text{font:11px system-ui,sans-serif;fill:#5b6776}pre{white-space:pre-wrap}
.rate{stroke:#1f6feb;fill:none;stroke-width:1.5}.lag{stroke:#c2410c;fill:#c2410c22;stroke-width:1}
.fault{stroke:#6b7280;stroke-width:1}.fault:hover{stroke:#000;stroke-width:3}
@media(prefers-color-scheme:dark){body{color:#dbe2ea;background:#12161c}td,th{border-color:#2b333d}svg{background:#1a2028}
.fault:hover{stroke:#fff}.ok{color:#4cc38a}.bad{color:#ff8b80}text{fill:#93a0af}}
"""


def write_page(file: Path, lines: Sequence[Line]) -> None:
    exact = all(line["verdict"]["ok"] for line in lines)
    said = '<p class="ok">All runs are exact.</p>' if exact else '<p class="bad">Not all runs are exact.</p>'
    body = ["<h1>leadstream under fault</h1>", said, html_table(grid(lines)), legend()]
    body += [run_section(line) for line in reversed(lines)]
    head = f'<meta charset="utf-8"><title>leadstream under fault</title><style>{STYLE}</style>'
    file.write_text(f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(body)}</body></html>', "utf-8")


def html_table(cells: Sequence[Sequence[str]]) -> str:
    head, *rows = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in cells]
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(f'<tr>{row}</tr>' for row in rows)}</tbody></table>"


def legend() -> str:
    return (
        "<p>A finding is charged to every fault of its run. Blue: records committed a second; orange: lag, records "
        "that no committed batch covers; grey: faults (hover names them). Straight lines: no broker answered.</p>"
    )


def run_section(line: Line) -> str:
    verdict = line["verdict"]
    word = '<span class="ok">exact</span>' if verdict["ok"] else '<span class="bad">NOT EXACT</span>'
    what = f"{line['workers']} workers, {line['partitions']} partitions, {'static' if line['static'] else 'dynamic'}"
    title = f"{line['at']}, seed {line['seed']}, {what}, {line['store']}"
    sums = f"{line['sent']:,} records sent, {len(line['injections'])} faults, commit {line['commit'][:10]}"
    findings = "".join(f"{escape(text)}\n" for text in verdict["findings"])
    told = f"<pre>{findings}</pre>" if findings else ""
    return f"<h2>{escape(title)}: {word}</h2><p>{escape(sums)}</p>{timeline(line)}{told}"


def timeline(line: Line) -> str:
    """Throughput and lag over seconds, each on its own scale, with the faults on top."""
    samples = [(float(at), int(done), int(lag)) for at, done, lag in line["timeline"]]
    if len(samples) < 2:
        return "<p>No timeline.</p>"
    end = max(samples[-1][0], *(injection["at"] for injection in line["injections"]), 1.0)
    rates = [(b[0], max(0.0, (b[1] - a[1]) / (b[0] - a[0]))) for a, b in pairwise(samples) if b[0] > a[0]]
    lags = [(at, float(lag)) for at, _, lag in samples]
    return (
        f'<svg viewBox="0 0 {WIDTH} {2 * HEIGHT + MARKS}" role="img" aria-label="throughput and lag over time">'
        + f"{curve(rates, end, 'rate', 0, 'records/s')}{curve(lags, end, 'lag', HEIGHT, 'lag')}"
        + f"{marks(line, end)}{clock(end)}</svg>"
    )


def x_of(at: float, end: float) -> float:
    return LEFT + at / end * (WIDTH - LEFT - 10)


def curve(points: Sequence[tuple[float, float]], end: float, kind: str, top: int, name: str) -> str:
    most = max([value for _, value in points] + [1.0])
    floor = top + MARKS + HEIGHT - 8
    places = [(x_of(at, end), floor - value / most * (HEIGHT - 24)) for at, value in points]
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    if kind == "lag":
        text = f"{places[0][0]:.1f},{floor} {text} {places[-1][0]:.1f},{floor}"
    label = f'<text x="4" y="{top + MARKS + 18}">{most:,.0f}</text><text x="4" y="{floor}">{name}</text>'
    return f'{label}<polyline class="{kind}" points="{text}"/>'


def marks(line: Line, end: float) -> str:
    made: list[str] = []
    for injection in line["injections"]:
        x = x_of(injection["at"], end)
        recovery = injection["recovery_seconds"]
        after = "" if recovery is None else f", recovered in {recovery} s"
        text = f"{injection['fault']} at {injection['at']:.1f} s, {injection['phase']}{after}"
        made.append(
            f'<line class="fault" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{2 * HEIGHT + MARKS}">'
            + f"<title>{escape(text)}</title></line>"
        )
    return "".join(made)


def clock(end: float) -> str:
    at: Iterable[float] = (end * part / 5 for part in range(1, 6))
    return "".join(f'<text x="{x_of(s, end) - 24:.0f}" y="{2 * HEIGHT + MARKS - 1}">{s:.0f} s</text>' for s in at)
