"""Rules and the default profile over HTTP: PushMail's shapes, what is refused and where, ETags, pages, sites."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from yarl import URL

from schemas.hop import RULEBOOK_VERSION
from schemas.rest_profiles import ProfileAnswer
from schemas.rest_rules import RuleAnswer
from tests.unit.authoring_client import ADMIN, DEFAULT, OTHER, RULES, SITE, Served, authors
from tests.unit.web_fakes import DEMO, bearer

RULE: dict[str, Any] = {"name": "Opened", "eventType": "email_open", "points": 5}


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with authors() as made:
        yield made


async def test_S36_a_condition_tree_is_answered_as_it_may_be_put_again(served: Served) -> None:
    leaves = [
        {"type": "attribute", "field": "plan", "op": "neq", "value": None}, {"type": "tag", "op": "exists"},
        {"type": "score", "profileId": "fit", "op": "in", "value": [1, 2]},
    ]  # fmt: skip
    tree = {"operator": "AND", "conditions": [leaves[0], {"operator": "NOT", "conditions": leaves[1:2]}, leaves[2]]}
    for condition in (tree, *leaves):
        made = await served.data("POST", RULES, {"name": "Fits", "points": 5, "attribute": condition})
        address = f"{RULES}/{made['id']}"
        assert await served.data("PUT", address, {"attribute": made["attribute"]}) == made
        assert await served.data("PUT", address, {"attribute": condition}) == made
        assert _said(made["attribute"]) == _said(condition)


def _said(condition: dict[str, Any]) -> dict[str, Any]:
    """A condition without an absent value as null."""
    inner = {"conditions": [_said(one) for one in condition["conditions"]]} if "conditions" in condition else {}
    return {name: value for name, value in (condition | inner).items() if name != "value" or value is not None}


async def test_a_rule_is_made_in_pushmails_shape(served: Served) -> None:
    body = {"name": "Opened", "siteId": 1, "eventType": "email_open", "eventFilter": {"a": 1}, "points": 5}
    answer = await served.ask("POST", "/api/v1/scoring/rules", body)
    assert answer.status == 201
    told = await answer.json()
    assert list(told) == ["data"]
    at = told["data"]["createdAt"]
    assert list(told["data"].items())[:11] == [
        ("id", 1), ("orgId", 1), ("siteId", 1), ("name", "Opened"), ("eventType", "email_open"),
        ("eventFilter", {"a": 1}), ("points", 5), ("maxPerContact", None), ("active", True), ("createdAt", at),
        ("updatedAt", at),
    ]  # fmt: skip
    RuleAnswer.model_validate_json((await answer.read())[len(b'{"data":') : -1])
    headers = [answer.headers[name] for name in ("Location", "ETag", RULEBOOK_VERSION, "Cache-Control")]
    assert headers == ["/api/v1/scoring/rules/1", '"1"', "1", "no-store"]
    again = await served.ask("GET", f"{RULES}/1")
    assert (again.status, await again.json(), again.headers["ETag"]) == (200, told, '"1"')


WRITTEN_BY_HAND = [
    b"{}",
    b'{"id":8,"orgId":"2","name":"Other"}',
    b'{"id":"1","siteId":[1],"profileId":5,"points":1e999,"createdAt":5}',
    b'{"siteId":1,"name":null,"points":1180591620717411303424,"eventFilter":[]}',
]


@pytest.mark.parametrize("value", WRITTEN_BY_HAND)
async def test_a_rule_written_by_hand_hides_no_other_and_can_be_mended(value: bytes, served: Served) -> None:
    """One without orgId made the list of all rules of its org a 500."""
    await served.data("POST", RULES, RULE)
    served.config.append(b"rule:1:2", value)
    for key in (ADMIN, SITE):
        listed = await served.data("GET", RULES, key=key)
        assert [(rule["id"], rule["orgId"]) for rule in listed] == ([(1, 1), (2, 1)] if key == ADMIN else [])
    odd = await served.data("GET", f"{RULES}/2")
    assert {"id", "orgId", "siteId", "name", "points", "active", "createdAt", "updatedAt"} <= odd.keys()
    assert (await served.ask("GET", f"{RULES}?cursor=1")).status == 200
    await served.data("PUT", DEFAULT, {"name": "Default", "rules": [{**RULE, "id": 1}]})
    served.config.append(b"rule:1:2", value)
    assert (await served.problem("PUT", f"{RULES}/2", {"points": None}))[:2] == (400, "invalid_body")
    whole = {**RULE, "siteId": None, "profileId": "default", "eventFilter": None}
    mended = await served.data("PUT", f"{RULES}/2", whole)
    RuleAnswer.model_validate(mended)
    served.config.append(b"rule:1:2", value)
    assert (await served.ask("DELETE", f"{RULES}/2")).status == 204
    assert [rule["id"] for rule in await served.data("GET", RULES)] == [1]


@pytest.mark.parametrize("value", [b'{"name":"\\ud800"}', b'{"name":"Half","points":NaN}'])
async def test_what_no_answer_could_say_counts_for_the_version_only(value: bytes, served: Served) -> None:
    made = await served.data("POST", RULES, RULE)
    served.config.append(b"rule:1:1", value)
    assert await served.data("GET", RULES) == [made]


async def test_a_rule_is_changed_in_part_cleared_by_null_and_deleted(served: Served) -> None:
    made = await served.data("POST", RULES, {**RULE, "siteId": "shop", "maxPerContact": 3})
    answer = await served.ask("PUT", f"{RULES}/1", {"points": -2, "maxPerContact": None}, If_Match='"1"')
    changed = (await answer.json())["data"]
    assert changed == {**made, "points": -2, "maxPerContact": None, "updatedAt": changed["updatedAt"]}
    assert (answer.status, answer.headers["ETag"], answer.headers[RULEBOOK_VERSION]) == (200, '"3"', "3")
    gone = await served.ask("DELETE", f"{RULES}/1", If_Match='W/"3", "3"')
    assert (gone.status, await gone.read(), gone.headers[RULEBOOK_VERSION]) == (204, b"", "5")
    for method, body in (("GET", None), ("PUT", {}), ("DELETE", None)):
        assert (await served.problem(method, f"{RULES}/1", body))[0] == 404


@pytest.mark.parametrize("given", ['"2"', 'W/"1"', "", "nonsense", '"01"', '"x", "y"'])
async def test_another_version_is_a_412(served: Served, given: str) -> None:
    await served.data("POST", RULES, RULE)
    for method, body in (("PUT", {"points": 1}), ("DELETE", None)):
        told = await served.problem(method, f"{RULES}/1", body, If_Match=given)
        assert told == (412, "precondition_failed", [])
    assert len(served.config.records) == 1


async def test_any_version_will_do_where_the_object_is(served: Served) -> None:
    await served.data("POST", RULES, RULE)
    assert (await served.data("PUT", f"{RULES}/1", {"points": 1}, If_Match="*"))["points"] == 1
    assert (await served.problem("PUT", f"{RULES}/2", {"points": 1}, If_Match="*"))[0] == 404


@pytest.mark.parametrize("path", [f"{RULES}/1", DEFAULT])
async def test_what_is_known_already_is_not_sent_again(served: Served, path: str) -> None:
    await served.data("POST", RULES, RULE)
    first = await served.ask("GET", path)
    for given in (first.headers["ETag"], f'"99", W/{first.headers["ETag"]}', "*"):
        answer = await served.ask("GET", path, If_None_Match=given)
        assert (answer.status, await answer.read(), answer.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert (await served.ask("GET", path, If_None_Match='"99"')).status == 200


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, [("/name", "required"), ("/points", "required"), ("/eventType", "required")]),
        ({**RULE, "points": 5.0, "pionts": 1}, [("/points", "not_an_integer"), ("/pionts", "unknown_field")]),
        ({**RULE, "eventFilter": []}, [("/eventFilter", "not_an_object")]),
        ({**RULE, "id": 3}, [("/id", "read_only")]),
        ({**RULE, "profileId": "fit"}, [("/profileId", "unknown_profile")]),
        ({**RULE, "orgId": 2}, [("/orgId", "other_org")]),
        ([RULE], [("", "not_an_object")]),
    ],
)
async def test_a_wrong_body_names_every_field(served: Served, body: Any, errors: list[tuple[str, str]]) -> None:
    assert await served.problem("POST", RULES, body) == (400, "invalid_body", errors)
    assert served.config.records == []


async def test_bodies_that_are_no_json_are_refused(served: Served) -> None:
    for path in (RULES, f"{RULES}/1", DEFAULT):
        method = "POST" if path == RULES else "PUT"
        for text, status in (("{", 400), ("[" * 40 + "]" * 40, 400), ('{"points": NaN}', 400)):
            headers = bearer(ADMIN, **{"Content-Type": "application/json"})
            assert (await served.client.request(method, path, data=text, headers=headers)).status == status
        assert (await served.client.request(method, path, data="{}", headers=bearer(ADMIN))).status == 415


async def test_warnings_are_told_beside_the_rule(served: Served) -> None:
    answer = await (await served.ask("POST", RULES, {**RULE, "points": 0})).json()
    assert [(warning["pointer"], warning["code"]) for warning in answer["meta"]["warnings"]] == [
        ("/points", "no_points")
    ]


async def test_rules_are_listed_filtered_in_pages(served: Served) -> None:
    for number in range(1, 6):
        more = {"siteId": number % 2, "category": "a"} if number < 5 else {}
        await served.data("POST", RULES, {**RULE, "name": str(number), **more})

    async def listed(query: str) -> tuple[list[int], str | None, int]:
        answer = await (await served.ask("GET", f"{RULES}{query}")).json()
        return [rule["id"] for rule in answer["data"]], answer["meta"]["nextCursor"], answer["meta"]["total"]

    assert await listed("") == ([1, 2, 3, 4, 5], None, 5)
    assert await listed("?limit=2") == ([1, 2], "2", 5)
    assert await listed("?limit=2&cursor=2") == ([3, 4], "4", 5)
    assert await listed("?limit=2&cursor=4") == ([5], None, 5)
    assert await listed("?siteId=1") == ([1, 3], None, 2)
    assert await listed("?category=a&siteId=0&limit=1") == ([2], "2", 2)
    assert await listed("?profileId=default") == ([1, 2, 3, 4, 5], None, 5)
    assert await listed("?profileId=fit") == ([], None, 0)
    for query in ("?cursor=x", "?cursor=0", "?limit=0", "?limit=101"):
        assert (await served.problem("GET", f"{RULES}{query}"))[0] == 400


async def test_rules_of_another_org_are_not_there(served: Served) -> None:
    await served.data("POST", RULES, RULE)
    assert await served.data("GET", RULES, key=OTHER) == []
    for method, body in (("GET", None), ("PUT", {"points": 1}), ("DELETE", None)):
        assert (await served.problem(method, f"{RULES}/1", body, OTHER))[0] == 404
    assert (await served.data("POST", RULES, RULE, OTHER))["id"] == 1


@pytest.mark.parametrize("rule_id", ["0", "01", "x", "1:2", "99999999999", "%00"])
async def test_what_is_no_id_is_not_there(served: Served, rule_id: str) -> None:
    for method, body in (("GET", None), ("PUT", {"points": 1}), ("DELETE", None)):
        assert (await served.problem(method, f"{RULES}/{rule_id}", body))[0] == 404


async def test_a_key_of_some_sites_sees_and_edits_rules_of_these(served: Served) -> None:
    await served.data("POST", RULES, RULE)
    await served.data("POST", RULES, {**RULE, "siteId": 8})
    for body in (RULE, {**RULE, "siteId": 8}):
        assert await served.problem("POST", RULES, body, SITE) == (403, "other_site", [])
    assert (await served.data("POST", RULES, {**RULE, "siteId": 7}, SITE))["id"] == 3
    assert [rule["id"] for rule in await served.data("GET", RULES, key=SITE)] == [3]
    for method, body in (("GET", None), ("PUT", {"points": 1}), ("DELETE", None)):
        assert (await served.problem(method, f"{RULES}/2", body, SITE))[0] == 404
    assert await served.problem("PUT", f"{RULES}/3", {"siteId": 8}, SITE) == (403, "other_site", [])
    assert await served.problem("PUT", DEFAULT, {}, SITE) == (403, "other_site", [])
    assert (await served.ask("GET", DEFAULT, key=SITE)).status == 200
    assert (await served.ask("DELETE", f"{RULES}/3", key=SITE)).status == 204


async def test_writing_takes_a_key_of_scope_admin(served: Served) -> None:
    for method, path in (("POST", RULES), ("PUT", f"{RULES}/1"), ("DELETE", f"{RULES}/1"), ("PUT", DEFAULT)):
        assert (await served.problem(method, path, RULE, DEMO))[:2] == (403, "insufficient_scope")
    assert (await served.ask("GET", RULES, key=DEMO)).status == 200


async def test_a_repeated_idempotency_key_gets_the_first_answer(served: Served) -> None:
    first = await served.ask("POST", RULES, {**RULE, "points": 0}, Idempotency_Key="k")
    told = await first.read()
    await served.data("PUT", f"{RULES}/1", {"points": 9})
    again = await served.ask("POST", RULES, {"points": 0, **RULE, **{"points": 0}}, Idempotency_Key="k")
    names = ("ETag", "Location", RULEBOOK_VERSION)
    assert (again.status, await again.read()) == (201, told)
    assert [again.headers[name] for name in names] == [first.headers[name] for name in names]
    reused = await served.problem("POST", RULES, RULE, Idempotency_Key="k")
    assert reused == (422, "idempotency_key_reused", [])
    for key in ("", "x" * 256):
        assert (await served.problem("POST", RULES, RULE, Idempotency_Key=key))[1] == "invalid_idempotency_key"


async def test_the_default_profile_is_there_without_a_put_and_is_put_whole(served: Served) -> None:
    virtual = await served.data("GET", DEFAULT)
    limits = {"floor": None, "ceiling": None, "groups": [], "formula": None, "decay": None}
    assert virtual == {
        "id": "default", "orgId": 1, "name": "Lead score", "description": None, "category": None, "thresholds": [],
        **limits,
        "status": "published", "version": 0, "draft": None, "createdAt": None, "updatedAt": None,
        "published": {
            "name": "Lead score", "description": None, "category": None, "thresholds": [], **limits, "rules": [],
        },
    }  # fmt: skip
    ProfileAnswer.model_validate(virtual)
    thresholds = [50, {"value": 100, "hysteresis": 5}]
    put = await served.data("PUT", DEFAULT, {**virtual, "name": "Heat", "thresholds": thresholds}, If_Match='"0"')
    assert (put["name"], put["thresholds"], put["version"]) == ("Heat", thresholds, 1)
    assert put["published"]["thresholds"] == thresholds
    assert (await served.problem("PUT", DEFAULT, {}, If_Match='"0"'))[0] == 412
    assert (await served.data("PUT", DEFAULT, {}))["name"] == "Lead score"
    listed = await (await served.ask("GET", "/v1/scoring/profiles")).json()
    assert [profile["version"] for profile in listed["data"]] == [2]
    assert listed["meta"] == {"nextCursor": None, "total": 1}
    assert (await served.data("GET", DEFAULT, key=OTHER))["version"] == 0


async def test_the_default_profile_is_never_deleted(served: Served) -> None:
    for _ in range(2):
        assert await served.problem("DELETE", DEFAULT) == (409, "default_profile", [])
        await served.data("PUT", DEFAULT, {"thresholds": [1]})


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"thresholds": [1, 1]}, ("", "contradiction")),
        ({"thresholds": ["x"]}, ("/thresholds/0", "not_an_integer")),
        ({"id": "fit"}, ("/id", "wrong_id")),
        ({"rules": {}}, ("/rules", "not_a_list")),
        ({"formula": {"average": ["fit"]}}, ("/formula", "default_profile")),
        ([], ("", "not_an_object")),
    ],
)
async def test_a_wrong_profile_names_the_field(served: Served, body: Any, error: tuple[str, str]) -> None:
    assert await served.problem("PUT", DEFAULT, body) == (400, "invalid_body", [error])


async def test_a_write_that_is_not_yet_in_force_here_says_so(served: Served) -> None:
    served.config.lagging = True
    made = await served.ask("POST", RULES, RULE)
    assert (made.status, made.headers["Location"], made.headers[RULEBOOK_VERSION]) == (202, f"{RULES}/1", "1")
    changed = await served.ask("PUT", f"{RULES}/1", {"points": 1})
    assert (changed.status, changed.headers["Location"]) == (202, f"{RULES}/1")
    assert (await served.ask("DELETE", f"{RULES}/1")).status == 202


async def test_nothing_is_read_before_config_is_and_nothing_written_without_kafka(served: Served) -> None:
    served.config.complete = False
    for path in (RULES, f"{RULES}/1", DEFAULT, "/v1/scoring/profiles"):
        answer = await served.ask("GET", path)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    served.config.down = True
    assert (await served.problem("POST", RULES, RULE))[:2] == (503, "config_unavailable")


async def test_an_outcome_that_nobody_knows_is_told_as_such(served: Served) -> None:
    def fail() -> None:
        served.config.down = True
        raise ConnectionResetError

    served.config.after_commit = fail
    answer = await served.ask("POST", RULES, RULE)
    assert (answer.status, answer.headers["Retry-After"], (await answer.json())["code"]) == (
        503,
        "2",
        "outcome_unknown",
    )


HALF = "\ud800"


@pytest.mark.parametrize(
    "body",
    [
        {**RULE, HALF: 1},
        {**RULE, "name": HALF},
        {**RULE, "eventFilter": {HALF: 1}},
        {**RULE, "eventFilter": {"a": {HALF: [HALF]}}},
        {**RULE, "items": {HALF: []}},
        {**RULE, "siteId": 2**64},
        {**RULE, "siteId": "\0"},
        {**RULE, "eventFilter": {"a": 1e400}},
        {**RULE, "orgId": {}},
        {**RULE, "createdAt": HALF},
    ],
)
async def test_text_that_is_none_is_refused(served: Served, body: Any) -> None:
    text = json.dumps(body).replace("Infinity", "1e400")
    headers = bearer(ADMIN, **{"Content-Type": "application/json"})
    answer = await served.client.request("POST", RULES, data=text, headers=headers)
    assert answer.status == 400, await answer.text()


@pytest.mark.parametrize("path", [f"{RULES}/%ff", f"{RULES}/%ed%a0%80", f"{RULES}?siteId=%ff", f"{RULES}?cursor=%ff"])
async def test_addresses_that_are_no_text_are_no_fault_of_ours(served: Served, path: str) -> None:
    answer = await served.client.get(URL(path, encoded=True), headers=bearer(ADMIN))
    assert answer.status in (200, 400, 404)
    assert await answer.json()


async def test_an_idempotency_key_that_cannot_be_printed_is_refused(served: Served) -> None:
    headers = bearer(ADMIN, **{"Idempotency-Key": "a\u0080"})
    answer = await served.client.post(RULES, json=RULE, headers=headers)
    assert (answer.status, (await answer.json())["code"]) == (400, "invalid_idempotency_key")
