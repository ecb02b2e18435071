"""The oracle is tested itself: an honest deployment is exact, and every planted bug is caught and named."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from tests.faults import reference
from tests.faults.honest import HonestEngine
from tests.faults.logs import Entry, Logs
from tests.faults.oracle import check
from tests.faults.planted import IN_LOGS
from tests.faults.reference_codec import Record
from tests.faults.verdict import Verdict
from tests.faults.writes import Acknowledged, Writers, compare_writes

SEED, EVENTS, PARTITIONS = 7, 1500, 2


def engine() -> HonestEngine:
    return HonestEngine(SEED, EVENTS, PARTITIONS)


@cache
def honest() -> Logs:
    return engine().run()


def copy(logs: Logs) -> Logs:
    return replace(logs, entries={place: list(log) for place, log in logs.entries.items()})


def test_an_honest_deployment_is_exact() -> None:
    verdict = check(honest())
    assert verdict.ok, verdict.table()
    assert verdict.totals["contacts"] > 100
    assert min(verdict.totals[name] for name in ("applied", "duplicate", "no_effect", "dead_letter")) > 10


def test_empty_logs_are_not_ok() -> None:
    assert not check(Logs("leadstream", "leadstream", 1)).ok


@pytest.mark.parametrize(("plant", "name"), IN_LOGS, ids=lambda value: getattr(value, "__name__", value))
def test_a_bug_planted_in_the_logs_is_caught_and_named(plant: Callable[[Logs], None], name: str) -> None:
    logs = copy(honest())
    plant(logs)
    verdict = check(logs)
    assert name in verdict.names, verdict.table()
    assert not verdict.ok


# Bugs planted in the engine: it runs wrong and its logs agree with themselves.
class Skips(HonestEngine):
    """Counts ten events as applied and does nothing."""

    def apply(self, record: Record) -> str:
        if record.role == "engagement" and 100 <= record.offset < 110 and record.partition == 0:
            self.reference.counts[record.topic, 0]["applied"] += 1
            return "applied"
        return super().apply(record)


class AppliesTwice(HonestEngine):
    """Applies each 50th record again, having forgotten its id."""

    def apply(self, record: Record) -> str:
        outcome = super().apply(record)
        if outcome == "applied" and record.role == "engagement" and record.offset % 50 == 0:
            self.reference.contacts[record.key or b""]["events"].clear()
            self.reference.apply(record, self.version, self.see(record), self.wall[record.partition])
        return outcome


class IgnoresErase(HonestEngine):
    def apply(self, record: Record) -> str:
        return "no_effect" if record.value is None and record.role == "contacts" else super().apply(record)


class UsesOldRules(HonestEngine):
    """Scores with an older rulebook than its journal says."""

    def apply(self, record: Record) -> str:
        version = 5 if record.offset > 200 else self.version
        return self.reference.apply(record, version, self.see(record), self.wall[record.partition])


class WrongRules(HonestEngine):
    """Reads the authored objects wrongly: each text is taken for another."""

    texts: tuple[tuple[bytes, bytes], ...] = ()

    def run(self) -> Logs:
        for old, new in self.texts:
            config = self.reference.config
            assert any(old in (value or b"") for _, _, value in config)
            self.reference.config = [(o, k, value and value.replace(old, new)) for o, k, value in config]
        return super().run()


class CapsOffByOne(WrongRules):
    texts = ((b'"maxPerContact": 3,', b'"maxPerContact": 4,'),)


class WrongThreshold(WrongRules):
    texts = ((b"[25,", b"[26,"),)


class ForgetsHysteresis(WrongRules):
    texts = ((b'"hysteresis": 10', b'"hysteresis": 0'),)


class IgnoresSite(WrongRules):
    texts = ((b'"siteId": "1", ', b""),)


IN_ENGINE = [
    (Skips, "lost output"), (AppliesTwice, "double output"), (AppliesTwice, "double state"),
    (IgnoresErase, "lost output"), (UsesOldRules, "wrong output"), (CapsOffByOne, "wrong output"),
    (WrongThreshold, "lost output"), (ForgetsHysteresis, "wrong output"), (IgnoresSite, "wrong output"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), IN_ENGINE)
def test_a_bug_planted_in_the_engine_is_caught_and_named(kind: type[HonestEngine], name: str) -> None:
    verdict = check(kind(SEED, EVENTS, PARTITIONS).run())
    assert name in verdict.names, verdict.table()
    assert not verdict.ok


def test_a_window_of_ids_that_is_too_short_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(reference, "WINDOW", 40)
        patch.setattr(reference.Reference, "window", 40)
        logs = engine().run()
    verdict = check(logs)
    assert "wrong output" in verdict.names, verdict.table()


ANSWERED = Acknowledged("1:w1", "c-write", 3, 3)


@pytest.mark.parametrize(
    ("scores", "answered", "found"),
    [([3], [ANSWERED], set()), ([], [ANSWERED], {"lost write"}), ([3, 6], [ANSWERED], {"double write"}),
     ([4], [ANSWERED], {"wrong write"})],
)  # fmt: skip
def test_a_write_that_was_answered_and_not_done_once_is_caught(
    scores: list[int], answered: list[Acknowledged], found: set[str]
) -> None:
    logs = Logs("leadstream", "leadstream", 1)
    bodies = [
        json.dumps({"profileId": "default", "score": score, "cause": {"commandId": "c-write"}}).encode()
        for score in scores
    ]
    logs.entries["leadstream.score-changed", 0] = [Entry(n, b"1:w1", body) for n, body in enumerate(bodies)]
    verdict = Verdict()
    compare_writes(logs, Writers([], 1, acknowledged=answered), verdict)
    assert verdict.names == found


def test_an_answer_that_is_in_no_contract_is_caught() -> None:
    verdict = Verdict()
    compare_writes(Logs("leadstream", "leadstream", 1), Writers([], 1, refused=["/v1/x: 500"]), verdict)
    assert verdict.names == {"wrong write"}
