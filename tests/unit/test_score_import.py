"""`leadstream score import` before it speaks to Kafka: what a file holds is told, and what is wrong with it."""

import json
import uuid
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stream_app.operations.command_line import COMMANDS, root
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
