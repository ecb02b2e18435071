"""A run that ends badly leaves its line and is not exact; nor is one in which what was asked for did not happen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from tests.faults import faults_of_stores, faults_of_workers
from tests.faults.campaign import Asked, Campaign
from tests.faults.chaos import one_run
from tests.faults.deployment import Deployment, NotScratch, Options
from tests.faults.fault_table import usable
from tests.faults.faults_of_stores import disk_full
from tests.faults.faults_of_workers import zombie
from tests.faults.injections import Field, Injection, not_struck
from tests.faults.report import read_lines

ASKED = Asked(["kill"], minutes=0)


def breaking(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def start(*_: object) -> None:
        raise error

    monkeypatch.setattr(Deployment, "start", start)
    monkeypatch.setattr(Deployment, "close", lambda _: None)


def test_a_run_that_ends_badly_leaves_its_line_and_is_not_exact(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    breaking(monkeypatch, TimeoutError("not within 120 s: all workers ready"))
    line = one_run(Options(), ASKED, tmp_path, tmp_path / "report")
    assert [line] == read_lines(tmp_path / "report")
    assert not line["verdict"]["ok"]
    assert line["verdict"]["names"] == {"wrong run": 1}
    assert "all workers ready" in line["verdict"]["findings"][0]


def test_a_run_that_is_told_to_end_leaves_its_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    breaking(monkeypatch, SystemExit(143))
    with pytest.raises(SystemExit):
        one_run(Options(), ASKED, tmp_path, tmp_path / "report")
    assert [line["verdict"]["names"] for line in read_lines(tmp_path / "report")] == [{"wrong run": 1}]


def test_a_prefix_in_use_is_wrong_use_and_no_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    breaking(monkeypatch, NotScratch("in use"))
    with pytest.raises(click.ClickException, match="in use"):
        one_run(Options(), ASKED, tmp_path, tmp_path / "report")
    assert not (tmp_path / "report").exists()


class Quiet:
    """As much of a Field as needs no broker."""

    begun = 0.0
    deployment: Any

    def __init__(self, late: bool = False) -> None:
        self.injections: list[Injection] = []
        self.ended_by_themselves, self.late = 0, late
        self.meter = self

    struck, failed = Field.struck, Field.failed

    def recover(self) -> None:
        if self.late:
            raise TimeoutError("not within 150 s: all that was sent is committed")

    def pause(self, *_: float) -> None:
        pass

    def restart_ended(self) -> None:
        pass

    def ready_worker(self, *_: object) -> Any:
        return self.deployment.workers[0]


@pytest.mark.parametrize("late", [False, True])
def test_the_last_recovery_that_takes_too_long_is_a_finding_and_not_the_end(
    late: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    campaign, field = Campaign(tmp_path, Options(), Asked([], minutes=0)), Quiet(late)
    monkeypatch.setattr(campaign, "plan", lambda: iter(()))
    monkeypatch.setattr(campaign, "restart_all", lambda: None)
    campaign.inject(field)  # type: ignore[arg-type] # what it needs of a Field
    assert [bool(one.wrong) for one in field.injections] == [True] * late
    assert not any(one.counts for one in field.injections)


def test_a_fault_that_was_asked_for_and_did_not_happen_is_named() -> None:
    kill, late = Injection("kill", 1.0, 0, "tp"), Injection("zombie", 2.0, 1, "tp", happened=False)
    assert not_struck(["kill", "zombie"], False, [kill, late]) == ["zombie"]
    assert not_struck(["kill", "kill"], False, [kill]) == []
    assert not_struck(["kill", "zombie"], True, [kill, late]) == []
    assert not_struck(["kill"], True, [late]) == ["mix"]
    assert not_struck(["kill"], False, [Injection("kill", 1.0, 0, "ii")]) == ["kill"]


def test_faults_that_need_another_worker_or_a_disk_say_so() -> None:
    _, why = usable(["zombie", "kill"], Options(workers=1, store="rocksdb"))
    assert why == {"zombie": "nobody else takes over what a single frozen worker has"}
    assert "local stores" in usable(["disk-full"], Options(store="memory"))[1]["disk-full"]


class Fake:
    """A worker without a process: its phases, and what /ready answers one time after the other."""

    data, running = Path("/nowhere"), True

    def __init__(self, number: int, phases: Callable[[], str], answers: tuple[int, ...] = (200,)) -> None:
        self.number, self.seen, self.answers, self.signals = number, phases, list(answers), list[int]()

    @property
    def phases(self) -> str:
        return self.seen()

    def send(self, number: int) -> None:
        self.signals.append(number)

    def start(self, *_: object, **__: str) -> None:
        pass

    def kill(self) -> str:
        return ""

    def ready(self) -> bool:
        return True

    def ask(self, *_: object) -> tuple[int, bytes]:
        return (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]), b""


@pytest.mark.parametrize("taken", [True, False])
def test_a_zombie_counts_only_when_others_took_over(taken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults_of_workers, "TAKE_OVER_SECONDS", 0.2)
    shown = iter(["iipp", "iipp", "oopp"])
    field = Quiet()
    frozen = Fake(0, lambda: "ptii")
    field.deployment = type("Two", (), {"workers": [frozen, Fake(1, lambda: next(shown, "pppp" if taken else "oopp"))]})
    zombie(field)  # type: ignore[arg-type] # what it needs of a Field
    [injection] = field.injections
    assert (injection.counts, bool(injection.wrong)) == (taken, not taken)
    assert len(frozen.signals) == 2


@pytest.mark.parametrize(("answers", "counts"), [((200, 200, 503), True), ((200,), False)])
def test_a_full_disk_counts_only_when_the_worker_said_so(
    answers: tuple[int, ...], counts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults_of_stores, "FULL_SECONDS", 0.2)
    for name in ("mount", "unmount", "fill"):
        monkeypatch.setattr(faults_of_stores, name, lambda _: None)
    field = Quiet()
    field.deployment = type("One", (), {"workers": [Fake(0, lambda: "pppp", answers)]})
    disk_full(field)  # type: ignore[arg-type] # what it needs of a Field
    injection = field.injections[-1]
    assert (injection.counts, bool(injection.wrong)) == (counts, not counts)
    assert not_struck(["disk-full"], False, field.injections) == ([] if counts else ["disk-full"])
