"""What the command line refuses before it asks anybody: a sentence and an exit code, never a traceback."""

import logging
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
import pytest
from aiokafka.errors import KafkaConnectionError
from click.testing import CliRunner, Result

from stream_app.operations import topic_administration
from stream_app.operations.command_line import COMMANDS, root
from stream_app.operations.command_settings import run_bounded
from stream_app.settings import declared_topics, load_settings

NOT_UTF8 = os.fsdecode(b"4\xff2")  # as the interpreter gives an argument of such bytes


def run(*line: str) -> Result:
    return CliRunner().invoke(root(COMMANDS), line)


def told(result: Result) -> str:
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.stderr


@pytest.mark.parametrize(
    "line",
    [
        ["score", "get", "--org", "1"],
        ["state", "get", "--org", "1"],
        ["score", "adjust", "--org", "1", "--reason", "r", "5"],
    ],
)
@pytest.mark.parametrize("contact", ["", NOT_UTF8, "x" * 129, "a\x00b"])
def test_a_contact_that_is_no_id_is_wrong_use(line: list[str], contact: str) -> None:
    at = len(line) - (line[-1] == "5")
    refused = run(*line[:at], contact, *line[at:], "--bootstrap-servers", "127.0.0.1:1")
    assert refused.exit_code == 2
    assert "an id " in told(refused)


@pytest.mark.parametrize(
    "line",
    [
        ["score", "export"],
        ["state", "dump"],
        ["rules", "list"],
        ["profiles", "list"],
        ["keys", "list"],
        ["generate"],
        ["score", "get", "42"],
    ],
)
@pytest.mark.parametrize("org", ["", "my org", NOT_UTF8])
def test_an_org_that_is_none_is_wrong_use(line: list[str], org: str) -> None:
    refused = run(*line, "--org", org, "--bootstrap-servers", "127.0.0.1:1")
    assert refused.exit_code == 2
    assert "id " in told(refused)


@pytest.mark.parametrize(
    ("command", "option"),
    [
        *(("import", option) for option in ("--key", "--profile", "--by")),
        *(("adjust", option) for option in ("--reason", "--profile", "--by", "--command-id")),
        ("export", "--profile"),
    ],
)
def test_a_text_that_is_not_utf_8_is_wrong_use_and_its_option_is_named(
    tmp_path: Path, command: str, option: str
) -> None:
    (tmp_path / "scores.csv").write_text("contactId,score\n")
    given = {"import": [str(tmp_path / "scores.csv"), "--dry-run"], "adjust": ["42", "5"], "export": []}[command]
    server = ["--bootstrap-servers", "127.0.0.1:1"]
    refused = run("score", command, "--org", "1", *given, option, NOT_UTF8, *server)
    assert refused.exit_code == 2
    assert option in told(refused) and "is UTF-8" in told(refused)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(
    "line",
    [
        ["generate", "--rate"],
        ["generate", "--skew"],
        ["generate", "--bad-share"],
        ["demo", "--speed"],
        ["demo", "--times-original"],
        ["chaos", "--rate"],
        ["chaos", "--minutes"],
    ],
)
def test_a_number_that_is_not_finite_is_wrong_use(line: list[str], number: str) -> None:
    refused = run(*line, number)
    assert refused.exit_code == 2
    assert line[-1] in told(refused)


@pytest.mark.parametrize(
    "line",
    [
        ["worker", "--bootstrap-servers", "127.0.0.1:1"],
        ["demo", "--bootstrap-servers", "127.0.0.1:1"],
        ["demo"],
        ["broker", "status"],
        ["broker", "start"],
        ["broker", "stop"],
    ],
)
def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path, line: list[str]) -> None:
    (tmp_path / "file").write_text("no folder")
    refused = run(*line, "--data-dir", str(tmp_path / "file"))
    assert refused.exit_code == 1
    assert str(tmp_path / "file") in told(refused)


def test_config_check_fails_for_an_address_that_nobody_can_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEADSTREAM_ADVERTISED_URL", "http://worker-1:99999")
    refused = run("config", "check")
    assert (refused.exit_code, "LEADSTREAM_ADVERTISED_URL" in refused.stdout) == (1, True)


def test_config_takes_every_setting_that_is_no_secret_as_an_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = ["--bootstrap-servers", "kafka:9092", "--partitions", "4"]
    assert (run("config", "check", *line).exit_code, run("config", "check").exit_code) == (0, 0)
    wrong = run("config", "check", "--partitions", "none", "--json")
    assert (wrong.exit_code, "LEADSTREAM_PARTITIONS" in wrong.stdout, "command line" in wrong.stdout) == (1, True, True)
    shown = run("config", "show", *line).stdout
    assert "LEADSTREAM_PARTITIONS=4  # command line" in shown
    assert "LEADSTREAM_BOOTSTRAP_SERVERS=kafka:9092  # command line" in shown
    assert run("config", "show", "--root-key", "s3cret").exit_code == 2


