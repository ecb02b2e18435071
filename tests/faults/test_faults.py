"""Faults under load on a real broker, small enough for each change; ``campaign`` is the long run."""

from pathlib import Path

import pytest

from schemas.authored import Profile, Rule
from tests.faults.campaign import Campaign
from tests.faults.harness import Options
from tests.faults.injections import Step, plan
from tests.faults.loader import config_records, edited_records

STEPS = [
    Step("chain", 0, "term", ("sent:5", "committing:4")),
    Step("stop", 1),
    Step("broker"),
    Step("chain", 1, "term", ("restoring:1", "sending:9")),
]


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_nothing_is_lost_double_wrong_or_stale_after_faults_under_load(tmp_path: Path) -> None:
    report = Campaign(tmp_path, Options(partitions=4, workers=2), seed=1, events=6_000).run(STEPS)
    assert report.verdict.ok, report.table()
    assert report.load_outlived_faults, report.table()
    killed = report.phases()
    assert sum(killed.values()) == 4, report.table()
    assert all(killed[phase] for phase in ("transaction open", "in commit", "restoring")), report.table()
    assert [i.note for i in report.injections if i.kind == "SIGTERM"] == ["exit code 0"] * 2
    assert report.unacknowledged == 0, report.table()
    assert report.exit_codes == [0, 0], report.table()


def test_the_authored_objects_of_the_load_are_valid() -> None:
    for key, value in [*config_records(), *(record for number in range(30) for record in edited_records(number))]:
        kind, org, object_id = key.decode().split(":")
        if value is not None:
            body = (Rule if kind == "rule" else Profile).model_validate_json(value)
            assert (body.org_id, str(body.id)) == (org, object_id)


def test_a_plan_has_the_asked_faults_and_depends_on_the_seed_only() -> None:
    steps = plan(3, workers=2, kills=20, stops=5, broker_kills=3)
    kills = sum(1 + len(step.points) for step in steps if step.kind == "chain")
    kinds = [step.kind for step in steps]
    assert (kills, kinds.count("stop"), kinds.count("broker")) == (20, 5, 3)
    points = [point.partition(":")[0] for step in steps for point in step.points]
    assert all(points.count(name) >= 2 for name in ("committing", "restoring", "sending"))
    assert steps == plan(3, 2, 20, 5, 3) != plan(4, 2, 20, 5, 3)
