"""Contacts over REST against a real worker: every write is read back by the next request."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from stream_app.operations import authoring_commands
from tests.conftest import Broker
from tests.connected.leadstream_process import Leadstream, deployment
from tests.connected.rest_client import Rest

RULES = Path(authoring_commands.__file__).with_name("demo_rules.yaml")
PARTITIONS = 2


@pytest.fixture(scope="module")
def settings(broker: Broker) -> dict[str, object]:
    prefix = f"t{uuid.uuid4().hex[:12]}"
    return deployment(broker.bootstrap, prefix, PARTITIONS, ["rules", "put", "--org", "1", str(RULES)])


@pytest.fixture(scope="module")
def worker(settings: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Leadstream]:
    with Leadstream(tmp_path_factory.mktemp("worker"), "worker", **settings) as process:
        process.until_ready()
        yield process


@pytest.fixture
def rest(worker: Leadstream) -> Rest:
    return Rest(worker)


def test_an_adjustment_is_answered_with_the_score_it_made(rest: Rest) -> None:
    added = rest.data("POST", "/v1/contacts/42/score", {"points": 45, "reason": "trade fair"})
    assert {name: added[name] for name in ("contactId", "pointsAdded", "newScore")} == {
        "contactId": 42, "pointsAdded": 45, "newScore": 45,
    }  # fmt: skip
    added = rest.data("POST", "/v1/contacts/42/score", {"points": 25})
    assert (added["pointsAdded"], added["newScore"]) == (25, 70)
    shown = rest.data("GET", "/v1/contacts/42/score")
    assert shown["leadScore"] == 70
    assert [(row["points"], row["ruleId"], row["reason"]) for row in shown["logs"]] == [
        (25, None, "Manual adjustment"), (45, None, "trade fair"),
    ]  # fmt: skip
    status = rest.data("GET", f"/v1/commands/{added['commandId']}?contactId=42")
    assert status == {"commandId": added["commandId"], "contactId": 42, "status": "applied", "detail": None}


def test_a_repeated_key_gets_the_first_answer_and_another_body_a_422(rest: Rest) -> None:
    first = rest.data("POST", "/v1/contacts/k1/score", {"points": 5}, "key-1")
    rest.data("POST", "/v1/contacts/k1/score", {"points": 7})
    assert rest.data("POST", "/api/v1/contacts/k1/score", {"points": 5}, "key-1") == first
    status, problem, _ = rest("POST", "/v1/contacts/k1/score", {"points": 6}, "key-1")
    assert (status, problem["code"]) == (422, "idempotency_key_reused")
    assert rest.score("k1") == 12


def test_d19_an_adjustment_beyond_int64_is_refused_with_its_reason(rest: Rest) -> None:
    rest.data("POST", "/v1/contacts/big/score", {"points": 2**63 - 1})
    status, problem, _ = rest("POST", "/v1/contacts/big/score", {"points": 1}, "over")
    assert (status, problem["code"]) == (400, "invalid_command")
    assert "int64" in problem["detail"]
    assert rest.score("big") == 2**63 - 1


@pytest.mark.parametrize("points", [True, 1.0, "1", 2**63, None])
def test_points_are_integers_of_64_bits(rest: Rest, points: Any) -> None:
    status, problem, _ = rest("POST", "/v1/contacts/42/score", {"points": points})
    assert (status, problem["errors"][0]["pointer"]) == (400, "/points")


def test_attributes_and_tags_are_read_back(rest: Rest) -> None:
    assert rest("GET", "/v1/contacts/jane")[0] == 404
    written = {"email": "jane@example.com", "attributes": {"city": "Bern", "employees": 12, "x": [1.5, None]}}
    assert rest.data("PUT", "/v1/contacts/jane/attributes", written) == {"contactId": "jane", **written}
    status, body, _ = rest("POST", "/v1/contacts/jane/tags", {"tag": "VIP/é"})
    assert (status, body["data"]) == (201, {"contactId": "jane", "tag": "VIP/é"})
    whole = rest.data("GET", "/v1/contacts/jane")
    assert (whole["email"], whole["attributes"], whole["tags"]) == (*written.values(), ["VIP/é"])
    assert rest("DELETE", f"/v1/contacts/jane/tags/{quote('VIP/é', safe='')}")[0] == 204
    assert rest.data("GET", "/v1/contacts/jane")["tags"] == []
    assert rest("DELETE", "/v1/contacts/nobody/tags/x")[0] == 404


def test_s52_an_erased_contact_is_gone_and_later_events_start_a_new_one(rest: Rest) -> None:
    rest.data("POST", "/v1/contacts/gone/score", {"points": 30}, "before")
    rest.data("POST", "/v1/contacts/gone/tags", {"tag": "t"})
    assert rest("DELETE", "/v1/contacts/gone")[0] == 204
    for path in ("/v1/contacts/gone", "/v1/contacts/gone/score"):
        assert rest("GET", path)[0] == 404
    assert rest("DELETE", "/v1/contacts/gone")[0] == 404
    assert rest.data("POST", "/v1/scores/lookup", {"contactIds": ["gone"]})["unknown"] == ["gone"]
    again = rest.data("POST", "/v1/contacts/gone/score", {"points": 1}, "before")
    assert (again["newScore"], again["version"]) == (1, 1)
    shown = rest.data("GET", "/v1/contacts/gone/score")
    assert [row["points"] for row in shown["logs"]] == [1]


def test_events_are_accepted_once_and_scored(rest: Rest) -> None:
    events = [{"contactId": 7, "type": "email_open", "siteId": 1, "properties": {"n": n}} for n in range(3)]
    status, body, _ = rest("POST", "/v1/events", {"events": events}, "post-1")
    assert (status, body["data"]) == (202, {"accepted": 3, "eventIds": ["post-1/0", "post-1/1", "post-1/2"]})
    rest.worker.until(lambda: rest("GET", "/v1/contacts/7/score")[0] == 200 and rest.score("7") > 0, "scored")
    assert rest("POST", "/v1/events", events, "post-1")[1] == body
    rest.data("POST", "/v1/events", {"contactId": 7, "type": "email_open"})
    rest.worker.until(lambda: rest.data("GET", "/v1/contacts/7/score")["awards"]["count"] == 4, "all four")


def test_the_last_changed_contacts_come_first_over_all_partitions(rest: Rest) -> None:
    for contact in ("l1", "l2", "l3", "l1"):
        rest.data("POST", f"/v1/contacts/{contact}/score", {"points": 1000})
    _, page, _ = rest("GET", "/v1/contacts?limit=2")
    assert [(row["contactId"], row["leadScore"]) for row in page["data"]] == [("l1", 2000), ("l3", 1000)]
    _, rest_of_it, _ = rest("GET", f"/v1/contacts?limit=1&minScore=1000&cursor={page['meta']['nextCursor']}")
    assert [row["contactId"] for row in rest_of_it["data"]] == ["l2"]


def test_lookup_keeps_the_order_and_names_the_unknown(rest: Rest) -> None:
    rest.data("POST", "/v1/contacts/11/score", {"points": 3})
    rest.data("POST", "/v1/contacts/b/score", {"points": 4})
    found = rest.data("POST", "/v1/scores/lookup", {"contactIds": ["b", 404, 11, "11"]})
    assert [(row["contactId"], row["leadScore"]) for row in found["scores"]] == [("b", 4), (11, 3)]
    assert found["unknown"] == [404]
