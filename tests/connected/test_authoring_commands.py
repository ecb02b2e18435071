"""`leadstream rules` and `profiles` on a real broker, with the demo's own files."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stream_app.operations import authoring_commands as commands
from stream_app.operations.topics_commands import topics
from tests.conftest import Broker

Run = Any
OPERATIONS = Path(commands.__file__).parent
RULES, PROFILES = OPERATIONS / "demo_rules.yaml", OPERATIONS / "demo_profiles.yaml"


@pytest.fixture
def run(broker: Broker, scratch_prefix: str) -> Run:
    line = ["--bootstrap-servers", broker.bootstrap, "--prefix", scratch_prefix, "--app-id", scratch_prefix]
    assert CliRunner().invoke(topics, ["apply", *line, "--partitions", "1"]).exit_code == 0

    def run(group: Any, *arguments: str, text: str | None = None) -> Result:
        return CliRunner().invoke(group, [arguments[0], *line, *arguments[1:]], input=text)

    return run


def actions(result: Result) -> list[tuple[str, str]]:
    return [(change["action"], change["id"]) for change in json.loads(result.stdout)["changes"]]


def test_demo_rules_are_put_once_and_kept_the_second_time(run: Run) -> None:
    put = ["put", "--org", "1", str(RULES), "--json"]
    assert actions(run(commands.rules, *put, "--dry-run")) == [("add", str(n)) for n in range(1, 8)]
    assert actions(run(commands.rules, *put)) == [("add", str(n)) for n in range(1, 8)]
    listed = json.loads(run(commands.rules, "list", "--org", "1", "--json").stdout)
    assert [rule["points"] for rule in listed] == [1, 5, 10, 15, 30, 25, -50]
    again = run(commands.rules, "put", "--org", "1", "-", "--json", text=json.dumps(listed))
    assert actions(again) == [("keep", str(n)) for n in range(1, 8)]
    assert json.loads(again.stdout)["rulebookVersion"] == 7
    assert json.loads(run(commands.rules, "get", "--org", "1", "3", "--json").stdout)["name"] == "Link clicked"
    assert run(commands.rules, "get", "--org", "2", "3").exit_code == 1


def test_pruning_asks_and_thresholds_of_default_can_be_set(run: Run) -> None:
    run(commands.rules, "put", "--org", "1", str(RULES))
    one = '[{"id": 1, "name": "Only", "eventType": "email_open", "points": 2}]'
    refused = run(commands.rules, "put", "--org", "1", "-", "--prune", text=one)
    assert refused.exit_code == 1
    pruned = run(commands.rules, "put", "--org", "1", "-", "--prune", "--yes", "--json", text=one)
    assert actions(pruned)[:2] == [("replace", "1"), ("delete", "2")]
    assert run(commands.rules, "list", "--org", "1").stdout == "1  Only\n"
    assert run(commands.profiles, "put", "--org", "1", str(PROFILES)).stdout == "add default  Lead score\n"
    found = json.loads(run(commands.profiles, "get", "--org", "1", "default").stdout)
    assert found["thresholds"] == [50, 100]


def test_an_error_writes_nothing(run: Run) -> None:
    wrong = '[{"name": "A", "eventType": "email_open", "points": 2}, {"name": "B", "points": "5"}]'
    result = run(commands.rules, "put", "--org", "1", "-", text=wrong)
    assert result.exit_code == 1 and "error /1/points not_an_integer" in result.stderr
    assert run(commands.rules, "list", "--org", "1", "--json").stdout == "[]\n"


@pytest.mark.parametrize(
    ("text", "code"), [("[]", 0), ("{}", 2), ("[", 2), ('[{"name": ""}]', 1), ("[{name: a, points: 0", 2)]
)
def test_lint_needs_no_broker(text: str, code: int, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(text)
    assert CliRunner().invoke(commands.rules, ["lint", str(file)]).exit_code == code


def test_demo_files_have_no_problems() -> None:
    for group, file in ((commands.rules, RULES), (commands.profiles, PROFILES)):
        result = CliRunner().invoke(group, ["lint", str(file), "--json"])
        assert (result.exit_code, json.loads(result.stdout)) == (0, [])


def test_config_shows_sources_and_tells_misspelt_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEADSTREAM_ROOT_KEY", "s3cret")
    shown = CliRunner().invoke(commands.config, ["show"]).stdout
    assert "LEADSTREAM_ROOT_KEY=***  # environment" in shown and "s3cret" not in shown
    monkeypatch.setenv("LEADSTREAM_PARTITION", "3")
    checked = CliRunner().invoke(commands.config, ["check", "--json"])
    assert json.loads(checked.stdout)["problems"] == ["LEADSTREAM_PARTITION: there is no such setting"]
    assert checked.exit_code == 1
