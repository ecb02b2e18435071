"""PushMail's lead scoring page as tests: its examples, by a client that knows that page only, against a real worker.

Every test has an org of its own and an API key of scope admin for it, so ids of rules and contacts begin anew. What
PushMail's own mail system does by itself, an event, is posted beside the client, as docs/pushmail.md says.
"""

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from schemas.outputs import ThresholdCrossed
from stream_app.settings import declared_topics, load_settings
from tests.conftest import Broker
from tests.connected.leadstream_process import Leadstream, run
from tests.connected.plain_clients import read_committed
from tests.connected.pushmail_client import PushMail, PushMailError

ORGS: Final = count(1)
TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
PRICING: Final = "https://pushmail.dev/pricing"
EXAMPLE: Final[dict[str, Any]] = {
    "name": "Email opened", "siteId": None, "eventType": "email_open", "eventFilter": None, "points": 5,
    "maxPerContact": 10, "active": True,
}  # fmt: skip
RULE_SHAPE: Final[Mapping[str, tuple[type, ...]]] = {
    "id": (int,), "orgId": (int,), "siteId": (int, type(None)), "name": (str,), "eventType": (str,),
    "eventFilter": (dict, type(None)), "points": (int,), "maxPerContact": (int, type(None)), "active": (bool,),
    "createdAt": (str,), "updatedAt": (str,),
}  # fmt: skip
SCORE_SHAPE: Final[Mapping[str, tuple[type, ...]]] = {
    "contactId": (int,), "email": (str, type(None)), "leadScore": (int,), "logs": (list,),
}  # fmt: skip
LOG_SHAPE: Final[Mapping[str, tuple[type, ...]]] = {
    "id": (int,), "ruleId": (int, type(None)), "points": (int,), "reason": (str,), "createdAt": (str,),
    "ruleName": (str, type(None)),
}  # fmt: skip
ADJUSTED_SHAPE: Final[Mapping[str, tuple[type, ...]]] = {"contactId": (int,), "pointsAdded": (int,), "newScore": (int,)}
RULE_SET: Final[tuple[tuple[str, str, int, int, Any], ...]] = (
    ("Email delivered", "email_delivered", 1, 50, None),
    ("Email opened", "email_open", 5, 10, None),
    ("Link clicked", "email_click", 10, 20, None),
    ("Clicked pricing page", "email_click", 15, 3, {"url": PRICING}),
    ("Demo requested", "tag_added", 30, 1, {"tagName": "demo-requested"}),
    ("Completed onboarding", "custom_event", 25, 1, {"name": "completed_onboarding"}),
    ("Complaint", "email_complaint", -50, 1, None),
)


def shaped(body: Any, shape: Mapping[str, tuple[type, ...]]) -> Any:
    """Return a body whose documented fields come first, in the documented order, each of a documented type."""
    assert list(body)[: len(shape)] == list(shape)
    assert {name: type(body[name]) for name in shape if type(body[name]) not in shape[name]} == {}
    for name in ("createdAt", "updatedAt"):
        assert name not in shape or TIME.fullmatch(body[name])
    return body


@dataclass(frozen=True)
class Org:
    """One org, its client, and what stands beside PushMail's API."""

    number: int
    client: PushMail
    worker: Leadstream
    key: str

    def post(self, contact_id: int, kind: str, **properties: Any) -> None:
        self.post_all(contact_id, [{"type": kind, "properties": properties}])

    def post_all(self, contact_id: int, events: Sequence[Mapping[str, Any]]) -> None:
        sent = [{"contactId": contact_id, **event} for event in events]
        status, answer = self.worker.ask("POST", "/v1/events", {"events": sent}, key=self.key)
        assert status == 202, answer

    def ask(self, method: str, path: str, body: Any = None) -> None:
        status, answer = self.worker.ask(method, path, body, key=self.key)
        assert 200 <= status < 300, answer

    def until(self, contact_id: int, score: int) -> Any:
        """Wait for a score; what the client then reads. Events of a contact act in the order they were posted."""

        def reached() -> Any:
            found = self.shown(contact_id)
            return found if found is not None and found["leadScore"] == score else None

        return self.worker.until(reached, f"contact {contact_id} of org {self.number} has {score}")

    def shown(self, contact_id: int) -> Any:
        """Return what the client reads; None while nobody knows the contact."""
        try:
            return shaped(self.client.score(contact_id), SCORE_SHAPE)
        except PushMailError as error:
            assert error.status == 404, error
            return None

    def rule(self, kind: str, points: int = 1, event_filter: Any = None, **more: Any) -> Any:
        fields = {"name": f"On {kind}", "eventType": kind, "points": points, "eventFilter": event_filter, **more}
        return shaped(self.client.create_rule(**fields), RULE_SHAPE)


