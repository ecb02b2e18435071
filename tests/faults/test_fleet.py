"""Three workers under load as one API, small enough for each change; ``fleet`` is the long run."""

from pathlib import Path

import pytest

from tests.faults.fleet import FleetCampaign
from tests.faults.fleet_books import Books, Order, State
from tests.faults.fleet_client import Tally
from tests.faults.fleet_proof import prove
from tests.faults.fleet_report import Plan, three
from tests.faults.logs import Entry, Logs
from tests.faults.verdict import Verdict

ROUTES = (
    "POST /contacts/{id}/score", "GET /contacts/{id}/score", "POST /contacts/{id}/tags",
    "DELETE /contacts/{id}/tags/{tag}", "PUT /contacts/{id}/attributes", "POST /events", "DELETE /contacts/{id}",
    "POST /scores/lookup", "POST /scoring/rules", "PUT /scoring/rules/{id}", "POST /keys",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_three_workers_answer_as_one_while_one_is_killed_again_and_again(tmp_path: Path) -> None:
    plan = Plan(requests=800, kills=2, backlog=20_000, clients=6, per_second=60, options=three("rocksdb"))
    report = FleetCampaign(tmp_path, plan).run()
    assert report.verdict.ok, report.table()
    assert len(report.kills) == 2
    assert set(ROUTES) <= set(report.tally.routes)
    assert report.tally.statuses["200"] > 400, report.table()
    assert report.exit_codes == [0, 0, 0], report.table()


ACT = (
    '{{"orgId":"red","contactId":"c","score":5,"version":1,"cause":{{"kind":"command"}},'
    '"awards":[{{"logId":{log_id},"points":5,"reason":"order {order}"}}]}}'
)


def proved(state: State, *acts: tuple[int, int]) -> set[str]:
    """What the proof says of one order of 5 points, and a ledger with these (order, log id)."""
    logs = Logs("leadstream", "leadstream", 1)
    entries = [Entry(n, b"red:c", ACT.format(order=order, log_id=log).encode()) for n, (order, log) in enumerate(acts)]
    logs.entries["leadstream.score-changed", 0] = entries
    books, verdict = Books(Tally()), Verdict()
    books.orders = [Order(0, "red", "c", 5, state)]
    prove(books, logs, verdict)
    return verdict.names


def test_the_proof_notices_what_is_lost_double_or_made_up() -> None:
    assert proved("acknowledged", (0, 1)) == proved("unknown", (0, 1)) == proved("unknown") == set()
    assert proved("acknowledged") == {"lost order"}
    assert proved("acknowledged", (0, 1), (0, 2)) == proved("unknown", (0, 1), (0, 2)) == {"double order"}
    assert proved("acknowledged", (0, 1), (7, 2)) == {"wrong order"}
    assert proved("acknowledged", (0, 2)) == {"double log id"}
