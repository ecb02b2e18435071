"""Profiles beside the default one over HTTP: drafts, publishes and the way back (S30, S31, S33, S35, decision 0016)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError

from schemas.hop import RULEBOOK_VERSION
from schemas.rest_profiles import ListedProfile, ProfileAnswer, ProfileVersion
from stream_app.authoring import rule_puts
from stream_app.authoring.config_log import MAX_PUBLISHES, AuthoredKey, decode_key
from stream_app.authoring.drafts import shown_of
from stream_app.authoring.edits import Create
from stream_app.authoring.lint import lint_rule
from stream_app.authoring.problems import EXPLAINED
from stream_app.authoring.profile_puts import MAX_PROFILES_PER_ORG
from stream_app.web import listed_profiles
from stream_app.web.listed_profiles import ListedProfiles
from stream_app.web.profile_bodies import listed_body
from tests.scoring_kit import Fold, event
from tests.unit.authoring_client import ADMIN, DEFAULT, OTHER, PROFILES, RULES, SITE, Served, authors
from tests.unit.config_fakes import MemoryConfig, once
from tests.unit.web_fakes import DEMO, bearer

FIT = f"{PROFILES}/fit"
OPEN: dict[str, Any] = {"name": "Opened", "eventType": "email_open", "points": 5}
CLICK: dict[str, Any] = {"name": "Clicked", "eventType": "email_click", "points": 10}
NEW: dict[str, Any] = {"id": "fit", "name": "Fit", "thresholds": [50], "rules": [OPEN, CLICK]}


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with authors() as made:
        yield made


def scores(served: Served, *profile_ids: str) -> list[int]:
    """What a contact is shown after one open and one click."""
    fold = Fold(served.rulebook())
    fold.put(event("email_open"))
    fold.put(event("email_click"))
    return [fold.shown(profile_id) for profile_id in profile_ids or ("fit",)]


def ids(profile: Any, part: str = "draft") -> list[int]:
    return [rule["id"] for rule in profile[part]["rules"]]


def written(served: Served, since: int) -> list[str]:
    """What records were written, those that delete with a minus."""
    found = [(decode_key(record.key), record.value) for record in served.config.records[since:]]
    return [("-" if value is None else "") + f"{key.kind} {key.id}" for key, value in found if key is not None]


def _profile(profile_id: str) -> AuthoredKey:
    return AuthoredKey("profile", "1", profile_id)


def wholes(profile: Any) -> tuple[str, int, Any, Any]:
    """Status, version, and points of the rules of draft and published."""
    draft, published = (
        part and [rule["points"] for rule in part["rules"]] for part in (profile["draft"], profile["published"])
    )
    return profile["status"], profile["version"], draft, published


async def test_S31_a_draft_scores_nothing_and_a_publish_swaps_it_in(served: Served) -> None:
    answer = await served.ask("POST", PROFILES, NEW)
    made = (await answer.json())["data"]
    assert (answer.status, answer.headers["Location"], answer.headers["ETag"]) == (201, FIT, '"3"')
    ProfileAnswer.model_validate(made)
    assert (made["id"], made["orgId"], made["thresholds"]) == ("fit", 1, [50])
    assert (wholes(made), scores(served)) == (("draft", 0, [5, 10], None), [0])
    assert written(served, 0) == ["rule 1", "rule 2", "profile fit"]
    published = await served.data("POST", f"{FIT}/publish")
    assert (wholes(published), scores(served)) == (("published", 1, None, [5, 10]), [15])
    edited = await served.data("PUT", FIT, {"name": "Fit", "ceiling": 7, "rules": [{**CLICK, "id": 2, "points": 20}]})
    assert (wholes(edited), scores(served)) == (("draft", 1, [20], [5, 10]), [15])
    assert (edited["ceiling"], edited["published"]["ceiling"]) == (7, None)
    assert wholes(await served.data("POST", f"{FIT}/publish")) == ("published", 2, None, [20])
    assert scores(served) == [7]
    assert await served.data("GET", FIT) == await served.data("POST", f"{FIT}/publish")


async def test_S30_profiles_score_beside_each_other(served: Served) -> None:
    await served.data("POST", RULES, {**OPEN, "points": 1})
    await served.data("POST", PROFILES, NEW)
    await served.data("POST", f"{FIT}/publish")
    assert scores(served, "default", "fit") == [1, 15]


async def test_S31_rules_of_a_profile_are_its_draft(served: Served) -> None:
    await served.data("POST", PROFILES, NEW)
    await served.data("POST", f"{FIT}/publish")
    await served.data("PUT", f"{RULES}/1", {"points": 6})
    await served.data("POST", RULES, {**OPEN, "points": 100, "profileId": "fit"})
    assert (await served.ask("DELETE", f"{RULES}/2")).status == 204
    waits = await served.data("GET", FIT)
    assert (wholes(waits), ids(waits), scores(served)) == (("draft", 1, [6, 100], [5, 10]), [1, 3], [15])
    await served.data("POST", f"{FIT}/publish")
    assert scores(served) == [106]
    await served.data("PUT", f"{RULES}/1", {"points": 7})
    back = await served.data("PUT", f"{RULES}/1", {"points": 6})
    assert back["points"] == 6 and (await served.data("GET", FIT))["status"] == "published"


async def test_S31_unpublish_stops_scoring_and_keeps_the_draft(served: Served) -> None:
    await served.data("POST", PROFILES, NEW)
    await served.data("POST", f"{FIT}/publish")
    assert wholes(await served.data("POST", f"{FIT}/unpublish")) == ("draft", 1, [5, 10], None)
    assert scores(served) == [0]
    assert await served.problem("POST", f"{FIT}/discard") == (409, "not_published", [])
    assert wholes(await served.data("POST", f"{FIT}/publish")) == ("published", 2, None, [5, 10])
    assert scores(served) == [15]


async def test_a_discard_makes_the_draft_what_is_published(served: Served) -> None:
    await served.data("POST", PROFILES, NEW)
    published = await served.data("POST", f"{FIT}/publish")
    edited = {**OPEN, "id": 1, "points": 9}
    await served.data("PUT", FIT, {"name": "Other", "floor": 1, "rules": [edited, {**OPEN, "points": 3}]})
    since = len(served.config.records)
    back = await served.data("POST", f"{FIT}/discard")
    assert written(served, since) == ["rule 1", "rule 2", "-rule 3", "profile fit"]
    assert (wholes(back), back["name"], back["floor"]) == (("published", 1, None, [5, 10]), "Fit", None)
    assert [{**rule, "updatedAt": ""} for rule in await served.data("GET", f"{RULES}?profileId=fit")] == [
        {**rule, "updatedAt": ""} for rule in published["published"]["rules"]
    ]
    assert (scores(served), (await served.data("POST", RULES, OPEN))["id"]) == ([15], 4)


async def test_S33_a_rollback_is_a_new_version_and_the_draft_becomes_it(served: Served) -> None:
    await served.data("POST", PROFILES, NEW)
    await served.data("POST", f"{FIT}/publish")
    await served.data("PUT", FIT, {"name": "Second", "rules": [{**OPEN, "points": 1}]})
    await served.data("POST", f"{FIT}/publish")
    await served.data("PUT", FIT, {"name": "Third"})
    assert scores(served) == [1]
    back = await served.data("POST", f"{FIT}/rollback", {"version": 1})
    assert (wholes(back), back["name"], scores(served)) == (("published", 3, None, [5, 10]), "Fit", [15])
    assert [rule["id"] for rule in await served.data("GET", f"{RULES}?profileId=fit")] == [1, 2]
    assert await served.problem("POST", f"{FIT}/rollback", {"version": 4}) == (
        400, "invalid_body", [("/version", "unknown_version")],
    )  # fmt: skip
    again = await served.data("POST", f"{FIT}/rollback", {"version": 3})
    assert again["version"] == 4


async def test_versions_are_told_newest_first_in_pages(served: Served) -> None:
    await served.data("POST", PROFILES, NEW)
    assert await served.data("GET", f"{FIT}/versions") == []
    for number in range(1, 4):
        served.config.now += 1000
        await served.data("PUT", FIT, {"name": f"Body {number}"})
        await served.data("POST", f"{FIT}/publish")
    answer = await (await served.ask("GET", f"{FIT}/versions?limit=2")).json()
    told = [ProfileVersion.model_validate(one) for one in answer["data"]]
    assert [(one.version, one.body.name, len(one.body.rules)) for one in told] == [(3, "Body 3", 2), (2, "Body 2", 2)]
    assert answer["meta"] == {"nextCursor": "2", "total": 3} and told[0].at > told[1].at
    book = served.rulebook()
    assert told[0].rulebook_version == book.version
    rest = await (await served.ask("GET", f"{FIT}/versions?limit=2&cursor=2")).json()
    assert [one["version"] for one in rest["data"]] == [1] and rest["meta"]["nextCursor"] is None
    assert await served.data("GET", f"{DEFAULT}/versions") == []


async def test_a_page_of_versions_ends_where_it_becomes_too_long_to_answer_at_once(served: Served) -> None:
    """100 versions of 500 rules are 38 MB and held up the worker for as long as a session lasts."""
    await served.data("POST", PROFILES, {"id": "fit", "rules": [{**OPEN, "eventFilter": {"a": "x" * 240_000}}]})
    for number in range(6):
        await served.data("PUT", FIT, {"name": f"Body {number}"})
        await served.data("POST", f"{FIT}/publish")
    found, cursor = list[list[int]](), 7
    while cursor is not None:
        page = await (await served.ask("GET", f"{FIT}/versions?limit=100&cursor={cursor}")).json()
        found.append([one["version"] for one in page["data"]])
        cursor = page["meta"]["nextCursor"]
    assert found == [[6, 5, 4, 3], [2, 1]]


async def test_the_newest_publishes_are_remembered_and_unpublish_forgets_none(served: Served) -> None:
    await served.data("POST", PROFILES, {"id": "fit", "name": "Fit"})
    for number in range(MAX_PUBLISHES + 2):
        await served.data("PUT", FIT, {"name": f"Body {number}"})
        await served.data("POST", f"{FIT}/publish")
    await served.data("POST", f"{FIT}/unpublish")
    told = await (await served.ask("GET", f"{FIT}/versions?limit=100")).json()
    assert (told["data"][0]["version"], told["data"][-1]["version"]) == (MAX_PUBLISHES + 2, 3)
    assert (await served.problem("POST", f"{FIT}/rollback", {"version": 2}))[0] == 400
    assert (await served.data("POST", f"{FIT}/rollback", {"version": 3}))["version"] == MAX_PUBLISHES + 3


async def test_a_put_keeps_rules_unless_it_names_them_and_ids_are_never_reused(served: Served) -> None:
    await served.data("POST", PROFILES, NEW)
    assert ids(await served.data("PUT", FIT, {"name": "Other"})) == [1, 2]
    since = len(served.config.records)
    put = await served.data("PUT", FIT, {"name": "Other", "rules": [CLICK, {**OPEN, "id": 1}]})
    assert (ids(put), written(served, since)) == ([1, 3], ["rule 3", "-rule 2", "profile fit"])
    assert ids(await served.data("PUT", FIT, {"name": "Other", "rules": []})) == []
    assert ids(await served.data("PUT", FIT, {"name": "Other", "rules": [OPEN]})) == [4]
    refused = await served.problem("PUT", FIT, {"rules": [{**OPEN, "id": 2}, {**OPEN, "id": 4}, {**OPEN, "id": 4}]})
    assert refused == (400, "invalid_body", [("/rules/0/id", "id_deleted"), ("/rules/2/id", "id_repeated")])


async def test_what_was_given_out_is_taken_back_and_writes_nothing(served: Served) -> None:
    tree = {"operator": "AND", "conditions": [{"type": "attribute", "field": "plan", "op": "exists"}]}
    fits = {"name": "Fits", "points": 3, "attribute": tree}
    await served.data("POST", PROFILES, {**NEW, "rules": [{**OPEN, "siteId": 7}, fits]})
    for _ in range(2):
        shown = await served.data("GET", FIT)
        rules = (shown["draft"] or shown["published"])["rules"]
        since = len(served.config.records)
        assert await served.data("PUT", FIT, {**shown, "rules": rules}) == shown
        assert await served.data("PUT", FIT, shown) == shown
        assert len(served.config.records) == since
        await served.data("POST", f"{FIT}/publish")
    assert (await served.data("GET", FIT))["version"] == 1


async def test_what_changes_nothing_writes_nothing(served: Served) -> None:
    await served.data("POST", PROFILES, NEW)
    for actions in (["unpublish"], ["publish", "publish", "discard"], ["unpublish", "unpublish"]):
        since = len(served.config.records)
        for action in actions:
            await served.data("POST", f"{FIT}/{action}")
        assert len(served.config.records) - since == (len(actions) > 1)


async def test_S35_a_formula_has_no_rules_and_leads_never_back(served: Served) -> None:
    wrong = {"id": "sum", "formula": {"average": ["default", "fit"]}, "rules": [OPEN]}
    assert await served.problem("POST", PROFILES, wrong) == (400, "invalid_body", [("/formula", "has_rules")])
    answer = await (await served.ask("POST", PROFILES, {**wrong, "rules": []})).json()
    assert [(one["pointer"], one["code"]) for one in answer["meta"]["warnings"]] == [
        ("/formula/average/1", "unknown_profile")
    ]
    body = {**OPEN, "profileId": "sum"}
    assert await served.problem("POST", RULES, body) == (400, "invalid_body", [("/profileId", "formula_profile")])
    back = {"id": "fit", "formula": {"average": ["default", "sum"]}}
    cycle = (400, "invalid_body", [("/formula/average/1", "formula_cycle")])
    assert await served.problem("POST", PROFILES, back) == cycle
    await served.data("POST", PROFILES, NEW)
    assert await served.problem("PUT", FIT, {"formula": {"average": ["default"]}}) == (
        400, "invalid_body", [("/formula", "has_rules")],
    )  # fmt: skip
    told = await (await served.ask("POST", f"{PROFILES}/sum/publish")).json()
    assert [(one["pointer"], one["code"]) for one in told["meta"]["warnings"]] == [
        ("/formula/average/1", "not_published")
    ]
    await served.data("POST", f"{FIT}/publish")
    assert scores(served, "default", "fit", "sum") == [0, 15, 8]


async def test_D20_what_is_published_leads_never_back_either(served: Served) -> None:
    for one, operand in (("a", "b"), ("b", "default")):
        await served.data("POST", PROFILES, {"id": one, "formula": {"average": [operand]}})
        await served.data("POST", f"{PROFILES}/{one}/publish")
    await served.data("PUT", f"{PROFILES}/a", {"formula": {"average": ["default"]}})
    await served.data("PUT", f"{PROFILES}/b", {"formula": {"average": ["a"]}})
    refused = await served.problem("POST", f"{PROFILES}/b/publish")
    assert refused == (400, "invalid_body", [("/formula/average/0", "formula_cycle")])
    await served.data("POST", f"{PROFILES}/a/publish")
    await served.data("POST", f"{PROFILES}/b/publish")
    assert await served.problem("POST", f"{PROFILES}/a/rollback", {"version": 1}) == refused
    served.rulebook()


async def test_a_discard_warns_of_a_draft_that_then_leads_back(served: Served) -> None:
    for one, operand in (("a", "default"), ("b", "a")):
        await served.data("POST", PROFILES, {"id": one, "formula": {"average": [operand]}})
        await served.data("POST", f"{PROFILES}/{one}/publish")
    await served.data("PUT", f"{PROFILES}/b", {"formula": {"average": ["default"]}})
    await served.data("PUT", f"{PROFILES}/a", {"formula": {"average": ["b"]}})
    for path, body in (("discard", None), ("rollback", {"version": 1})):
        told = await (await served.ask("POST", f"{PROFILES}/b/{path}", body)).json()
        warned = [(one["pointer"], one["code"], one["message"]) for one in told["meta"]["warnings"]]
        assert warned == [("/formula/average/0", "formula_cycle", "a as drafted is made of b")]


async def test_a_create_replaces_no_profile_though_its_id_comes_as_a_number(served: Served) -> None:
    await served.data("POST", PROFILES, {"id": "5", "name": "Five", "rules": [OPEN]})
    for given in ("5", 5):
        again = {"id": given, "name": "Other", "rules": []}
        assert await served.problem("POST", PROFILES, again) == (409, "id_taken", [("/id", "id_taken")])
    assert (await served.data("POST", PROFILES, {"id": 6, "name": "Six"}))["id"] == "6"
    assert (await served.data("GET", f"{PROFILES}/5"))["name"] == "Five"


async def test_a_profile_that_is_needed_is_not_deleted(served: Served) -> None:
    await served.data("POST", PROFILES, NEW)
    await served.data("POST", PROFILES, {"id": "sum", "formula": {"average": ["fit"]}})
    answer = await served.ask("DELETE", FIT)
    assert (answer.status, (await answer.json())["detail"]) == (
        409, "The body: profile fit is needed: rule 1, rule 2, the formula of sum",
    )  # fmt: skip
    await served.data("POST", f"{PROFILES}/sum/publish")
    await served.data("PUT", f"{PROFILES}/sum", {})
    await served.data("PUT", FIT, {"rules": []})
    assert await served.problem("DELETE", FIT) == (409, "in_use", [("", "in_use")])
    await served.data("POST", f"{PROFILES}/sum/publish")
    assert (await served.ask("DELETE", FIT)).status == 204
    assert (await served.ask("GET", FIT)).status == 404
    assert await served.problem("POST", PROFILES, {"id": "fit"}) == (400, "invalid_body", [("/id", "id_deleted")])
    assert (await served.data("POST", PROFILES, {"name": "Fit"}))["id"] == "fit-2"


async def test_a_rule_that_has_moved_stays_where_it_is(served: Served) -> None:
    await served.data("POST", PROFILES, NEW)
    await served.data("POST", f"{FIT}/publish")
    await served.data("PUT", f"{RULES}/2", {"profileId": "default"})
    assert ids(await served.data("GET", FIT), "published") == [1]
    for path, body, warnings in ((f"{FIT}/discard", None, []), (f"{FIT}/rollback", {"version": 1}, ["rule_moved"])):
        answer = await (await served.ask("POST", path, body)).json()
        assert [one["code"] for one in answer.get("meta", {}).get("warnings", [])] == warnings
        assert (answer["data"]["status"], ids(answer["data"], "published")) == ("published", [1])
        assert scores(served, "default", "fit") == [10, 5]
    wrong = await served.problem("PUT", FIT, {"rules": [{**CLICK, "id": 2}]})
    assert wrong == (400, "invalid_body", [("/rules/0/id", "other_profile")])


async def test_S31_edits_of_a_draft_move_no_rule_that_is_published(served: Served) -> None:
    """Of rules 1 and 2 of fit the second moves to the draft of other: that scores when other is published."""
    await served.data("POST", PROFILES, NEW)
    await served.data("POST", f"{FIT}/publish")
    await served.data("POST", PROFILES, {"id": "other", "name": "Other"})
    await served.data("POST", f"{PROFILES}/other/publish")
    await served.data("PUT", f"{RULES}/2", {"profileId": "other", "points": 50})
    assert scores(served, "fit", "other") == [15, 0]
    seen = await served.ask("GET", FIT)
    assert wholes((await seen.json())["data"]) == ("draft", 1, [5], [5, 10])
    discarded = await (await served.ask("POST", f"{FIT}/discard")).json()
    assert [one["code"] for one in discarded["meta"]["warnings"]] == ["rule_moved"]
    assert (wholes(discarded["data"]), scores(served, "fit", "other")) == (("draft", 1, [5], [5, 10]), [15, 0])
    seen = await served.ask("GET", FIT)
    await served.data("POST", f"{PROFILES}/other/publish")
    assert scores(served, "fit", "other") == [5, 50]
    after = await served.ask("GET", FIT)
    assert wholes((await after.json())["data"]) == ("published", 1, None, [5])
    assert after.headers["ETag"] != seen.headers["ETag"]
    await served.data("PUT", FIT, {"name": "Fit", "floor": -5})  # tells of the publish of version 1 again
    assert scores(served, "fit", "other") == [5, 50]
    await served.ask("DELETE", f"{RULES}/2")
    assert scores(served, "fit", "other") == [5, 50]
    back = await (await served.ask("POST", f"{FIT}/rollback", {"version": 1})).json()
    assert [one["code"] for one in back["meta"]["warnings"]] == ["rule_moved"]
    assert (ids(back["data"], "published"), scores(served, "fit", "other")) == ([1], [5, 50])
    await served.data("POST", f"{PROFILES}/other/publish")
    assert scores(served, "fit", "other") == [5, 0]
    back = await served.data("POST", f"{FIT}/rollback", {"version": 1})
    assert (ids(back, "published"), scores(served, "fit", "other")) == ([1, 2], [15, 0])


async def test_an_etag_stands_for_a_profile_with_its_rules(served: Served) -> None:
    made = await served.ask("POST", PROFILES, NEW)
    seen = made.headers["ETag"]
    assert (await served.ask("GET", FIT, If_None_Match=seen)).status == 304
    await served.data("PUT", f"{RULES}/1", {"points": 6})
    for method, path, body in (
        ("PUT", FIT, {"name": "Other", "rules": []}), ("DELETE", FIT, None), ("POST", f"{FIT}/publish", None),
        ("POST", f"{FIT}/rollback", {"version": 1}),
    ):  # fmt: skip
        assert (await served.problem(method, path, body, If_Match=seen))[:2] == (412, "precondition_failed")
    newer = (await served.ask("GET", FIT)).headers["ETag"]
    assert newer != seen
    put = await served.ask("PUT", FIT, {"name": "Fit", "thresholds": [50]}, If_Match=newer)
    assert (put.status, put.headers["ETag"]) == (200, newer)  # nothing changed
    put = await served.ask("PUT", FIT, {"name": "Fit"}, If_Match=newer)
    assert put.headers["ETag"] == (await served.ask("GET", FIT)).headers["ETag"]
    before = (await served.ask("GET", FIT)).headers["ETag"]
    await served.ask("DELETE", f"{RULES}/1")
    assert (await served.ask("GET", FIT)).headers["ETag"] != before


async def test_a_repeated_idempotency_key_gets_the_first_answer(served: Served) -> None:
    first = await served.ask("POST", PROFILES, NEW, Idempotency_Key="k")
    told = await first.read()
    await served.data("PUT", FIT, {"name": "Other", "rules": []})
    again = await served.ask("POST", PROFILES, NEW, Idempotency_Key="k")
    assert (again.status, await again.read()) == (201, told)
    published = await (await served.ask("POST", f"{FIT}/publish", Idempotency_Key="p")).read()
    await served.data("PUT", FIT, {"name": "Later"})
    repeated = await served.ask("POST", f"{FIT}/publish", Idempotency_Key="p", If_Match='"999"')
    assert (repeated.status, await repeated.read()) == (200, published)
    assert (await served.data("GET", FIT))["status"] == "draft"
    for path in (f"{FIT}/unpublish", f"{DEFAULT}/publish"):
        assert await served.problem("POST", path, Idempotency_Key="p") == (422, "idempotency_key_reused", [])
    names = (RULEBOOK_VERSION, "ETag")
    assert [again.headers[name] for name in names] == [first.headers[name] for name in names]


async def test_scores_are_imported_into_what_takes_points(served: Served) -> None:
    await served.data("POST", PROFILES, NEW)
    await served.data("POST", PROFILES, {"id": "sum", "formula": {"average": ["fit"]}})
    await served.data("POST", f"{PROFILES}/sum/publish")

    async def imported(profile_id: str) -> int:
        headers = bearer(ADMIN, **{"Content-Type": "text/csv"})
        path = f"/v1/imports?profileId={profile_id}"
        return (await served.client.request("POST", path, data=b"contactId,score\n7,1\n", headers=headers)).status

    assert [await imported(one) for one in ("fit", "sum", "none")] == [400, 400, 400]
    await served.data("POST", f"{FIT}/publish")
    assert [await imported(one) for one in ("fit", "default")] == [202, 202]


async def test_the_default_profile_is_live_with_its_rules(served: Served) -> None:
    put = await served.data("PUT", DEFAULT, {"thresholds": [5], "rules": [OPEN, CLICK]})
    assert (put["status"], put["version"], put["draft"], ids(put, "published")) == ("published", 1, None, [1, 2])
    assert scores(served, "default") == [15]
    assert ids(await served.data("PUT", DEFAULT, {"rules": [{**CLICK, "id": 2}]}), "published") == [2]
    assert scores(served, "default") == [10]
    since = len(served.config.records)
    assert (await served.data("POST", f"{DEFAULT}/publish"))["version"] == 2
    for action, body in (("unpublish", None), ("discard", None), ("rollback", {"version": 1})):
        assert (await served.problem("POST", f"{DEFAULT}/{action}", body))[:2] == (409, "always_live")
    assert len(served.config.records) == since


async def test_profiles_are_listed_without_their_rules(served: Served) -> None:
    await served.data("POST", PROFILES, NEW)
    await served.data("POST", PROFILES, {"name": "Über uns!"})
    listed = await (await served.ask("GET", PROFILES)).json()
    assert [one["id"] for one in listed["data"]] == ["default", "fit", "ber-uns"]
    assert listed["meta"] == {"nextCursor": None, "total": 3}
    assert all("rules" not in ((ListedProfile.model_validate(one) and one["draft"]) or {}) for one in listed["data"])
    assert [one["id"] for one in await served.data("GET", PROFILES, key=OTHER)] == ["default"]
    assert (await served.data("POST", PROFILES, {"name": "日本"}))["id"] == "profile"
    assert (await served.data("POST", PROFILES, {"name": "Default"}))["id"] == "default-2"


async def test_a_key_of_some_sites_sees_the_rules_of_those_in_profiles_too(served: Served) -> None:
    await served.data("POST", PROFILES, {**NEW, "rules": [OPEN, {**CLICK, "siteId": 7}, {**OPEN, "siteId": 8}]})
    await served.data("POST", f"{FIT}/publish")
    await served.data("PUT", f"{RULES}/2", {"points": 11})
    (version,) = await served.data("GET", f"{FIT}/versions", key=SITE)
    seen = await served.data("GET", FIT, key=SITE)
    assert [rule["id"] for rule in version["body"]["rules"]] == ids(seen) == ids(seen, "published") == [2]
    assert ids(await served.data("GET", FIT)) == [1, 2, 3]


async def test_profiles_take_an_admin_of_all_sites(served: Served) -> None:
    await served.data("POST", PROFILES, NEW)
    for method, path, body in (
        ("POST", PROFILES, {}), ("PUT", FIT, {}), ("DELETE", FIT, None), ("POST", f"{FIT}/publish", None),
        ("POST", f"{FIT}/rollback", {"version": 1}),
    ):  # fmt: skip
        assert (await served.problem(method, path, body, SITE))[:2] == (403, "other_site")
        assert (await served.problem(method, path, body, DEMO))[:2] == (403, "insufficient_scope")
    assert (await served.ask("GET", f"{FIT}/versions", key=SITE)).status == 200


async def test_an_org_has_at_most_100_profiles_and_500_rules(served: Served) -> None:
    for number in range(MAX_PROFILES_PER_ORG):
        await served.data("POST", PROFILES, {"id": f"p{number}"})
    assert (await served.problem("POST", PROFILES, {}))[:2] == (409, "too_many_profiles")
    assert (await served.data("PUT", f"{PROFILES}/p1", {"name": "One"}))["name"] == "One"
    full = await served.data("PUT", f"{PROFILES}/p1", {"rules": [OPEN] * 500})
    assert len(full["draft"]["rules"]) == 500
    assert (await served.problem("PUT", f"{PROFILES}/p2", {"rules": [OPEN]}))[:2] == (409, "too_many_rules")
    assert (await served.data("POST", f"{PROFILES}/p1/publish"))["version"] == 1
    await served.data("PUT", f"{PROFILES}/p1", {"rules": []})
    await served.data("PUT", f"{PROFILES}/p2", {"rules": [OPEN]})
    assert (await served.problem("POST", f"{PROFILES}/p1/discard"))[:2] == (409, "too_many_rules")
    assert (await served.problem("POST", f"{PROFILES}/p1/rollback", {"version": 1}))[:2] == (409, "too_many_rules")


async def test_a_list_tells_anew_what_has_changed_only(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page asks for it at every contact; nine profiles of 430 KB held up a worker for 2 s, each time."""
    told = list[str]()
    monkeypatch.setattr(listed_profiles, "shown_of", lambda log, key: told.append(key.id) or shown_of(log, key))

    async def listed(*anew: str) -> dict[str, str]:
        told.clear()
        found = await served.data("GET", PROFILES)
        assert tuple(told) == anew
        assert found == [listed_body(shown_of(served.config.log, _profile(one["id"]))) for one in found]
        return {one["id"]: one["status"] for one in found}

    for profile_id in ("fit", "old"):
        await served.data("POST", PROFILES, {"id": profile_id, "name": profile_id, "rules": [OPEN]})
        await served.data("POST", f"{PROFILES}/{profile_id}/publish")
    assert await listed("default", "fit", "old") == dict.fromkeys(("default", "fit", "old"), "published")
    await listed()
    assert await served.data("GET", PROFILES, key=OTHER) != await served.data("GET", PROFILES)
    await served.data("PUT", f"{RULES}/1", {"points": 7})  # of fit
    assert (await listed("fit"))["fit"] == "draft"
    await served.data("PUT", f"{RULES}/1", {"profileId": "old"})
    assert await listed("fit", "old") == {"default": "published", "fit": "draft", "old": "draft"}
    await served.data("POST", f"{PROFILES}/old/publish")
    await served.data("POST", RULES, CLICK)
    assert set((await listed("default", "fit", "old")).values()) == {"published"}  # rule 1 was taken from fit
    assert (await served.ask("DELETE", FIT)).status == 204
    assert (await listed()).keys() == {"default", "old"}
    assert (await served.ask("DELETE", f"{RULES}/1")).status == 204
    assert await listed("old") == {"default": "published", "old": "draft"}


