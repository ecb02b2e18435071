"""Faults under load on a real broker: six of them for each commit, in turn; `./dev chaos` is the long run."""

import os
import time
from pathlib import Path
from random import Random

import pytest

from schemas.authored import Profile, ProfileRecord, Rule
from tests.faults.authored import config_records, edited_records
from tests.faults.campaign import Asked, Campaign
from tests.faults.deployment import Options
from tests.faults.fault_table import FAULTS, Room, usable
from tests.faults.report import commit, table

OPTIONS = Options(partitions=4, workers=2, store="rocksdb", session_seconds=6)
ROOMS: tuple[Room, ...] = ("kill", "kill", "worker", "broker", "store", "data")
QUICK_SECONDS = 50


def six(of: str) -> list[str]:
    """Six faults, of every room at least one, always the same for one commit; none that takes a minute."""
    dice = Random(of)  # noqa: S311 - a choice that can be repeated
    names = [name for name, fault in FAULTS.items() if fault.seconds < QUICK_SECONDS]
    left, _ = usable(names, OPTIONS)
    chosen: list[str] = []
    for room in ROOMS:
        chosen.append(dice.choice([name for name in left if FAULTS[name].room == room]))
        left.remove(chosen[-1])
    return chosen


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_is_lost_double_wrong_or_stale_after_faults_under_load(tmp_path: Path) -> None:
    of = commit() or time.strftime("%Y-%m-%d", time.gmtime())
    static = Random(of).random() < 0.5  # noqa: S311 - the same
    names = six(of)
    print(f"faults of {of}: {', '.join(names)}{' (static)' if static else ''}", flush=True)  # noqa: T201 - said by pytest
    options = Options(4, 2, static, "rocksdb", session_seconds=6)
    run = Campaign(tmp_path, options, Asked(names, minutes=0, seed=len(of))).go()
    shown = table([run.line()])
    assert run.verdict.ok, shown
    assert {injection.fault for injection in run.injections if injection.counts} >= set(names), shown
    assert run.unacknowledged == 0, shown
    assert run.exit_codes == [0, 0], shown


def test_the_choice_is_the_same_for_one_commit_and_turns_with_it() -> None:
    commits = [f"{number:040x}" for number in range(200)]
    chosen = [six(of) for of in commits]
    assert chosen == [six(of) for of in commits]
    assert all(len(set(names)) == 6 for names in chosen)
    quick, _ = usable([name for name, fault in FAULTS.items() if fault.seconds < QUICK_SECONDS], OPTIONS)
    assert {name for names in chosen for name in names} == set(quick)


def test_a_fault_that_cannot_happen_says_why() -> None:
    away = Options(bootstrap="kafka:9092")
    can, cannot = usable(list(FAULTS), away)
    assert not {"broker-kill", "store-stale", "rolling-upgrade"} & set(can)
    assert cannot["broker-kill"] == "a broker that is not embedded is left alone"
    assert cannot["disk-full"] == cannot["store-stale"] == "there are no local stores without --store rocksdb"
    can, cannot = usable(list(FAULTS), Options(bootstrap="kafka:9092", store="rocksdb"))
    assert "store-stale" in can and "broker-kill" in cannot
    assert ("disk-full" in can) == (os.geteuid() == 0)


def test_the_authored_objects_of_the_load_are_valid() -> None:
    for key, value in [*config_records(), *(record for number in range(30) for record in edited_records(number))]:
        kind, org, object_id = key.decode().split(":")
        if value is not None:
            model = Rule if kind == "rule" else Profile if object_id == "default" else ProfileRecord
            body = model.model_validate_json(value)
            assert (body.org_id, str(body.id)) == (org, object_id)


def test_two_runs_with_one_seed_strike_in_the_same_order(tmp_path: Path) -> None:
    def order(seed: int) -> list[str]:
        campaign = Campaign(tmp_path, OPTIONS, Asked(list(FAULTS), mix=False, seed=seed))
        plan = campaign.plan()
        return [next(plan)[0] for _ in range(40)]

    assert order(3) == order(3)
