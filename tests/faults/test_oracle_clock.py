"""The oracle follows the clock: what silence pays is proved from the journal like an input (S37, D10)."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from tests.faults import reference_clock
from tests.faults.honest import NOW_MS, HonestEngine
from tests.faults.honest_sources import Sources
from tests.faults.logs import Logs
from tests.faults.oracle import check
from tests.faults.planted_decay_engine import shows_fit_rules_nothing_of_time
from tests.faults.planted_logs import JOURNAL, SCORES, changed
from tests.faults.reference_clock import DAY
from tests.faults.reference_codec import Record
from tests.faults.test_oracle import WrongRules

LOAD = (9, 900, 2)


@cache
def honest() -> Logs:
    return HonestEngine(*LOAD).run()


def clock_outputs(logs: Logs) -> list[int]:
    """Where the clock has paid, in the scores of partition 0."""
    return [n for n, entry in enumerate(logs.of(SCORES, 0)) if b'"id":"clock-' in (entry.value or b"")]


def test_an_honest_clock_is_exact_and_pays_between_events_too() -> None:
    verdict, paid = check(honest()), clock_outputs(honest())
    assert verdict.ok, verdict.table()
    last = max(n for n, entry in enumerate(honest().of(SCORES, 0)) if b'"kind":"event"' in (entry.value or b""))
    assert len([n for n in paid if n < last]) > 20
    assert len([n for n in paid if n > last]) > 20


# Bugs planted in the logs.
def lose_due_time(logs: Logs) -> None:
    paid = clock_outputs(logs)
    del logs.of(SCORES, 0)[paid[len(paid) // 2]]


def repeat_due_time(logs: Logs) -> None:
    log = logs.of(SCORES, 0)
    log.append(log[clock_outputs(logs)[3]])


def move_due_time(logs: Logs) -> None:
    log, n = logs.of(SCORES, 0), clock_outputs(logs)[5]
    log[n] = changed(log[n], occurredAt="2026-05-29T00:00:00.000Z")


def pay_after_what_came_next(logs: Logs) -> None:
    """A due time in the middle goes behind the next output of its contact."""
    log = logs.of(SCORES, 0)
    first, then = next(
        (n, later) for n in clock_outputs(logs) for later in range(n + 1, len(log))
        if log[later].key == log[n].key and b'"kind":"event"' in (log[later].value or b"")
        and json.loads(log[later].value or b"")["version"] == json.loads(log[n].value or b"")["version"] + 1
    )  # fmt: skip
    log[first], log[then] = log[then], log[first]


def hold_the_clock(logs: Logs) -> None:
    log = logs.of(JOURNAL, 0)
    log[-1] = changed(log[-1], clock=json.loads(log[-2].value or b"")["clock"])


def call_a_jump_event_time(logs: Logs) -> None:
    log = logs.of(JOURNAL, 0)
    log[-1] = changed(log[-1], clockMode="records")


def read_what_came_later(logs: Logs) -> None:
    """The last command of all came three days before a batch of the clock that had not read it."""
    log, commands = logs.of(JOURNAL, 0), logs.of("leadstream.commands", 0)
    commands.append(replace(commands[-1], offset=len(commands), timestamp=log[-1].timestamp - 3 * DAY))


IN_LOGS: list[tuple[Callable[[Logs], None], str]] = [
    (lose_due_time, "lost output"), (repeat_due_time, "double output"), (move_due_time, "wrong output"),
    (pay_after_what_came_next, "wrong order"), (hold_the_clock, "wrong output"),
    (call_a_jump_event_time, "wrong clock"), (read_what_came_later, "wrong clock"),
]  # fmt: skip


@pytest.mark.parametrize(("plant", "name"), IN_LOGS)
def test_a_wrong_due_time_in_the_logs_is_caught_and_named(plant: Callable[[Logs], None], name: str) -> None:
    logs = replace(honest(), entries={place: list(log) for place, log in honest().entries.items()})
    plant(logs)
    assert name in check(logs).names, check(logs).table()


# Bugs planted in the engine.
class ActsTwice(HonestEngine):
    """Forgets which due times it has behind it, once, for each tenth contact."""

    def run_clock(self, partition: int, seq: int) -> None:
        for key in sorted(self.reference.contacts)[::10]:
            silent = self.reference.contacts[key]["silent"]
            silent.acted, silent.look = 0, silent.start
        super().run_clock(partition, seq)


class LosesDueTimes(HonestEngine):
    """Looks at nine of ten contacts."""

    def due(self, keys: list[bytes], clock: int) -> None:
        super().due([key for key in keys if not key.endswith(b"7")], clock)


class ActsAfterTheEvent(HonestEngine):
    """Lets due times act at the end of a batch, after the events that came at their instant."""

    def apply(self, record: Record) -> str:
        self.see(record)
        return self.reference.apply(record, self.version, NOW_MS, self.wall[record.partition])


class IgnoresCapOfSilence(WrongRules):
    texts = ((b'"maxPerContact": 2, "orgId"', b'"maxPerContact": 3, "orgId"'),)


class NeverRepeats(WrongRules):
    texts = ((b'"repeat": true', b'"repeat": false'),)


class CountsFromItsPublish(WrongRules):
    """Takes a silence for live later than it was."""

    texts = ((b'{"id": 20, "name": "A day of silence"', b'{"active": false, "id": 20, "name": "A day of silence"'),)


class AheadOfInput(HonestEngine):
    """Once, in the middle, its clock is three days on, though there is input that it has not read."""

    jumped = False

    def sources_of(self, partition: int) -> Sources[Record]:
        sources, after = super().sources_of(partition), Sources[Record].after

        def jumping(clock: int) -> int:
            jumps = bool(sources.unread()) and clock > NOW_MS and not self.jumped
            self.jumped = self.jumped or jumps
            return after(sources, clock) + 3 * DAY * jumps

        sources.after = jumping
        return sources


class AheadOfTime(HonestEngine):
    """Its clock is a day on when nobody's is; there is nothing left to be read."""

    def go_on(self, partition: int, by: int) -> None:
        self.clock[partition] += by


IN_ENGINE = [
    (AheadOfInput, "wrong clock"), (AheadOfTime, "wrong clock"),
    (ActsTwice, "double output"), (LosesDueTimes, "lost output"), (ActsAfterTheEvent, "wrong output"),
    (IgnoresCapOfSilence, "wrong output"), (NeverRepeats, "lost output"), (CountsFromItsPublish, "lost output"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), IN_ENGINE)
def test_an_engine_that_is_wrong_about_silence_is_caught_and_named(kind: type[HonestEngine], name: str) -> None:
    verdict = check(kind(*LOAD).run())
    assert name in verdict.names, verdict.table()


def test_an_engine_whose_silence_is_ended_by_what_was_sent_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(reference_clock, "NO_INTERACTION", ())
        logs = HonestEngine(*LOAD).run()
    assert {"lost output", "wrong output"} & set(check(logs).names)


def test_an_engine_whose_fit_rules_see_nothing_of_silence_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        for owner, name, wrong in shows_fit_rules_nothing_of_time():
            patch.setattr(owner, name, wrong)
        logs = HonestEngine(*LOAD).run()
    assert "lost output" in check(logs).names
