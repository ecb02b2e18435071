"""`leadstream dead-letters redrive` of many: what stays bad is not sent again and again, and nothing is held."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from click.testing import CliRunner, Result

from schemas.events import Rejected
from stream_app.operations import dead_letter_commands, dead_letters, redrive
from stream_app.operations.command_line import COMMANDS, root
from stream_app.operations.dead_letters import DeadLetter
from stream_app.processing.dead_letters import dead_letter

SOURCE = "leadstream.engagement"


@dataclass
class Received:
    value: bytes | None
    key: bytes | None = b"1:42"
    headers: Any = ()
    offset: int = 7
    timestamp: int = 5


@dataclass
class Letters:
    """The topic in memory: what is redriven is refused again, unless it is good by now."""

    there: list[DeadLetter] = field(default_factory=list[DeadLetter])
    good: set[bytes | None] = field(default_factory=set[bytes | None])
    partitions: int = 2

    def refuse(self, received: Received, reason: Any = "not_json", topic: str = SOURCE) -> DeadLetter:
        key, value, headers = dead_letter(topic, 2, received, Rejected(reason, "why"))
        offset = len(self.there)
        self.there.append(DeadLetter(offset % self.partitions, offset, 1000 + offset, key, value, headers))
        return self.there[-1]

    async def read(self, _: Any, where: Any) -> AsyncIterator[DeadLetter]:
        for letter in sorted(self.there[: where["end"]], key=lambda letter: letter.partition):
            yield letter

    async def retained(self, *_: Any) -> Any:
        return {"end": len(self.there)}

    async def find(self, _: Any, __: str, refs: Sequence[tuple[int, int]]) -> AsyncIterator[DeadLetter]:
        for letter in self.there:
            if (letter.partition, letter.offset) in refs:
                yield letter

    async def send(self, _: Any, chosen: AsyncIterator[DeadLetter], __: int) -> AsyncIterator[DeadLetter]:
        async for letter in chosen:
            if letter.value not in self.good:
                self.refuse(Received(letter.value, letter.key, letter.redrive_headers()), letter.reason)
            yield letter


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> Letters:
    made = Letters()
    for module in (redrive, dead_letters):
        monkeypatch.setattr(module, "retained", made.retained)
        monkeypatch.setattr(module, "read_dead_letters", made.read)
        monkeypatch.setattr(module, "find", made.find)
    monkeypatch.setattr(dead_letters, "send_again", made.send)
    monkeypatch.setattr(dead_letter_commands, "run_on_topics", dead_letter_commands.run_bounded)
    return made


def run(*options: str) -> Result:
    line = ["dead-letters", *options, "--bootstrap-servers", "127.0.0.1:1"]
    return CliRunner().invoke(root(COMMANDS), line, catch_exceptions=False)


def sent(*options: str) -> list[str]:
    return json.loads(run("redrive", *options, "--yes", "--json").stdout)["sent"]


def test_what_stays_bad_does_not_multiply(letters: Letters) -> None:
    letters.refuse(Received(b"{"))
    letters.refuse(Received(b"["), "too_late")
    assert sent("--all") == ["0:0", "1:1"]
    assert len(letters.there) == 4
    for _ in range(3):
        left = run("redrive", "--all", "--yes")
        assert (left.exit_code, left.stdout, left.stderr.count("refused again (--again")) == (1, "", 4)
    assert run("redrive", "--reason", "too_late", "--yes").exit_code == 1
    assert len(letters.there) == 4
    assert sent("--all", "--again") == ["0:2", "1:3"]  # of the same bytes the newest generation only
    assert sent("--all", "--again") == ["0:4", "1:5"]
    assert [dict(letter.headers)["leadstream-redrive-count"] for letter in letters.there] == [
        b"0", b"0", b"1", b"1", b"2", b"2", b"3", b"3",
    ]  # fmt: skip


def test_records_that_are_alike_are_all_sent(letters: Letters) -> None:
    for _ in range(3):  # three events without an eventId
        letters.refuse(Received(b"{"))
    letters.refuse(Received(b"{", key=b"1:43"))
    letters.refuse(Received(b"{", headers=[("trace", b"t")]))
    assert len(sent("--all")) == 5
    assert len(sent("--all", "--again")) == 5
    assert len(sent("--all")) == 0


def test_what_came_after_is_sent_beside_what_was_refused_again(letters: Letters) -> None:
    letters.refuse(Received(b"{"))
    letters.refuse(Received(b"good"))
    letters.good = {b"good"}
    assert sent("--all") == ["0:0", "1:1"]
    letters.refuse(Received(b"new"))
    assert sent("--all") == ["1:1", "1:3"]  # what was taken leaves no trace here: the engine's dedupe knows it


def test_one_that_comes_as_an_earlier_one_did_is_sent(letters: Letters) -> None:
    """Two events without an eventId may have the same bytes."""
    letters.refuse(Received(b"{"))
    assert sent("--all") == ["0:0"]
    letters.refuse(Received(b"{"))
    assert [row.ref for row in letters.there] == ["0:0", "1:1", "0:2"]
    told = json.loads(run("redrive", "--all", "--again", "--dry-run", "--json").stdout)
    assert (told["sent"], told["left"]) == (["0:2", "1:1"], [{"ref": "0:0", "why": redrive.OLDER}])
    assert sent("--all") == ["0:2"]
    assert sent("--all") == []
    assert sent("--all", "--again") == ["1:1", "1:3"]
    assert sent("--all", "--again") == ["0:4", "1:5"]


def test_of_the_same_bytes_the_last_are_taken_for_never_redriven(letters: Letters) -> None:
    letters.partitions = 1
    again = letters.refuse(Received(b"{")).redrive_headers()
    letters.refuse(Received(b"{"))
    letters.refuse(Received(b"{"))
    for _ in range(2):  # the third was taken, which leaves no trace
        letters.refuse(Received(b"{", headers=again))
    letters.good = {b"{"}
    assert sent("--all") == ["0:2"]


def test_what_came_before_answers_for_nothing_in_its_partition(letters: Letters) -> None:
    """Retention has deleted what it was redriven from."""
    letters.partitions = 1
    letters.refuse(Received(b"{", headers=[("leadstream-redrive-count", b"1")]))
    letters.refuse(Received(b"{"))
    letters.good = {b"{"}
    assert sent("--all") == ["0:1"]


def test_one_that_went_to_an_earlier_partition_is_answered_for_there(letters: Letters) -> None:
    letters.refuse(Received(b"other"))
    wrong = letters.refuse(Received(b"{"), "wrong_partition")
    letters.refuse(Received(b"{", headers=wrong.redrive_headers()), "invalid_event")
    assert [row.ref for row in letters.there] == ["0:0", "1:1", "0:2"]
    told = json.loads(run("redrive", "--all", "--dry-run", "--json").stdout)
    assert (told["sent"], [row["ref"] for row in told["left"]]) == (["0:0"], ["0:2", "1:1"])


def test_one_is_older_only_where_a_later_one_is_sent(letters: Letters) -> None:
    first = letters.refuse(Received(b"{"), "wrong_partition")
    letters.refuse(Received(b"{", headers=first.redrive_headers()), "invalid_event")
    chosen = ("redrive", "--reason", "wrong_partition", "--dry-run", "--json")
    assert json.loads(run(*chosen).stdout)["left"] == [{"ref": "0:0", "why": redrive.REFUSED_AGAIN}]
    told = json.loads(run(*chosen, "--again").stdout)
    assert (told["sent"], told["left"]) == (["0:0"], [])
    assert json.loads(run("redrive", "--all", "--again", "--dry-run", "--json").stdout)["sent"] == ["1:1"]
    assert json.loads(run("redrive", "--reason", "invalid_event", "--again", "--dry-run", "--json").stdout)["sent"] == [
        "1:1"
    ]


def test_one_that_cannot_be_sent_stands_for_no_earlier_one(letters: Letters) -> None:
    first = letters.refuse(Received(b"{"))
    second = letters.refuse(Received(b"{", headers=first.redrive_headers()))
    letters.refuse(Received(b"{", headers=second.redrive_headers()), "too_large")
    told = json.loads(run("redrive", "--all", "--again", "--dry-run", "--json").stdout)
    assert told["sent"] == ["1:1"]
    assert [row["ref"] for row in told["left"]] == ["0:0", "0:2"]
    assert told["left"][0]["why"] == redrive.OLDER and "was cut" in told["left"][1]["why"]


def test_a_dead_letter_that_is_named_is_sent_whatever_was_before(letters: Letters) -> None:
    letters.refuse(Received(b"{"))
    assert [sent("0:0"), sent("0:0"), sent("1:1")] == [["0:0"], ["0:0"], ["1:1"]]
    assert "there is no dead letter 1:9" in run("redrive", "1:9", "--yes").stderr


def test_nothing_that_can_be_sent_is_a_failure(letters: Letters) -> None:
    assert run("redrive", "--all", "--yes").exit_code == 0  # nothing there is nothing left
    letters.refuse(Received(b"{"), topic="gone")
    refused = run("redrive", "--all", "--dry-run")
    assert (refused.exit_code, "gone is no source" in refused.stderr) == (1, True)
    assert run("redrive", "0:0", "--yes", "--json").exit_code == 1
    letters.refuse(Received(b"{"))
    dry = run("redrive", "--all", "--dry-run")
    assert (dry.exit_code, dry.stdout) == (0, f"would send 1:1  not_json  from {SOURCE}-2-7\n")
    assert len(letters.there) == 2


def test_what_was_sent_is_told_where_the_rest_cannot_be(letters: Letters, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (b"{", b"["):
        letters.refuse(Received(value))

    async def fail_midway(_: Any, chosen: AsyncIterator[DeadLetter], __: int) -> AsyncIterator[DeadLetter]:
        async for letter in chosen:
            yield letter
            raise OSError("the broker is gone")

    monkeypatch.setattr(dead_letters, "send_again", fail_midway)
    failed = run("redrive", "--all", "--yes", "--json")
    assert (failed.exit_code, failed.stderr) == (1, "Error: the broker is gone\n")
    told = {"dryRun": False, "sent": ["0:0"], "left": [], "error": "the broker is gone"}
    assert json.loads(failed.stdout) == told


def test_a_reason_that_none_is_refused_for_is_wrong_use(letters: Letters) -> None:
    for command in ("list", "redrive"):
        refused = run(command, "--reason", "notjson")
        assert (refused.exit_code, "'not_json', 'invalid_event'" in refused.stderr) == (2, True)


def test_a_list_holds_the_newest_only(letters: Letters) -> None:
    for number in range(50):
        letters.refuse(Received(b"%d" % number), "not_json" if number % 5 else "too_late")
    told = json.loads(run("list", "--limit", "3", "--json").stdout)
    assert (told["total"], [row["ref"] for row in told["deadLetters"]]) == (50, ["1:49", "0:48", "1:47"])
    told = json.loads(run("list", "--limit", "3", "--reason", "too_late", "--json").stdout)
    assert (told["total"], [row["ref"] for row in told["deadLetters"]]) == (10, ["1:45", "0:40", "1:35"])


def test_one_is_shown_without_reading_the_others(letters: Letters) -> None:
    letters.refuse(Received(b"{"))
    assert "value: {" in run("show", "0:0").stdout
    assert "there is no dead letter 1:0" in run("show", "1:0").stderr
    assert run("show", "x").exit_code == 2
    beyond = run("show", "99:0")
    assert (beyond.exit_code, "Invalid value for REF: 99:0: there are 8 partitions" in beyond.stderr) == (2, True)