async def test_the_loop_has_a_turn_after_each_profile_that_is_told_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed_profiles, "KEPT", 2)
    config, profiles = MemoryConfig(), ListedProfiles()
    for profile_id in ("a", "b", "c"):
        await config.apply(Create(kind="profile", org_id="1", fields={"id": profile_id}))
    task, turns = asyncio.create_task(profiles.of(config.log, "1")), 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
        if turns == 2:
            config.append(b"profile:1:b", None)  # deleted while the first are told
    assert [one["id"] for one in task.result()] == ["default", "a", "c"]
    assert turns > 3
    told = list[str]()
    monkeypatch.setattr(listed_profiles, "shown_of", lambda log, key: told.append(key.id) or shown_of(log, key))
    assert [one["id"] for one in await profiles.of(config.log, "1")] == ["default", "a", "c"]
    assert told == ["default", "a", "c"]  # of three, two are kept


async def test_of_a_long_list_of_rules_no_more_is_judged_than_is_told(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """60,000 numbers for rules, 120 KB, held up a worker for 4 s and were answered with 7 MB."""
    judged = list[object]()
    monkeypatch.setattr(rule_puts, "lint_rule", lambda item: judged.append(item) or lint_rule(item))
    too_many = (409, "too_many_rules", [("/rules", "too_many_rules")])
    for rule in (0, OPEN):
        for method, path in (("POST", PROFILES), ("PUT", DEFAULT)):
            assert await served.problem(method, path, {"name": "Long", "rules": [rule] * 501}) == too_many
    assert not judged
    status, code, errors = await served.problem("POST", PROFILES, {"name": "Wrong", "rules": [0] * 500})
    told = [(f"/rules/{number}", "not_an_object") for number in range(EXPLAINED)]
    assert (status, code, errors) == (400, "invalid_body", told)
    assert len(judged) == EXPLAINED
    assert not served.config.records


async def test_the_first_100_of_what_is_wrong_or_odd_are_told(served: Served) -> None:
    wrong = {f"f{number}": 1 for number in range(300)}
    for path in (RULES, PROFILES):
        status, _, errors = await served.problem("POST", path, {**OPEN, **wrong} if path == RULES else wrong)
        assert (status, errors) == (400, [(f"/f{number}", "unknown_field") for number in range(EXPLAINED)])
    odd = {**OPEN, "items": {f"p{number}": ["*"] for number in range(300)}}
    assert len(lint_rule(odd).problems) == EXPLAINED
    answer = await served.ask("POST", PROFILES, {"name": "Odd", "rules": [odd, odd]})
    warnings = (await answer.json())["meta"]["warnings"]
    assert [one["pointer"] for one in warnings] == [f"/rules/0/items/p{number}" for number in range(EXPLAINED)]


async def test_a_put_of_a_profile_and_its_rules_is_made_once_and_whole(served: Served) -> None:
    served.config.before_commit = once(KafkaTimeoutError())
    await served.data("POST", PROFILES, NEW)
    assert written(served, 0) == ["rule 1", "rule 2", "profile fit"]
    served.config.after_commit = once(KafkaTimeoutError())  # committed although it failed
    assert wholes(await served.data("POST", f"{FIT}/publish")) == ("published", 1, None, [5, 10])
    served.config.after_commit = once(KafkaTimeoutError())
    assert ids(await served.data("PUT", FIT, {"rules": [OPEN]})) == [3]
    assert written(served, 3) == ["profile fit", "rule 3", "-rule 1", "-rule 2", "profile fit"]


async def test_a_publish_has_a_size(served: Served) -> None:
    large = {**OPEN, "eventFilter": {"a": "x" * 200_000}}
    await served.data("POST", PROFILES, {"id": "fit", "rules": [large]})
    for _ in range(2):
        await served.data("POST", RULES, {**large, "profileId": "fit"})
    assert await served.problem("POST", f"{FIT}/publish") == (400, "invalid_body", [("", "too_large")])


async def test_a_flat_body_of_an_earlier_version_is_a_draft(served: Served) -> None:
    served.config.append(b"profile:1:fit", b'{"id":"fit","orgId":"1","name":"Old","createdAt":"c","updatedAt":"u"}')
    served.config.append(b"profile:1:odd", b'{"thresholds":"x"}')
    old = await served.data("GET", FIT)
    assert (old["name"], wholes(old), old["createdAt"]) == ("Old", ("draft", 0, [], None), "c")
    assert (await served.data("GET", f"{PROFILES}/odd"))["thresholds"] == []
    assert wholes(await served.data("POST", f"{FIT}/publish")) == ("published", 1, None, [])
