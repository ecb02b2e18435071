"""The command line's root is quick, and one broken command breaks no other."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from stream_app.operations.command_line import COMMANDS, Row, root
from stream_app.operations.demo_folder import alone, start_over


def test_help_lists_every_command_and_imports_none() -> None:
    program = (
        "import sys; from stream_app.operations.command_line import COMMANDS, main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({row.target.partition(':')[0] for row in COMMANDS.values()} & set(sys.modules)))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program, "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    assert all(f"  {name} " in answer.stdout for name in COMMANDS)
    assert answer.stdout.splitlines()[-1] == "[]"


def test_command_without_its_module_breaks_only_itself() -> None:
    rows = {"absent": Row("stream_app.operations.no_such_module:command", "Nothing."), **COMMANDS}
    absent = CliRunner().invoke(root(rows), ["absent"])
    assert absent.exit_code == 1
    assert "`absent` is not available" in absent.output
    assert CliRunner().invoke(root(rows), ["broker", "--help"]).exit_code == 0
    assert CliRunner().invoke(root(rows), ["--help"]).exit_code == 0


def test_unknown_command_is_wrong_use() -> None:
    assert CliRunner().invoke(root(COMMANDS), ["no-such-command"]).exit_code == 2


def test_version_is_printed() -> None:
    assert CliRunner().invoke(root(COMMANDS), ["--version"], prog_name="leadstream").output.startswith("leadstream 0.")


def leaves() -> Iterator[tuple[str, click.Command]]:
    """Yield every command that does something, with its words."""

    def below(command: click.Command, words: list[str], context: click.Context) -> Iterator[tuple[str, click.Command]]:
        if not isinstance(command, click.Group):
            yield " ".join(words), command
            return
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from below(found, [*words, name], context)

    group = root(COMMANDS)
    yield from below(group, [], click.Context(group))


def options_of(command: click.Command) -> set[str]:
    return {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}


def test_every_command_has_json() -> None:
    assert [words for words, command in leaves() if "--json" not in options_of(command)] == []


def test_what_asks_can_be_told_yes_and_tried_dry() -> None:
    asking = {words for words, command in leaves() if "--yes" in options_of(command)}
    assert {"demo", "topics apply", "keys revoke", "partition skip", "dead-letters redrive", "rules put"} <= asking
    assert [words for words, command in leaves() if words in asking and "--dry-run" not in options_of(command)] == []


def test_a_fresh_demo_asks_before_it_deletes(tmp_path: Path) -> None:
    home = tmp_path / "demo"
    (home / "state").mkdir(parents=True)
    (home / "replay.json").write_text("{}")
    line = ["demo", "--fresh", "--data-dir", str(tmp_path)]
    dry = CliRunner().invoke(root(COMMANDS), [*line, "--dry-run"])
    assert (dry.exit_code, dry.stdout) == (0, f"would delete {home / 'replay.json'}\nwould delete {home / 'state'}\n")
    refused = CliRunner().invoke(root(COMMANDS), line, input="n\n")
    assert refused.exit_code == 1
    assert "Delete what earlier demos left in" in refused.stderr and "replay.json, state?" in refused.stderr
    assert sorted(entry.name for entry in home.iterdir()) == ["lock", "replay.json", "state"]
    assert CliRunner().invoke(root(COMMANDS), ["demo", "--dry-run", "--data-dir", str(tmp_path)]).exit_code == 2


def test_a_fresh_demo_deletes_links_and_not_what_they_lead_to(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "demo", tmp_path / "elsewhere"
    (home / "state").mkdir(parents=True)
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("mine")
    (home / "link").symlink_to(elsewhere)
    (home / "dangling").symlink_to(tmp_path / "nowhere")
    start_over(home, dry_run=False, yes=True)
    assert list(home.iterdir()) == []
    assert [entry.name for entry in elsewhere.iterdir()] == ["kept"]


def test_what_a_fresh_demo_cannot_delete_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state").mkdir()

    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(click.ClickException, match=r"/state cannot be used: Permission denied"):
        start_over(tmp_path, dry_run=False, yes=True)


def test_a_dry_run_of_a_fresh_demo_makes_nothing(tmp_path: Path) -> None:
    line = ["demo", "--fresh", "--dry-run", "--data-dir", str(tmp_path / "nowhere")]
    dry = CliRunner().invoke(root(COMMANDS), line)
    assert (dry.exit_code, dry.output, list(tmp_path.iterdir())) == (0, "", [])
    home = tmp_path / "nowhere" / "demo"
    (home / "state").mkdir(parents=True)
    dry = CliRunner().invoke(root(COMMANDS), line)
    assert (dry.exit_code, dry.output) == (0, f"would delete {home / 'state'}\n")
    assert [entry.name for entry in home.iterdir()] == ["state"]


def test_a_dry_run_beside_a_demo_says_that_one_runs(tmp_path: Path) -> None:
    with alone(tmp_path / "demo"):
        refused = CliRunner().invoke(root(COMMANDS), ["demo", "--fresh", "--dry-run", "--data-dir", str(tmp_path)])
    assert (refused.exit_code, "a demo runs already" in refused.stderr) == (1, True)
