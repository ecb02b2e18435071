"""What the service `topics` of docker-compose.yml runs: the demo's rules and thresholds, where org 1 has none."""

import json
import os
import shlex
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from click.testing import CliRunner

from stream_app.authoring import config_topic
from stream_app.authoring.config_topic import ConfigSession, ConfigWriter
from stream_app.operations import authoring_commands, topic_administration
from stream_app.operations.command_line import COMMANDS, root
from tests.unit.config_fakes import MemoryConfig

ROOT = Path(authoring_commands.__file__).parents[2]
DEMO = "/opt/leadstream/demo/"  # where the Dockerfile copies the demo's files


def said_by_the_service(folder: Path) -> list[list[str]]:
    """Run the service's shell command with a `leadstream` that notes what it is told; return that."""
    command = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["topics"]["command"]
    program, noted = folder / "leadstream", folder / "noted"
    program.write_text(f'#!/bin/sh\necho "$@" >>{shlex.quote(str(noted))}\n')
    program.chmod(0o755)
    shell = [part.replace("$$", "$") for part in command]
    subprocess.run(shell, env={"PATH": f"{folder}:{os.environ['PATH']}"}, check=True, timeout=30)
    return [line.split() for line in noted.read_text().splitlines()]


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> MemoryConfig:
    memory = MemoryConfig()

    @asynccontextmanager
    async def writer(_: Any) -> AsyncIterator[ConfigWriter]:
        session = await memory.open()
        yield ConfigWriter(cast(ConfigSession, session), memory.log)

    async def read(_: Any) -> Any:
        return memory.log

    async def there(*_: Any) -> None: ...

    monkeypatch.setattr(config_topic, "config_writer", writer)
    monkeypatch.setattr(authoring_commands, "read_log", read)
    monkeypatch.setattr(topic_administration, "check_topics", there)
    return memory


def run(line: list[str]) -> None:
    arguments = [argument.replace(DEMO, f"{ROOT}/stream_app/operations/") for argument in line]
    told = CliRunner().invoke(root(COMMANDS), [*arguments, "--bootstrap-servers", "127.0.0.1:1"])
    assert told.exit_code == 0, told.output


def test_an_empty_config_gets_rules_and_thresholds_once(tmp_path: Path, config: MemoryConfig) -> None:
    topics, *puts = said_by_the_service(tmp_path)
    assert topics == ["topics", "apply", "--yes"]
    for line in puts:
        run(line)
    assert len(config.log.objects("rule", "1")) == 7
    assert config.log.objects("profile", "1")["default"]["thresholds"] == [50, 100]
    written = config.end
    for line in puts:
        run(line)
    assert config.end == written


def test_what_an_org_has_stays_and_what_it_lacks_is_put(tmp_path: Path, config: MemoryConfig) -> None:
    own = tmp_path / "own.json"
    own.write_text(json.dumps([{"id": "default", "name": "Ours", "thresholds": [7]}]))
    run(["profiles", "put", "--org", "1", str(own)])
    for line in said_by_the_service(tmp_path)[1:]:
        run(line)
    assert len(config.log.objects("rule", "1")) == 7
    assert config.log.objects("profile", "1")["default"]["thresholds"] == [7]


def test_putting_only_where_there_is_none_prunes_nothing(tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_text("[]")
    line = ["rules", "put", "--org", "1", "--if-none", "--prune", str(own), "--bootstrap-servers", "127.0.0.1:1"]
    assert CliRunner().invoke(root(COMMANDS), line).exit_code == 2


def test_that_an_org_has_some_already_is_said(tmp_path: Path, config: MemoryConfig) -> None:
    own = tmp_path / "own.json"
    own.write_text(json.dumps([{"name": "Opened", "eventType": "email_open", "points": 2}]))
    line = ["rules", "put", "--org", "1", "--if-none", str(own), "--bootstrap-servers", "127.0.0.1:1"]
    assert CliRunner().invoke(root(COMMANDS), line).stdout == "add 1  Opened\n"
    again = CliRunner().invoke(root(COMMANDS), line)
    assert (again.exit_code, again.stdout) == (0, "org 1 has rules already: nothing done\n")
    assert json.loads(CliRunner().invoke(root(COMMANDS), [*line, "--json"]).stdout)["changes"] == []