@pytest.fixture(scope="module")
def settings(broker: Broker) -> dict[str, object]:
    prefix = f"t{uuid.uuid4().hex[:12]}"
    own: dict[str, object] = {
        "BOOTSTRAP_SERVERS": broker.bootstrap, "PREFIX": prefix, "APP_ID": prefix, "PARTITIONS": 1,
    }  # fmt: skip
    done = run("topics", "apply", "--yes", settings=own)
    assert done.returncode == 0, done.stderr
    return own


@pytest.fixture(scope="module")
def worker(settings: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Leadstream]:
    with Leadstream(tmp_path_factory.mktemp("worker"), "worker", **settings) as process:
        process.until_ready()
        yield process


@pytest.fixture(params=["/v1", "/api/v1"])
def org(request: pytest.FixtureRequest, worker: Leadstream) -> Org:
    number = next(ORGS)
    status, made = worker.ask("POST", "/v1/keys", {"orgId": number, "scope": "admin"})
    assert status == 201, made
    key = made["data"]["key"]
    return Org(number, PushMail(f"http://127.0.0.1:{worker.port}{request.param}", key), worker, key)


def failed(error: pytest.ExceptionInfo[PushMailError]) -> tuple[int, Any]:
    return error.value.status, [one["pointer"] for one in error.value.body["errors"]]


def test_the_rule_object_is_the_documented_one(org: Org) -> None:
    made = shaped(org.client.create_rule(**EXAMPLE), RULE_SHAPE)
    times = {"createdAt": made["createdAt"], "updatedAt": made["createdAt"]}
    expected = {"id": 1, "orgId": org.number, **EXAMPLE, **times}
    assert {name: made[name] for name in RULE_SHAPE} == expected
    assert org.client.rule(1) == made and org.client.rules() == [made]


def test_only_name_type_and_points_are_required(org: Org) -> None:
    made = shaped(org.client.create_rule(name="Clicked", eventType="email_click", points=10), RULE_SHAPE)
    told = {name: made[name] for name in ("siteId", "eventFilter", "maxPerContact", "active")}
    assert told == {"siteId": None, "eventFilter": None, "maxPerContact": None, "active": True}
    for name in ("name", "eventType", "points"):
        fields = {"name": "Clicked", "eventType": "email_click", "points": 10}
        del fields[name]
        with pytest.raises(PushMailError) as error:
            org.client.create_rule(**fields)
        assert failed(error) == (400, [f"/{name}"])


@pytest.mark.parametrize(
    ("kind", "points", "properties"),
    [
        ("email_open", 5, {}),
        ("email_click", 10, {"url": PRICING}),
        ("email_delivered", 1, {}),
        ("tag_added", 20, {"tagName": "demo-requested"}),
        ("custom_event", 15, {"name": "completed_onboarding"}),
    ],
)
def test_every_event_type_of_the_table_scores(org: Org, kind: str, points: int, properties: dict[str, Any]) -> None:
    org.rule(kind, points)
    org.post(7, kind, **properties)
    (row,) = org.until(7, points)["logs"]
    assert shaped(row, LOG_SHAPE)["reason"] == f"Rule: On {kind}"


def test_a_rule_of_type_manual_pays_beside_an_adjustment(org: Org) -> None:
    org.rule("manual", 3)
    assert org.client.adjust(7, 10)["newScore"] == 13
    assert [row["points"] for row in org.client.score(7)["logs"]] == [3, 10]


@pytest.mark.parametrize(
    ("kind", "wanted", "others"),
    [
        ("email_click", {"url": PRICING}, [{"url": f"{PRICING}/"}, {"url": PRICING.upper()}, {}]),
        ("tag_added", {"tagName": "demo-requested"}, [{"tagName": "Demo-requested"}, {"name": "demo-requested"}]),
        ("custom_event", {"name": "completed_onboarding"}, [{"name": "started_onboarding"}, {"name": None}]),
    ],
)
def test_a_filter_narrows_a_rule(org: Org, kind: str, wanted: dict[str, Any], others: list[dict[str, Any]]) -> None:
    made = org.rule(kind, 15, wanted)
    assert made["eventFilter"] == wanted
    org.post_all(7, [{"type": kind, "properties": one} for one in [*others, {**wanted, "more": 1}]])
    (row,) = org.until(7, 15)["logs"]
    assert row["ruleId"] == made["id"]


def test_the_cap_counts_per_contact_and_null_is_none(org: Org) -> None:
    org.rule("email_open", 5, maxPerContact=2)
    org.rule("email_delivered", 1, maxPerContact=None)
    for contact_id in (7, 8):
        org.post_all(contact_id, [{"type": "email_open"}] * 4 + [{"type": "email_delivered"}] * 12)
    assert [len(org.until(contact_id, 22)["logs"]) for contact_id in (7, 8)] == [14, 14]


