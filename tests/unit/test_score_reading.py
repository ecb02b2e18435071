"""`leadstream score get | export`: what is printed is what REST shows, and what an import of it moves."""

import csv
import io
import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stream_app.operations import score_commands, score_export, score_reading
from stream_app.operations.command_line import COMMANDS, root
from stream_app.operations.command_settings import run_bounded
from stream_app.operations.state_log import StateLog
from stream_app.processing.placement import partition_of
from stream_app.processing.sections import store
from stream_app.reading.contacts import aged
from stream_app.scoring.rulebook import ConfigRecord
from tests.scoring_kit import T0, Fold, command, day, event, profile_record, rule_record, rulebook

OPEN = {"id": 1, "eventType": "email_open", "points": 100}


@dataclass
class Changelog:
    """State of some contacts and a config, in memory."""

    config: list[ConfigRecord] = field(default_factory=list[ConfigRecord])
    clock: int = T0
    states: dict[bytes, bytes | None] = field(default_factory=dict[bytes, bytes | None])

    def keep(self, key: bytes, folded: Fold) -> None:
        assert folded.contact is not None
        store(key, None, folded.contact, self.states)
        self.clock = folded.clock

    async def read_state(self, _: Any, __: str, partition: int, wanted: Any) -> StateLog:
        held = {key: value for key, value in self.states.items() if value is not None and wanted(key)}
        here = {key: value for key, value in held.items() if partition_of(key.partition(b"\0")[0], 8) == partition}
        record: Any = SimpleNamespace(clock=self.clock)
        return StateLog(here, 9, record)

    async def read_config(self, _: Any) -> list[ConfigRecord]:
        return self.config


@pytest.fixture
def changelog(monkeypatch: pytest.MonkeyPatch) -> Changelog:
    made = Changelog()
    monkeypatch.setattr(score_reading, "read_state", made.read_state)
    monkeypatch.setattr(score_reading, "read_config", made.read_config)
    for module in (score_commands, score_export):
        monkeypatch.setattr(module, "run_on_topics", run_bounded)
    return made


def run(*line: str) -> Result:
    options = ["--org", "1", "--bootstrap-servers", "127.0.0.1:1"]
    return CliRunner().invoke(root(COMMANDS), ["score", *line, *options], catch_exceptions=False)


def exported() -> list[list[str]]:
    return list(csv.reader(io.StringIO(run("export").stdout)))


def decaying(changelog: Changelog, hours: int) -> Fold:
    limits: dict[str, Any] = {"decay": {"halfLifeDays": 1}}
    folded = Fold(rulebook(OPEN, **limits))
    folded.put(event(event_id="a"))
    folded.wait(T0 + hours * 3_600_000)
    changelog.config = [rule_record(0, **OPEN), profile_record(1, **limits)]
    changelog.keep(b"1:42", folded)
    return folded


def test_a_decaying_score_is_shown_at_the_partitions_clock_D11(changelog: Changelog) -> None:
    folded = decaying(changelog, 23)
    assert folded.contact is not None
    state = folded.contact.core.profiles["default"]
    shown, as_of = aged(folded.book.org("1").profiles["default"], state, folded.contact.core.born_at, folded.clock)
    assert (state.shown, shown.shown, as_of) == (100, 51, T0 + 23 * 3_600_000)
    told = json.loads(run("get", "42", "--json").stdout)
    assert told == {
        "orgId": "1", "contactId": "42", "scores": {"default": 51}, "asOf": {"default": "2026-01-01T23:00:00.000Z"},
    }  # fmt: skip
    assert run("get", "42").stdout == "default  51  as of 2026-01-01T23:00:00.000Z\n"
    assert exported() == [["contactId", "score"], ["42", "51"]]


def test_other_scores_are_shown_as_they_were_told(changelog: Changelog) -> None:
    folded = Fold(rulebook(OPEN, ceiling=60))
    folded.put(event(event_id="a"))
    changelog.config = [rule_record(0, **OPEN), profile_record(1, ceiling=60)]
    changelog.keep(b"1:42", folded)
    assert run("get", "42").stdout == "default  60\n"
    assert json.loads(run("export", "--json").stdout) == [{"contactId": "42", "score": 60}]
    assert run("get", "43").exit_code == 1


def test_an_export_has_every_contact_by_partition(changelog: Changelog) -> None:
    for number in range(30):
        folded = Fold(rulebook(OPEN))
        folded.put(event("email_open" if number % 2 else "other", event_id="a"))
        changelog.keep(b"1:%d" % number, folded)
        changelog.keep(b"12:%d" % number, folded)
    rows = exported()[1:]
    assert {contact: int(score) for contact, score in rows} == {str(n): 100 * (n % 2) for n in range(30)}
    assert [contact for contact, _ in rows] == sorted(
        (contact for contact, _ in rows), key=lambda contact: (partition_of(f"1:{contact}".encode(), 8), contact)
    )
    empty = run("export", "--profile", "none")
    assert (empty.exit_code, empty.stdout) == (1, "")
    assert "no contact of org 1 has a score in profile none" in empty.stderr


def test_an_export_of_no_contacts_is_a_header(changelog: Changelog) -> None:
    assert changelog.states == {}
    assert run("export").stdout_bytes == b"contactId,score\r\n"
    assert run("export", "--json").stdout == "[]\n"


def test_an_import_of_an_export_takes_away_what_a_ceiling_hides_D8() -> None:
    folded = Fold(rulebook({**OPEN, "points": 150}, ceiling=100))
    folded.put(event(event_id="a"))
    decided = folded.put(command("set", "c1", amount=folded.score))
    assert [(output.previous_score, output.score) for output in folded.changes][1:] == [(100, 100)]
    assert [award.points for award in folded.changes[-1].awards] == [-50]
    assert decided.outcome == "applied"


def test_an_import_of_an_export_moves_no_score_that_stands_still() -> None:
    folded = Fold(rulebook({**OPEN, "group": "g"}, groups=[{"name": "g", "max": 60}]))
    folded.put(event(event_id="a"))
    assert folded.put(command("set", "c1", amount=folded.score)).outcome == "no_effect"
    folded = Fold(rulebook(OPEN, decay={"halfLifeDays": 1}))
    folded.put(event(event_id="a"))
    folded.wait(day(0.9))
    assert folded.contact is not None
    core = folded.contact.core
    shown, _ = aged(folded.book.org("1").profiles["default"], core.profiles["default"], core.born_at, folded.clock)
    assert folded.put(command("set", "c1", amount=shown.shown, at=folded.clock)).outcome == "no_effect"
