"""The report over many runs, and its page."""

import json
from pathlib import Path
from typing import Any

from tests.faults.deployment import Options
from tests.faults.injections import Injection
from tests.faults.page import write_page
from tests.faults.report import Run, grid, read_lines, table


def run(seed: int, *injections: Injection, lost: int = 0) -> Run:
    made = Run("2026-01-01T00:00:00Z", "c" * 40, seed, False, Options(), list(injections))
    made.sent = 100
    made.timeline = [(float(second), second * 50, second % 3) for second in range(20)]
    made.verdict.totals["inputs"] = 100
    for number in range(lost):
        made.verdict.add("lost", "output", "<place>", f"number {number}")
    return made


def kill(recovery: float | None, phases: str = "ttpp") -> Injection:
    return Injection("kill", 1.0, 0, phases, recovery_seconds=recovery)


def cells(lines: list[dict[str, Any]]) -> dict[str, list[str]]:
    return {row[0]: row[1:] for row in grid(lines)}


def test_parts_of_a_campaign_add_up(tmp_path: Path) -> None:
    file = tmp_path / "report.jsonl"
    run(1, kill(2.0), kill(None), kill(8.0, "pcpp")).append(file)
    run(2, kill(4.0), Injection("zombie", 3.0, 1, "tppp", recovery_seconds=1.0)).append(file)
    found = cells(read_lines(file))
    assert found["kill"] == ["4", "0", "0", "0", "0", "4.0 / 8.0", "0.75"]
    assert found["zombie"][0] == "1"
    assert found["killed while transaction open"][0] == "3"
    assert found["killed while in commit"][0] == "1"
    assert found["all"][0] == "5"


def test_a_finding_is_charged_to_every_fault_of_its_run_once_and_takes_the_bound_away() -> None:
    lines = [run(1, kill(1.0), kill(2.0), lost=3).line(), run(2, Injection("zombie", 3.0, 1, "tppp")).line()]
    found = cells(lines)
    assert (found["kill"][1], found["kill"][-1]) == ("3", "-")
    assert (found["zombie"][1], found["zombie"][-1]) == ("0", "1")
    assert found["all"][1] == "3"
    assert "seed 1, 2026-01-01T00:00:00Z: lost output <place>" in table(lines)


def test_a_blow_to_a_worker_that_held_nothing_does_not_count() -> None:
    assert run(1, kill(1.0, ""), kill(1.0, "iiii")).line()["injections"] == []
    assert len(run(1, Injection("ingest-kill", 1.0, 0, "iiii", point="ingest sent")).line()["injections"]) == 1


def test_the_page_is_one_file_of_escaped_text(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    lines = [json.loads(json.dumps(run(1, kill(2.0), lost=1).line())), run(2).line()]
    write_page(file, lines)
    text = file.read_text("utf-8")
    assert text.count("<svg") == 2 and text.count('class="fault"') == 1
    assert "&lt;place&gt;" in text and "<place>" not in text
    assert "<script" not in text and "http" not in text
