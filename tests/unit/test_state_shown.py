"""`leadstream state get`: every section that a contact may have is printed, as text and as JSON."""

import json
from typing import Any

import pytest
from click.testing import CliRunner

from schemas.times import DAY_MS
from stream_app.operations import state_commands
from stream_app.operations.command_line import COMMANDS, root
from stream_app.operations.shown import shown_key, shown_state
from stream_app.processing.sections import store
from tests.scoring_kit import T0, Fold, attributes, command, event, published_record, rulebook, with_records

PAGE = {"id": 3, "eventType": "page_visit", "points": 5, "page": {"url": "https://x.com/*", "hits": 1}}
RETURN = {"id": 4, "eventType": "page_visit", "points": 1, "page": {"url": "*", "returnsWithinSeconds": 60}}
DWELL = {"id": 5, "eventType": "page_visit", "points": 1, "page": {"url": "*", "timeSpentSeconds": 10}}


def rich_contact() -> dict[bytes, bytes | None]:
    """Every section, and in them everything that may be there or not."""
    book = rulebook(
        {"id": 1, "eventType": "email_open", "points": 5, "oncePer": "url", "group": "g"},
        {"id": 2, "points": -5, "inactivity": {"days": 30, "repeat": False}},
        {"id": 6, "points": 7, "attribute": {"type": "attribute", "field": "plan", "op": "eq", "value": "pro"}},
        PAGE, RETURN, DWELL, groups=[{"name": "g", "max": 10}], thresholds=[{"value": 5, "hysteresis": 5}],
    )  # fmt: skip
    halved = published_record(
        0, "halved", {"id": 7, "eventType": "email_open", "points": 2**31 - 1}, decay={"halfLifeDays": 7}
    )
    lost = published_record(
        0, "lost", {"id": 8, "eventType": "email_open", "points": -4}, decay={"percent": 10, "periodDays": 7}
    )
    folded = Fold(with_records(book, halved, lost))
    for number in range(20):
        folded.put(event(event_id=f"e{number}", url=f"https://x.com/{number % 3}"))
    folded.put(event("page_visit", event_id="p", url="https://x.com/a", clickId="c"))
    folded.put(command("tag", "c1", tag="vip"))
    folded.put(attributes("jane@example.com", plan="pro", n=2**100, odd="\x9b"))
    assert folded.contact is not None
    changes: dict[bytes, bytes | None] = {}
    store(b"1:42", None, folded.contact, changes)
    return changes


def printed(records: dict[bytes, bytes | None], monkeypatch: pytest.MonkeyPatch, *options: str) -> str:
    rows = [{"partition": 0, **shown_key(key), "value": shown_state(key, records[key])} for key in sorted(records)]

    def given(_: Any, work: Any) -> list[dict[str, Any]]:
        work.close()
        return rows

    monkeypatch.setattr(state_commands, "run_on_topics", given)
    line = ["state", "get", "--org", "1", "42", "--bootstrap-servers", "127.0.0.1:1", *options]
    told = CliRunner().invoke(root(COMMANDS), line, catch_exceptions=False)
    assert told.exit_code == 0
    return told.stdout


def test_every_section_is_printed_as_text_and_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    records = rich_contact()
    found = {row["section"]: row["value"] for row in json.loads(printed(records, monkeypatch, "--json"))}
    assert sorted(found) == ["commands", "core", "facts", "once o1", "seen s0", "visits"]
    lines = printed(records, monkeypatch).splitlines()
    assert "\x9b" not in "".join(lines)
    told = {line.split("  ", 3)[2]: line.split("  ", 3)[3] for line in lines}
    assert {name: json.loads(text) for name, text in told.items()} == found
    assert found["facts"]["attributes"] == {"plan": "pro", "n": 2**100, "odd": "\x9b"}


def test_sums_are_integers_and_instants_are_times(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {row["section"]: row["value"] for row in json.loads(printed(rich_contact(), monkeypatch, "--json"))}
    core = found["core"]
    assert core["profiles"]["halved"]["decay"]["sums"] == [[None, 20 * (2**31 - 1) * 10**9]]
    assert core["profiles"]["lost"]["decay"]["piles"] == [[None, T0 // DAY_MS, -20 * 4 * 10**9, 0]]
    assert core["profiles"]["halved"]["decay"]["told"] == "2026-01-01T00:00:00.000Z"
    assert core["profiles"]["default"]["parts"] == {"groups": {"g": 15}, "fit": {"6": [7, None]}}
    assert core["alarm"]["due"] is not None and core["alarm"]["version"] > 0
    visits = found["visits"]
    assert visits["rules"]["3"]["hits"] == 1
    assert visits["rules"]["4"]["times"] == ["2026-01-01T00:00:00.000Z"]
    assert (visits["openedAt"], len(visits["clicks"])) == ("2026-01-01T00:00:00.000Z", 1)
