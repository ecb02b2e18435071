"""`leadstream rules` and `profiles` on a real broker, with the demo's own files."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stream_app.operations import authoring_commands as commands
from stream_app.operations.config_commands import config
from stream_app.operations.profile_commands import profiles
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
    assert run(profiles, "put", "--org", "1", str(PROFILES)).stdout == "add default  Lead score\n"
    found = json.loads(run(profiles, "get", "--org", "1", "default").stdout)
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
    for group, file in ((commands.rules, RULES), (profiles, PROFILES)):
        result = CliRunner().invoke(group, ["lint", str(file), "--json"])
        assert (result.exit_code, json.loads(result.stdout)) == (0, [])


def test_config_shows_sources_and_tells_misspelt_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEADSTREAM_ROOT_KEY", "s3cret")
    shown = CliRunner().invoke(config, ["show"]).stdout
    assert "LEADSTREAM_ROOT_KEY=***  # environment" in shown and "s3cret" not in shown
    monkeypatch.setenv("LEADSTREAM_PARTITION", "3")
    checked = CliRunner().invoke(config, ["check", "--json"])
    assert json.loads(checked.stdout)["problems"] == ["LEADSTREAM_PARTITION: there is no such setting"]
    assert checked.exit_code == 1


FIT = """
- id: fit
  name: Fit
  rules:
  - {name: Opened, eventType: email_open, points: 5}
  - {name: Clicked, eventType: email_click, points: 10}
"""


def test_a_profile_is_put_as_a_draft_published_and_taken_back(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "profiles.yaml"
    file.write_text(FIT)
    assert CliRunner().invoke(profiles, ["lint", str(file)]).exit_code == 0

    def say(action: str, *more: str) -> Any:
        return json.loads(run(profiles, action, "--org", "1", *more, "--json").stdout)

    assert [change["kind"] for change in say("put", str(file))["changes"]] == ["rule", "rule", "profile"]
    assert run(profiles, "list", "--org", "1").stdout.splitlines()[1] == "fit  Fit  not published, with a draft"
    assert say("publish", "fit", "--dry-run")["profile"]["version"] == 0
    assert run(profiles, "publish", "--org", "1", "fit").stdout == "fit is published, version 1\n"
    assert say("publish", "fit")["changes"] == []
    one = '[{"id": 2, "name": "Clicked", "eventType": "email_click", "points": 7, "profileId": "fit"}]'
    assert run(commands.rules, "put", "--org", "1", "-", text=one).stdout == "replace 2  Clicked\n"
    edited = say("get", "fit")
    assert [edited[part]["rules"][1]["points"] for part in ("draft", "published")] == [7, 10]
    again = run(profiles, "put", "--org", "1", "-", "--json", text=json.dumps([edited]))
    assert actions(again) == [("keep", "fit")]
    say("publish", "fit")
    assert [told["version"] for told in say("versions", "fit")] == [2, 1]
    refused = run(profiles, "rollback", "--org", "1", "fit", "1")
    assert (refused.exit_code, say("get", "fit")["version"]) == (1, 2)
    back = run(profiles, "rollback", "--org", "1", "fit", "1", "--yes")
    assert back.stdout == "replace rule 2  Clicked\nfit is published, version 3\n"
    assert run(commands.rules, "put", "--org", "1", "-", text=one).exit_code == 0
    assert run(profiles, "discard", "--org", "1", "fit", "--yes").stdout.endswith("fit is published, version 3\n")
    assert say("unpublish", "fit", "--yes")["profile"]["published"] is None
    for words, reason in (
        (("unpublish", "default"), "the profile default is live as it is written"),
        (("publish", "none"), "there is no such profile"), (("rollback", "fit", "9"), "nothing was written"),
        (("discard", "fit"), "nothing of this profile is published"),
    ):  # fmt: skip
        result = run(profiles, words[0], "--org", "1", *words[1:])
        assert result.exit_code == 1 and reason in result.stderr
    kept = run(profiles, "put", "--org", "1", "-", "--prune", "--yes", text="[]")
    assert kept.exit_code == 1 and "in_use: profile fit is needed: rule 1, rule 2" in kept.stderr
    gone = run(
        profiles, "put", "--org", "1", "-", "--yes", "--json", text='[{"id": "fit", "name": "Fit", "rules": []}]'
    )
    assert actions(gone) == [("delete", "1"), ("delete", "2"), ("replace", "fit")]
    pruned = run(profiles, "put", "--org", "1", "-", "--prune", "--yes", "--json", text="[]")
    assert actions(pruned) == [("delete", "fit")]


def test_a_warning_about_a_publish_is_told_once(run: Run) -> None:
    made = '[{"id": "part", "name": "Part"}, {"id": "sum", "name": "Sum", "formula": {"average": ["part"]}}]'
    assert run(profiles, "put", "--org", "1", "-", text=made).exit_code == 0
    for more in (["--dry-run"], []):
        told = run(profiles, "publish", "--org", "1", "sum", *more).stderr
        assert told == "warning /formula/average/0 not_published: part is not published: it counts 0\n"