def test_the_score_is_shown_as_documented_newest_entry_first(org: Org) -> None:
    org.client.create_rule(**EXAMPLE)
    org.ask("PUT", "/v1/contacts/42/attributes", {"email": "jane@example.com", "attributes": {}})
    org.post_all(42, [{"type": "email_open"}] * 9)
    shown = org.until(42, 45)
    assert (shown["contactId"], shown["email"]) == (42, "jane@example.com")
    assert [shaped(row, LOG_SHAPE)["id"] for row in shown["logs"]] == list(range(9, 0, -1))
    newest = shown["logs"][0]
    expected = {"id": 9, "ruleId": 1, "points": 5, "reason": "Rule: Email opened", "ruleName": "Email opened"}
    assert newest == {**expected, "createdAt": newest["createdAt"]} and TIME.fullmatch(newest["createdAt"])


def test_the_log_has_20_entries_or_as_many_as_asked_for(org: Org) -> None:
    org.rule("email_open")
    org.post_all(7, [{"type": "email_open"}] * 101)
    org.until(7, 101)
    for limit, expected in ((None, 20), (1, 1), (50, 50), (100, 100)):
        logs = org.client.score(7, limit)["logs"]
        assert [row["id"] for row in logs] == list(range(101, 101 - expected, -1))
    for limit in (0, 101, -1):
        with pytest.raises(PushMailError) as error:
            org.client.score(7, limit)
        assert failed(error) == (400, ["?limit"])


def test_45_and_25_are_70_and_10_less_are_60(org: Org) -> None:
    org.client.create_rule(**EXAMPLE)
    org.post_all(42, [{"type": "email_open"}] * 9)
    org.until(42, 45)
    for points, reason, score in ((25, "Attended webinar", 70), (-10, "Inactive for 30 days", 60)):
        added = shaped(org.client.adjust(42, points, reason), ADJUSTED_SHAPE)
        assert [added[name] for name in ADJUSTED_SHAPE] == [42, points, score]
    rows = org.client.score(42, 2)["logs"]
    told = [[row[name] for name in ("ruleId", "ruleName", "points", "reason")] for row in rows]
    assert told == [[None, None, -10, "Inactive for 30 days"], [None, None, 25, "Attended webinar"]]


def test_a_reason_need_not_be_given_and_points_must_be_whole(org: Org) -> None:
    assert org.client.adjust(42, 5)["newScore"] == 5
    assert shaped(org.client.score(42)["logs"][0], LOG_SHAPE)["reason"] == "Manual adjustment"
    for points in (1.5, "5", None, True):
        with pytest.raises(PushMailError) as error:
            org.client.adjust(42, points)  # pyright: ignore[reportArgumentType] - that is the point
        assert failed(error) == (400, ["/points"])


def test_negative_points_take_a_score_below_zero(org: Org) -> None:
    org.rule("unsubscribe", -20)
    org.post(7, "unsubscribe")
    (row,) = org.until(7, -20)["logs"]
    assert row["points"] == -20


def test_an_update_changes_what_it_names_and_null_clears(org: Org) -> None:
    made = org.rule("email_click", 10, {"url": PRICING}, siteId=1, maxPerContact=3)
    assert (made["siteId"], made["maxPerContact"]) == (1, 3)
    changed = shaped(org.client.update_rule(made["id"], points=8, name="Clicks"), RULE_SHAPE)
    assert changed == {**made, "points": 8, "name": "Clicks", "updatedAt": changed["updatedAt"]}
    cleared = org.client.update_rule(made["id"], siteId=None, eventFilter=None, maxPerContact=None)
    emptied = {"siteId": None, "eventFilter": None, "maxPerContact": None, "updatedAt": cleared["updatedAt"]}
    assert cleared == {**changed, **emptied}
    assert org.client.rule(made["id"]) == cleared
    org.post_all(7, [{"type": "email_click", "properties": {"url": "https://example.com"}}] * 4)
    org.until(7, 32)


def test_a_whole_rule_may_be_sent_back(org: Org) -> None:
    made = org.rule("email_open", 5, siteId=1)
    sent = {name: made[name] for name in RULE_SHAPE} | {"points": 6}
    changed = org.client.update_rule(made["id"], **sent)
    assert changed == {**made, "points": 6, "updatedAt": changed["updatedAt"]}


def test_an_inactive_rule_does_not_score_until_it_is_active(org: Org) -> None:
    opens = org.rule("email_open", 5, active=False)
    org.rule("email_delivered", 1)
    org.post_all(7, [{"type": "email_open"}, {"type": "email_delivered"}])
    org.until(7, 1)
    assert org.client.update_rule(opens["id"], active=True)["active"] is True
    org.post(7, "email_open")
    org.until(7, 6)


