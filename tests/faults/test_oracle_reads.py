"""The oracle judges every answer read at rest: scores, versions, what is not there, and what nobody may answer."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from tests.faults.honest import HonestEngine
from tests.faults.reads import Read, Told, compare_reads, read_scores, told_of
from tests.faults.reference_ledger import Ledger
from tests.faults.verdict import Verdict

LATER = 2_000_000_000_000


class Fades(HonestEngine):
    fading = True


@cache
def engine() -> HonestEngine:
    made = Fades(9, 130, 1)
    made.run()
    return made


@cache
def told() -> dict[tuple[str, str], list[Told]]:
    reference = engine().reference
    wanted = {(key.decode(), name) for key, contact in reference.contacts.items() for name in contact["profiles"]}
    return told_of(engine().logs, reference, wanted)


@cache
def right() -> tuple[Read, ...]:
    """What a right deployment answers, of all that was told."""
    reference, made = engine().reference, list[Read]()
    book, now = reference.book(engine().version), engine().clock[0]
    for (key, profile), changes in told().items():
        org, contact = key.split(":")[0], reference.contacts[key.encode()]
        score, at = changes[-1].score, None
        if profile in book.clock(org).decays:
            fading = Ledger(contact, book, org, now).faded(profile, contact["profiles"][profile])
            score, at = fading.shows(fading.clock), now
        made.append(Read(key, profile, score, changes[-1].version, at, asked_ms=LATER))
    return tuple(made)


def judged(reads: list[Read]) -> Verdict:
    verdict = Verdict()
    compare_reads(engine().logs, engine().reference, reads, verdict)
    return verdict


def of(wanted: Callable[[Read, list[Told]], bool]) -> Read:
    return next(read for read in right() if wanted(read, told()[read.key, read.profile]))


def plain(read: Read, changes: list[Told]) -> bool:
    return read.as_of is None and changes[-1].kind == "event"


def decaying(read: Read, _: list[Told]) -> bool:
    return read.as_of is not None and read.score != 0


def told_by_the_clock(read: Read, changes: list[Told]) -> bool:
    return read.as_of is None and len(changes) > 1 and changes[-1].kind == "clock"


def test_right_answers_are_exact_and_both_kinds_are_compared() -> None:
    gone = [Read("1:never", "default", status=404), Read("1:1", "nowhere", status=404)]
    verdict = judged([*right(), *gone])
    assert not verdict.findings, verdict.table()
    assert verdict.totals["reads of plain scores"] > 50
    assert verdict.totals["reads of decaying scores"] > 20


def test_an_answer_from_before_the_clock_told_more_is_no_finding() -> None:
    read = of(told_by_the_clock)
    before = told()[read.key, read.profile][-2]
    assert not judged([replace(read, version=before.version, score=before.score)]).findings
    assert judged([replace(read, version=before.version, score=before.score + 1)]).names == {"wrong answer"}


def test_a_publish_that_came_after_the_answer_is_no_finding() -> None:
    read, logs = of(plain), engine().logs
    changes = [*told()[read.key, read.profile], Told(read.version + 1, 7, "config", LATER)]
    for asked, found in ((LATER - 1, set[str]()), (LATER + 60_000, {"stale answer"})):
        verdict = Verdict()
        one = replace(read, asked_ms=asked)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tests.faults.reads.told_of", lambda *_: {(read.key, read.profile): changes})
            compare_reads(logs, engine().reference, [one], verdict)
        assert verdict.names == found


WRONG: list[tuple[Callable[[Read, list[Told]], bool], dict[str, Any], str]] = [
    (plain, {"score": 123_456}, "wrong answer"), (decaying, {"score": 123_456}, "wrong answer"),
    (plain, {"version": 99_999}, "wrong answer"), (decaying, {"version": 99_999}, "wrong answer"),
    (plain, {"version": 0, "score": 0}, "stale answer"), (plain, {"status": 404}, "lost answer"),
    (plain, {"status": 503}, "wrong answer"), (plain, {"status": 500}, "wrong answer"),
    (plain, {"status": 0}, "wrong answer"), (plain, {"as_of": LATER}, "wrong answer"),
    (decaying, {"as_of": None}, "wrong answer"), (plain, {"key": "1:never"}, "wrong answer"),
    (plain, {"profile": "nowhere"}, "wrong answer"), (plain, {"profile": "idea"}, "wrong answer"),
]  # fmt: skip


@pytest.mark.parametrize(("which", "wrong", "name"), WRONG)
def test_a_wrong_answer_is_caught_and_named(
    which: Callable[[Read, list[Told]], bool], wrong: dict[str, Any], name: str
) -> None:
    assert judged([replace(of(which), **wrong)]).names == {name}


class Answering:
    """A worker that answers with these statuses, the last one for ever."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)

    def ask(self, *_: str) -> tuple[int, bytes]:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return status, b'{"data": {"leadScore": 5, "version": 2}}'


@pytest.mark.parametrize(
    ("statuses", "found"), [((200,), 200), ((503, 0, 200), 200), ((404,), 404), ((500, 200), 500), ((503,), 503)]
)
def test_what_cannot_be_answered_now_is_asked_again_and_kept_when_it_persists(
    statuses: tuple[int, ...], found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.faults.reads.PAUSE_SECONDS", 0.001)
    monkeypatch.setattr("tests.faults.reads.PATIENCE_SECONDS", 0.05)
    workers: Any = [Answering(*statuses)]
    [read] = read_scores(workers, ["1:1"], engine().random)
    assert (read.status, read.score) == (found, 5 if found == 200 else 0)
