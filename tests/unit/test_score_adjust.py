"""`leadstream score adjust` before it sends: a profile that pays nobody is told, not sent to be rejected."""

from typing import Any

import pytest
from click.testing import CliRunner, Result

from stream_app.authoring import config_topic
from stream_app.operations import score_commands
from stream_app.operations.command_line import COMMANDS, root
from stream_app.operations.command_settings import run_bounded
from tests.scoring_kit import published_record


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    values: list[bytes] = []

    async def send(_: Any, __: str, ___: str, value: bytes) -> str:
        values.append(value)
        return "leadstream.commands-0-0"

    async def config(_: Any) -> Any:
        return [published_record(0, "warm", {"id": 1, "eventType": "email_open", "points": 1})]

    monkeypatch.setattr(score_commands, "_send", send)
    monkeypatch.setattr(score_commands, "run_on_topics", run_bounded)
    monkeypatch.setattr(config_topic, "read_config", config)
    return values


def adjust(*options: str) -> Result:
    line = ["score", "adjust", "--org", "1", "42", "5", "--bootstrap-servers", "127.0.0.1:1", *options]
    return CliRunner().invoke(root(COMMANDS), line)


def test_an_adjustment_of_no_profile_is_not_sent(sent: list[bytes]) -> None:
    refused = adjust("--profile", "typo")
    assert (refused.exit_code, refused.stdout, sent) == (1, "", [])
    assert "profile typo: the org has no such profile" in refused.stderr


def test_an_adjustment_of_a_published_profile_is_sent(sent: list[bytes]) -> None:
    assert adjust("--profile", "warm").exit_code == adjust().exit_code == 0
    assert len(sent) == 2