SKIP = ["partition", "skip", "--partition", "0", "--topic", "in", "--from", "0", "--to", "1", "--yes"]


@pytest.mark.parametrize(
    "line",
    [
        ["generate"],
        ["rules", "list", "--org", "1"],
        ["rules", "put", "--org", "1", "-"],
        ["profiles", "get", "--org", "1", "default"],
        ["profiles", "publish", "--org", "1", "a"],
        ["profiles", "versions", "--org", "1", "a"],
        ["keys", "create", "--org", "1", "--scope", "read"],
        ["keys", "list", "--org", "1"],
        ["keys", "revoke", "a", "--yes"],
        ["score", "get", "--org", "1", "42"],
        ["score", "adjust", "--org", "1", "42", "5"],
        ["score", "export", "--org", "1"],
        ["state", "dump"],
        ["state", "verify"],
        ["partition", "show"],
        ["dead-letters", "list"],
        ["dead-letters", "redrive", "--all"],
        SKIP,
    ],
    ids=lambda line: "-".join(line[:2]),
)
def test_nobody_asks_for_a_topic_by_name_before_it_is_there(line: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker with auto.create.topics.enable would create it, with the broker's partition count."""

    async def refuse(*_: object) -> None:
        raise topic_administration.TopicsRefused("there is no such topic yet")

    monkeypatch.setattr(topic_administration, "check_topics", refuse)
    refused = CliRunner().invoke(root(COMMANDS), [*line, "--bootstrap-servers", "127.0.0.1:1"], input="[]")
    assert (refused.exit_code, told(refused)) == (1, "Error: there is no such topic yet\n")


@pytest.mark.parametrize("line", [["topics", "diff"], ["rules", "list", "--org", "1"], ["dead-letters", "list"]])
def test_a_broker_that_is_not_there_is_one_line(line: list[str], caplog: pytest.LogCaptureFixture) -> None:
    refused = run(*line, "--bootstrap-servers", "127.0.0.1:1,127.0.0.1:2")
    said = "Error: no broker answers at 127.0.0.1:1, 127.0.0.1:2 (LEADSTREAM_BOOTSTRAP_SERVERS)\n"
    assert (refused.exit_code, told(refused), refused.stdout) == (1, said, "")
    assert caplog.records == []  # a command that is no worker sets up no log: Python would print it all the same


def test_why_no_broker_answers_is_said_where_it_is_more_than_silence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = load_settings({"bootstrap_servers": "kafka:9093"}, {}, tmp_path)
    log = logging.getLogger("aiokafka")

    async def bootstrap(reason: Exception) -> None:
        log.error('Unable connect to "%s:%s": %s', "kafka", 9093, reason)
        log.warning("another line")
        raise KafkaConnectionError("Unable to bootstrap from [('kafka', 9093, 0)]")

    silent = r"^no broker answers at kafka:9093 \(LEADSTREAM_BOOTSTRAP_SERVERS\)$"
    with pytest.raises(click.ClickException, match=silent):
        run_bounded(settings, bootstrap(ConnectionRefusedError(111, "Connect call failed")))
    with pytest.raises(click.ClickException, match=r"_SERVERS\): .*certificate verify failed$"):
        run_bounded(settings, bootstrap(ssl.SSLError(1, "certificate verify failed")))
    assert [record.message for record in caplog.records] == ["another line"] * 2
    log.error('Unable connect to "%s:%s": %s', "kafka", 9093, "a worker's own log is whole")
    assert len(caplog.records) == 3


async def test_topics_are_looked_for_among_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings({"bootstrap_servers": "127.0.0.1:1"}, {}, tmp_path)
    there = [{"topic": "leadstream.config", "partitions": [{"replicas": [1]}]}, {"topic": "other", "partitions": []}]
    asked: list[tuple[object, ...]] = []

    class Admin:
        async def describe_topics(self, *names: object) -> list[dict[str, object]]:
            asked.append(names)
            return [topic for topic in there if topic["partitions"]]

    @asynccontextmanager
    async def administration(_: object) -> AsyncIterator[Admin]:
        yield Admin()

    monkeypatch.setattr(topic_administration, "administration", administration)
    topics = declared_topics(settings)
    await topic_administration.check_topics(settings, [topics.config])
    with pytest.raises(topic_administration.TopicsRefused, match=r"leadstream\.api-keys is missing"):
        await topic_administration.check_topics(settings, [topics.config, topics.api_keys])
    assert asked == [(), ()]
