"""A name on the wire is written once (house rule 6), and the generated schemas are what the types say."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from stream_app.operations import schemas_commands
from stream_app.settings import TOOL_VARIABLES, table, variable_of
from topics.declarations import declare

ROOT = Path(__file__).parents[2]
PROGRAM = [path for room in ("schemas", "topics", "stream_app") for path in (ROOT / room).rglob("*.py")]
TOPICS = declare("", "", 1, [])
SUFFIXES = [re.escape(spec.name) for spec in TOPICS.all]  # of an empty prefix and app id: `.config` and the like


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of every string of a module that is no docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def test_topic_names_are_written_in_topics_only() -> None:
    # Without what stands before its dot a word (`config`, the event `score-changed` of a live stream) is no topic name.
    wanted = re.compile(rf".*({'|'.join(SUFFIXES)})")
    stray = [
        f"{path.relative_to(ROOT)}:{line} {text!r}"
        for path in PROGRAM
        if path != ROOT / "topics" / "declarations.py"
        for line, text in literals(path)
        if wanted.fullmatch(text)
    ]
    assert stray == []


def test_variables_that_are_spoken_of_exist() -> None:
    known = {*TOOL_VARIABLES, *map(variable_of, table())}
    spoken = re.compile(r"LEADSTREAM_[A-Z_]*[A-Z]")
    stray = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in PROGRAM
        for line, text in literals(path)
        for name in spoken.findall(text)
        if name not in known
    ]
    assert stray == []


def test_generated_schemas_are_what_the_types_say() -> None:
    result = CliRunner().invoke(schemas_commands.schemas, ["check"])
    assert result.exit_code == 0, result.stderr


def test_check_tells_what_write_mends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(schemas_commands, "GENERATED", tmp_path)
    assert CliRunner().invoke(schemas_commands.schemas, ["check"]).exit_code == 1
    assert "Rule.json" in CliRunner().invoke(schemas_commands.schemas, ["write"]).stdout.split()
    assert CliRunner().invoke(schemas_commands.schemas, ["check"]).exit_code == 0
    (tmp_path / "Rule.json").write_text("{}")
    (tmp_path / "Old.json").write_text("{}")
    assert "Old.json, Rule.json" in CliRunner().invoke(schemas_commands.schemas, ["check"]).stderr
    assert CliRunner().invoke(schemas_commands.schemas, ["write"]).stdout.split() == ["Old.json", "Rule.json"]
    assert not (tmp_path / "Old.json").exists()
