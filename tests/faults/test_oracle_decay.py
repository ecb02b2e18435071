"""The oracle follows decay: what time takes away is proved from the journal like an input (S38, decision 0015)."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from schemas.journal import PartitionRecord
from tests.faults.logs import Logs
from tests.faults.oracle import check
from tests.faults.planted_decay import IN_LOGS, decayed
from tests.faults.planted_decay_engine import IN_ENGINE, Patches
from tests.faults.reference_clock import DAY
from tests.faults.test_oracle_sweeps import Sweeps

LOAD = (9, 130, 1)


class Fades(Sweeps):
    """When all inputs are through, each score that decays does so three times as slowly, or begins to anew."""

    fading = True
    load = LOAD

    def edit(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("formula") is not None:
            return {}
        is_line = "percent" in (body.get("decay") or {})
        return {"decay": {"percent": 20, "periodDays": 1} if is_line else {"halfLifeDays": 3}}

    def after_sweep(self, partition: int, record: PartitionRecord) -> None:
        for _ in range(2):
            record.seq += 1
            self.go_on(partition, DAY)
            self.run_clock(partition, record.seq)
            self.account(partition, record.seq, record.sources)


@cache
def honest() -> Logs:
    return Fades().run()


def test_honest_decay_is_exact_and_counted() -> None:
    verdict = check(honest())
    assert verdict.ok, verdict.table()
    assert len(decayed(honest())) > 30
    for name in ("looks at which scores decayed", "changes by decay", "crossings by decay", "silences paid"):
        assert verdict.totals[name] > 30, verdict.table()


@pytest.mark.parametrize(("plant", "name"), IN_LOGS, ids=lambda value: getattr(value, "__name__", value))
def test_decay_that_is_wrong_in_the_logs_is_caught_and_named(plant: Callable[[Logs], None], name: str) -> None:
    logs = replace(honest(), entries={place: list(log) for place, log in honest().entries.items()})
    plant(logs)
    verdict = check(logs)
    assert name in verdict.names, verdict.table()


@pytest.mark.parametrize(("plant", "found"), IN_ENGINE, ids=lambda value: getattr(value, "__name__", ""))
def test_an_engine_that_is_wrong_about_decay_is_caught_and_named(
    plant: Callable[[], Patches], found: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        for owner, name, wrong in plant():
            patch.setattr(owner, name, wrong)
        logs = Fades().run()
    verdict = check(logs)
    assert found <= verdict.names, verdict.table()
