"""`leadstream score import` before it speaks to Kafka: what a file holds is told, and what is wrong with it."""

import asyncio
import json
import os
import threading
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

import pytest
from click.testing import CliRunner, Result

from stream_app.operations import score_import
from stream_app.operations.command_line import COMMANDS, root
from stream_app.operations.command_settings import run_bounded
from stream_app.operations.replay import Outgoing
from stream_app.operations.score_import import PRINTED, REPORTED


def run(folder: Path, file: bytes, *options: str, org: str = "1") -> Result:
    path = folder / "scores.csv"
    path.write_bytes(file)
    line = ["--bootstrap-servers", "127.0.0.1:1", "--org", org, "--dry-run"]
    return CliRunner().invoke(root(COMMANDS), ["score", "import", str(path), *line, *options])


def test_a_dry_run_tells_how_many_scores_there_are(tmp_path: Path) -> None:
    told = run(tmp_path, b"contactId,score\n1,5\n2,6\n", "--key", "k", "--by", "crm", "--fire-triggers")
    assert (told.exit_code, told.stdout) == (0, "would import 2 scores  key k\n")
    drawn = json.loads(run(tmp_path, b"contactId,score\n", "--json").stdout)
    assert uuid.UUID(drawn.pop("key")).version == 4
    assert drawn == {"dryRun": True, "accepted": 0, "rejectedCount": 0, "rejected": []}


def test_rows_that_are_none_are_named_and_fail_the_command(tmp_path: Path) -> None:
    bad = run(tmp_path, b"contactId,score\n1,5\n" + b"x\n" * (PRINTED + 2))
    assert (bad.exit_code, bad.stdout.split("  ")[0]) == (1, "would import 1 scores")
    lines = bad.stderr.splitlines()
    assert lines[0].endswith("scores.csv:3: wrong_cells: 1 cells under 2 columns.")
    assert (len(lines), lines[-1]) == (PRINTED + 1, "and 2 more rows that are no scores")
    told = json.loads(run(tmp_path, b"contactId,score\n1,5\n" + b"x\n" * (REPORTED + 2), "--json").stdout)
    assert (told["rejectedCount"], len(told["rejected"])) == (REPORTED + 2, REPORTED)
    assert told["rejected"][0] == {"line": 3, "code": "wrong_cells", "message": "1 cells under 2 columns."}


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"contactId,score,email\n", "scores.csv:1: The columns are contactId, score, reason"),
        (b"contactId,score,email\n", "('email')"),
        (b"contactId,score\n1,1\n\xff\n", "scores.csv:3: The line is not UTF-8."),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, file: bytes, said: str) -> None:
    refused = run(tmp_path, file)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert said in refused.stderr


def test_wrong_use(tmp_path: Path) -> None:
    assert run(tmp_path, b"contactId,score\n", org="a b").exit_code == 2
    assert run(tmp_path, b"contactId,score\n", "--by", "").exit_code == 2
    assert CliRunner().invoke(root(COMMANDS), ["score", "import", "--org", "1", str(tmp_path / "no")]).exit_code == 2


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Outgoing]:
    """Commands that an import hands to the producer, in place of a broker."""
    taken: list[Outgoing] = []

    @asynccontextmanager
    async def no_producer(**_: Any) -> AsyncIterator[None]:
        yield None

    async def take(records: Iterable[Outgoing], *_: Any, **__: Any) -> Counter[str]:
        taken.extend(records)
        return Counter(record.topic for record in taken)

    monkeypatch.setattr(score_import, "open_producer", no_producer)
    monkeypatch.setattr(score_import, "replay", take)
    monkeypatch.setattr(score_import, "run_on_topics", lambda _, work: asyncio.run(work))
    return taken


def imported(path: Path) -> Result:
    line = ["--bootstrap-servers", "127.0.0.1:1", "--org", "1", "--yes", "--key", "k"]
    return CliRunner().invoke(root(COMMANDS), ["score", "import", str(path), *line])


def test_a_pipe_is_imported_as_a_file_is(tmp_path: Path, sent: list[Outgoing]) -> None:
    rows = b"contactId,score\n" + b"".join(b"%d,5\n" % number for number in range(20_000))  # more than a pipe holds
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(rows,))
    writer.start()
    told = imported(path)
    writer.join()
    assert (told.exit_code, told.stdout) == (0, "imported 20000 scores  key k\n")
    assert [record.key for record in sent] == [b"1:%d" % number for number in range(20_000)]


def test_fewer_scores_sent_than_checked_fail_the_command(
    tmp_path: Path, sent: list[Outgoing], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scores.csv"
    path.write_bytes(b"contactId,score\n1,5\n2,6\n")
    check = score_import._check_file

    def cut_behind(file: Path, lines: IO[bytes], build: Any) -> Any:
        found = check(file, lines, build)
        os.truncate(file, len(b"contactId,score\n1,5\n"))
        return found

    monkeypatch.setattr(score_import, "_check_file", cut_behind)
    told = imported(path)
    assert (told.exit_code, told.stdout, len(sent)) == (1, "imported 1 scores  key k\n", 1)
    assert "had 2 scores when it was checked" in told.stderr


def test_the_key_to_send_it_again_with_is_named_where_something_may_be_sent(
    tmp_path: Path, sent: list[Outgoing], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scores.csv"
    path.write_bytes(b"contactId,score\n1,5\n")

    async def fail(*_: Any, **__: Any) -> None:
        raise OSError("the broker is gone")

    monkeypatch.setattr(score_import, "run_on_topics", run_bounded)
    monkeypatch.setattr(score_import, "replay", fail)
    told = imported(path)
    assert (told.exit_code, told.stdout, sent) == (1, "", [])
    assert told.stderr == "Error: the broker is gone; to send it again: --key k, no row acts twice\n"
    monkeypatch.undo()
    told = imported(path)
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr == "Error: no broker answers at 127.0.0.1:1 (LEADSTREAM_BOOTSTRAP_SERVERS)\n"