def test_a_deleted_rule_is_gone_and_its_log_entries_stay(org: Org) -> None:
    made = org.client.create_rule(**EXAMPLE)
    org.post_all(7, [{"type": "email_open"}] * 3)
    org.until(7, 15)
    org.client.delete_rule(made["id"])
    for ask in (org.client.rule, org.client.update_rule, org.client.delete_rule):
        with pytest.raises(PushMailError) as error:
            ask(made["id"])
        assert failed(error) == (404, [])
    assert org.client.rules() == []
    delivered = org.rule("email_delivered", 1)
    assert delivered["id"] == made["id"] + 1
    org.post_all(7, [{"type": "email_open"}, {"type": "email_delivered"}])
    rows = [(row["ruleId"], row["ruleName"], row["reason"]) for row in org.until(7, 16)["logs"]]
    gone = (None, None, "Rule: Email opened")
    assert rows == [(delivered["id"], "On email_delivered", "Rule: On email_delivered"), gone, gone, gone]


def test_rules_are_listed_by_site_and_score_events_of_it(org: Org) -> None:
    every = org.rule("email_open", 1)
    first, second = (org.rule("email_open", points, siteId=site) for site, points in ((1, 10), (2, 100)))
    assert org.client.rules() == [every, first, second]
    assert (org.client.rules(site_id=1), org.client.rules(site_id=3)) == ([first], [])
    org.post_all(7, [{"type": "email_open", "siteId": 1}, {"type": "email_open"}, {"type": "email_open", "siteId": 2}])
    org.until(7, 113)


def test_unknown_contacts_rules_and_keys_are_told_by_status(org: Org) -> None:
    for number, ask in enumerate((org.client.score, org.client.rule)):
        with pytest.raises(PushMailError) as error:
            ask(999)
        assert failed(error) == (404, []), number
    with pytest.raises(PushMailError) as refused:
        PushMail(f"http://{org.client.host}{org.client.path}", "pm_live_a1b2c3d4").rules()
    assert refused.value.status == 401


async def test_the_typical_rule_set_pays_61_and_crosses_50_once(org: Org, settings: dict[str, object]) -> None:
    put_rule_set(org)
    org.ask("PUT", "/v1/scoring/profiles/default", {"thresholds": [50]})
    steps = (
        ("email_delivered", {}, 1), ("email_open", {}, 6), ("email_click", {"url": PRICING}, 31),
        ("tag_added", {"tagName": "demo-requested"}, 61),
    )  # fmt: skip
    for kind, properties, score in steps:
        org.post(42, kind, **properties)
        org.until(42, score)
    (crossed,) = [one for one in await crossings(settings) if one.org_id == str(org.number)]
    told = (crossed.contact_id, crossed.threshold, crossed.direction, crossed.previous_score, crossed.score)
    assert told == ("42", 50, "up", 31, 61)


def test_the_typical_rule_set_is_capped_at_400(org: Org) -> None:
    put_rule_set(org)
    clicks = [{"type": "email_click", "properties": {"url": "https://pushmail.dev/docs"}}] * 20
    pricing = [{"type": "email_click", "properties": {"url": PRICING}}] * 5
    org.post_all(42, [{"type": "email_delivered"}] * 60 + [{"type": "email_open"}] * 12 + clicks + pricing)
    org.until(42, 345)
    for method, path, body in (("POST", "", {"tag": "demo-requested"}), ("DELETE", "/demo-requested", None)) * 2:
        org.ask(method, f"/v1/contacts/42/tags{path}", body)
    assert org.client.score(42)["leadScore"] == 375
    org.post_all(42, [{"type": "custom_event", "properties": {"name": "completed_onboarding"}}] * 2)
    org.post_all(42, [{"type": "email_open"}, {"type": "email_delivered"}])
    org.until(42, 400)
    org.post_all(42, [{"type": "email_complaint"}] * 2)
    org.until(42, 350)


def put_rule_set(org: Org) -> None:
    for name, kind, points, cap, event_filter in RULE_SET:
        org.rule(kind, points, event_filter, name=name, maxPerContact=cap)


async def crossings(settings: Mapping[str, object]) -> list[ThresholdCrossed]:
    """Return all that a read_committed reader sees of threshold-crossed."""
    variables = {f"LEADSTREAM_{name}": str(value) for name, value in settings.items()}
    topic = declared_topics(load_settings({}, variables, Path("/nonexistent"))).threshold_crossed.name
    values = await read_committed(str(settings["BOOTSTRAP_SERVERS"]), topic)
    return [msgspec.json.decode(value, type=ThresholdCrossed) for value in values if value is not None]
