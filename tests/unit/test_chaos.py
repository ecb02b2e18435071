"""`leadstream chaos` refuses what cannot be, in a sentence; an armed point ends the process that reaches it."""

import os
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stream_app.operations import chaos_commands
from stream_app.operations.phases import PhaseProbe, arm


def chaos(*arguments: str) -> Result:
    return CliRunner().invoke(chaos_commands.chaos, arguments)


def test_without_a_checkout_it_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaos_commands, "HARNESS", "tests_that_are_not_installed.faults.chaos")
    result = chaos("--list")
    assert result.exit_code == 1
    assert "./dev chaos" in result.output and "Traceback" not in result.output


def test_faults_are_listed_by_name() -> None:
    names = chaos("--list").output.split()
    assert {"kill", "zombie", "broker-kill", "store-stale", "rest-writes"} <= set(names)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--fault", "meteor"), "no fault is named meteor"),
        (("--fault", "broker-kill", "--bootstrap-servers", "k:9092"), "a broker that is not embedded is left alone"),
        (("--fault", "store-newer", "--store", "memory"), "--store rocksdb"),
        (("--fault", "rolling-upgrade"), "--other PATH"),
    ],
)
def test_what_cannot_happen_is_wrong_use(arguments: tuple[str, ...], words: str) -> None:
    result = chaos(*arguments)
    assert result.exit_code == 2
    assert words in result.output


def test_an_armed_point_kills_and_no_other_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append((pid, number)))
    file = tmp_path / "phases"
    probe = PhaseProbe(file, None)
    arm(file, "sent")
    probe.reached(3, "sending")
    assert (killed, file.read_bytes()[:5]) == ([], b"iiiti")
    probe.reached(3, "sent")
    assert killed == [(os.getpid(), signal.SIGKILL)]
    arm(file, None)
    probe.reached(3, "sent")
    arm(file, "ingest committing")
    probe.reached(0, "ingest committing")
    assert len(killed) == 2
    assert file.read_bytes()[:5] == b"iiiti"
