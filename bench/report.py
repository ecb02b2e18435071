"""The result as tables of Markdown, and their place in a document between two markers.

Laws: figures in a document come from a JSON file of one run, never from a hand; what is outside the markers stays.
Reads a result; writes text.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

BEGIN: Final = "<!-- bench:begin -->"
END: Final = "<!-- bench:end -->"

Result = dict[str, Any]


def tables(result: Result) -> str:
    """Return all tables."""
    parts = [_machine(result), _throughput(result), _sizes(result)]
    parts += [part(result) for name, part in PARTS.items() if name in result]
    return "\n\n".join(parts) + "\n"


def render(document: Path, result: Result) -> None:
    """Put the tables between the markers of a document; ValueError when it has none."""
    text = document.read_text(encoding="utf-8")
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{document} has no {BEGIN} ... {END}")
    document.write_text(f"{head}{BEGIN}\n{tables(result)}{END}{tail}", encoding="utf-8")


def _machine(result: Result) -> str:
    machine, options = result["machine"], result["options"]
    return (
        f"Measured {machine['at']} with `{result['command']}` on {machine['cores']} cores ({machine['cpu']}), "
        f"Python {machine['python']}, {machine['system']}; load average before it {machine['load_before']:.2f}.  "
        f"{options['events']:,} events of {result['event_bytes']:g} bytes, {options['contacts']:,} contacts, "
        f"{options['partitions']} partitions; the broker shares the machine."
    )


def _throughput(result: Result) -> str:
    rows: list[Result] = result["throughput"]
    base = rows[0]["rate"]
    return _table(
        ("Peer", "Workers", "Events/s", f"{rows[0]['peer']} is", "Worker CPU, us/event", "Broker CPU, us/event"),
        (
            (
                row["peer"], row["workers"], f"{row['rate']:,.0f}", f"{base / row['rate']:.2f} x",
                f"{row['worker_cpu_us']:.1f}", f"{row['broker_cpu_us']:.1f}",
            )
            for row in rows
        ),
    )  # fmt: skip


def _sizes(result: Result) -> str:
    rows = [(name.replace("_", " "), f"{value:,g}") for name, value in result["sizes"].items()]
    return _table(("Size", "Measured"), rows)


def _latency(result: Result) -> str:
    found = result["latency"]
    row = (f"{found['events_per_second']:,}", found["seconds"], f"{found['outputs']:,}")
    times = (found["p50_ms"], found["p99_ms"], found["max_ms"])
    return _table(("Events/s", "Seconds", "Outputs", "p50, ms", "p99, ms", "max, ms"), [(*row, *times)])


def _restore(result: Result) -> str:
    return _table(
        ("Restore", "Contacts", "Records", "Seconds", "Records/s"),
        (
            (
                row["what"], f"{row['contacts']:,.0f}", f"{row['records']:,}", row["seconds"],
                f"{row['records_per_second']:,}",
            )
            for row in result["restore"]
        ),
    )  # fmt: skip


def _hot_path(result: Result) -> str:
    rows: list[Result] = result["hot_path"]
    known = sum(row["us_per_event"] for row in rows)
    measured = result["throughput"][0]["worker_cpu_us"]
    lines = [(row["step"], f"{row['us_per_event']:.2f}") for row in rows]
    lines += [
        ("fetch, send, transaction, event loop: the rest", f"{measured - known:.2f}"),
        ("**worker CPU per event, measured above**", f"{measured:.2f}"),
    ]
    return _table(("Step of one worker", "us/event"), lines)


PARTS: Final = {"latency": _latency, "restore": _restore, "hot_path": _hot_path}


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
