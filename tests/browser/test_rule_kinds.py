"""Rules of each kind in a real browser: for visits, for silence, for what holds; one becomes another."""

import re
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.page_kit import WRITER, Scheme, at, check_accessible, check_fits, picture
from tests.browser.test_rules import OPENED, change_elsewhere, having, kept

pytestmark = pytest.mark.asyncio(loop_scope="module")

VISITED: dict[str, Any] = {
    "name": "Visited", "eventType": "page_visit", "points": 5,
    "page": {"url": "*/pricing*", "hits": 3, "everyNth": True, "returnsWithinSeconds": 604_800, "timeSpentSeconds": 90},
}  # fmt: skip
SILENT: dict[str, Any] = {"name": "Silent", "points": -5, "inactivity": {"days": 30, "repeat": True}}
TREE: dict[str, Any] = {
    "operator": "AND",
    "conditions": [
        {"type": "attribute", "field": "country", "op": "in", "value": ["de", "at"]},
        {"operator": "NOT", "conditions": [{"type": "tag", "op": "exists"}]},
    ],
}
FITS: dict[str, Any] = {"name": "Fits", "points": 20, "attribute": TREE}


async def add(page: Page) -> None:
    await page.get_by_role("button", name="Add rule").click()
    await expect(page.locator("#rule-done")).to_contain_text("Added.")


async def save(page: Page) -> None:
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#rule-done")).to_contain_text("Saved.")


async def begin(page: Page, name: str, points: str, reason: str) -> None:
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_role("textbox", name="Points").fill(points)
    await page.get_by_label("It pays when").select_option(label=reason)


async def test_S25_a_rule_for_visits_is_added(browser: Browser) -> None:
    world = await having()
    async with at(browser, world, "#/rules/new") as (page, _):
        await begin(page, "Visited", "5", "Something happens")
        await expect(page.get_by_role("group", name="Which visits")).to_be_hidden()
        await page.get_by_label("Type of event").fill("page_visit")
        await page.get_by_label("Address").fill("*/pricing*")
        await page.get_by_label("From which visit on").fill("3")
        await page.get_by_label("Only at each such number").check()
        for name, number, unit in [("Came back within", "7", "days"), ("Stayed at least", "90", "seconds")]:
            span = page.get_by_role("group", name=name)
            await span.get_by_label("How many").fill(number)
            await span.get_by_label("Unit").select_option(unit)
        await page.get_by_label("Group", exact=True).fill("web")
        await page.get_by_label("Category").fill("Pages")
        await picture(page, "rule-visits")
        await add(page)
        found = kept(world)
        assert {name: value for name, value in found["page"].items() if value is not None} == VISITED["page"]
        assert (found["group"], found["category"], found["attribute"], found["inactivity"]) == (
            "web",
            "Pages",
            None,
            None,
        )


async def test_S37_a_rule_for_silence_is_added_and_asks_for_no_event(browser: Browser) -> None:
    world = await having()
    async with at(browser, world, "#/rules/new") as (page, _):
        await page.get_by_label("Type of event").fill("page_visit")
        await page.get_by_label("Site").fill("7")
        await page.get_by_label("Address").fill("/pricing")
        await begin(page, "Silent", "-5", "Nothing happens for some days")
        for hidden in ("eventType", "siteId", "page-url", "eventFilter", "oncePer", "attribute"):
            await expect(page.locator(f"#rule-{hidden}")).to_be_hidden()
        await page.get_by_role("button", name="Add rule").click()
        await expect(page.locator("#rule-inactivity-days-error")).to_have_text("Fill this in.")
        await page.get_by_label("Days of silence").fill("30")
        await page.get_by_label("Again and again").check()
        await page.get_by_label("At most so many times per contact").fill("4")
        await picture(page, "rule-silence")
        await add(page)
        found = kept(world)
        assert found["inactivity"] == SILENT["inactivity"]
        assert found["maxPerContact"] == 4
        assert [found[name] for name in ("eventType", "siteId", "page", "attribute")] == [None] * 4


async def test_S36_a_condition_is_typed_as_json_and_its_errors_stand_at_their_pointers(browser: Browser) -> None:
    world = await having()
    async with at(browser, world, "#/rules/new") as (page, _):
        await begin(page, "Fits", "20", "A condition holds for the contact")
        await expect(page.get_by_role("group", name="How often")).to_be_hidden()
        condition = page.get_by_label("Condition", exact=True)
        wrong = page.locator("#rule-attribute-error")
        add_rule = page.get_by_role("button", name="Add rule")
        await add_rule.click()
        await expect(wrong).to_have_text("Fill this in.")
        await condition.fill('{"operator": "AND", ')
        await add_rule.click()
        await expect(wrong).to_have_text("This is not JSON.")
        await condition.fill('{"operator": "AND", "conditions": [{"type": "tag", "op": "like"}]}')
        await add_rule.click()
        await expect(wrong).to_contain_text(re.compile(r"conditions . 0 . op: Input should be 'eq'"))
        await expect(condition).to_be_focused()
        await picture(page, "rule-condition-wrong")
        await condition.fill('{"type": "score", "op": "gte", "value": 9007199254740993}')
        await add(page)
        assert kept(world)["attribute"]["value"] == 9007199254740993
        await expect(condition).to_have_value('{\n  "type": "score",\n  "op": "gte",\n  "value": 9007199254740993\n}')


async def test_what_is_not_touched_of_any_kind_is_not_sent(browser: Browser) -> None:
    world = await having(VISITED, SILENT, FITS)
    async with at(browser, world, "#/rules/1") as (page, _):
        sent: list[Any] = []
        page.on("request", lambda asked: sent.append(asked.post_data_json) if asked.method == "PUT" else None)
        for number, body in enumerate((VISITED, SILENT, FITS), 1):
            await page.goto(f"{page.url.partition('#')[0]}#/rules/{number}")
            await expect(page.get_by_label("Name", exact=True)).to_have_value(body["name"])
            await page.get_by_label("Category").fill("Other")
            await save(page)
        assert sent == [{"category": "Other"}] * 3
        await page.get_by_label("Condition", exact=True).fill('{"type": "tag", "op": "exists"}')
        await save(page)
        assert sent[-1] == {"attribute": {"type": "tag", "op": "exists"}}


async def test_a_rule_becomes_one_of_another_kind_and_drops_what_that_has_not(browser: Browser) -> None:
    world = await having({**VISITED, "siteId": "7", "repeatable": False, "oncePer": None})
    async with at(browser, world, "#/rules/1") as (page, _):
        await page.get_by_label("It pays when").select_option(label="A condition holds for the contact")
        await page.get_by_label("Condition", exact=True).fill('{"type": "tag", "op": "exists"}')
        await save(page)
        found = kept(world)
        assert [found[name] for name in ("eventType", "siteId", "page", "repeatable")] == [None, None, None, True]
        await page.get_by_label("It pays when").select_option(label="Nothing happens for some days")
        await page.get_by_label("Days of silence").fill("14")
        await save(page)
        assert (kept(world)["attribute"], kept(world)["inactivity"]) == (None, {"days": 14, "repeat": False})


async def test_contradictions_of_visits_stand_at_their_fields(browser: Browser) -> None:
    async with at(browser, await having(VISITED), "#/rules/1") as (page, _):
        await page.get_by_label("From which visit on").fill("")
        after = page.get_by_role("group", name="Came back after")
        await after.get_by_label("How many").fill("8")
        await page.get_by_role("group", name="Stayed at least").get_by_label("How many").fill("long")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#rule-page-everyNth-error")).to_have_text("Say which number of visits.")
        await expect(page.locator("#rule-page-timeSpentSeconds-error")).to_have_text("Type a whole number.")
        await expect(page.locator("#rule-page-returnsAfterSeconds-error")).to_have_text(
            "This is longer than “Came back within”."
        )
        await page.get_by_label("Only at each such number").uncheck()
        await after.get_by_label("How many").fill("1")
        await page.get_by_role("group", name="Stayed at least").get_by_label("How many").fill("")
        await save(page)
        await expect(page.locator("#rule-page-everyNth-error")).to_be_empty()


async def test_my_changes_of_a_kind_stand_over_those_made_elsewhere(browser: Browser) -> None:
    world = await having(VISITED)
    async with at(browser, world, "#/rules/1") as (page, client):
        await page.get_by_label("From which visit on").fill("4")
        await change_elsewhere(client, page={"url": "/help*"}, points=9)
        await page.get_by_role("button", name="Save").click()
        await page.get_by_role("button", name="Keep my changes").click()
        await expect(page.get_by_label("Address")).to_have_value("/help*")
        await expect(page.get_by_label("From which visit on")).to_have_value("4")
        await save(page)
        assert {name: value for name, value in kept(world)["page"].items() if value} == {"url": "/help*", "hits": 4}


async def test_what_is_half_typed_when_somebody_else_has_saved_stays(browser: Browser) -> None:
    half = '{"type": "tag", "op":'
    for body, box in ((FITS, "#rule-attribute"), ({**OPENED, "eventFilter": {"a": {}}}, "#rule-eventFilter textarea")):
        world = await having(body)
        async with at(browser, world, "#/rules/1") as (page, client):
            await page.get_by_label("Category").fill("Mine")
            await change_elsewhere(client, points=9)
            await page.get_by_role("button", name="Save").click()
            mine = page.get_by_role("button", name="Keep my changes")
            await expect(mine).to_be_visible()
            await page.locator(box).fill(half)
            await mine.click()
            await expect(page.locator(f"{box.split()[0]}-error")).to_contain_text("This is not JSON.")
            await expect(page.locator(box)).to_have_value(half)
            await page.locator(box).fill('{"type": "tag", "op": "exists"}')
            await mine.click()
            await save(page)
            assert (kept(world)["category"], kept(world)["points"]) == ("Mine", 9)


async def test_a_half_typed_time_stays_and_is_not_sent(browser: Browser) -> None:
    world = await having({**OPENED, "publishUp": "2026-01-01T00:00:00Z"})
    async with at(browser, world, "#/rules/1") as (page, client):
        since, wrong = page.locator("#rule-publishUp"), page.locator("#rule-publishUp-error")
        await page.get_by_label("Category").fill("Mine")
        await change_elsewhere(client, points=9)
        await page.get_by_role("button", name="Save").click()
        await since.fill("")
        await since.press_sequentially("0203")  # a month and a day
        await page.get_by_role("button", name="Keep my changes").click()
        await expect(wrong).to_have_text("This is no whole date and time.")
        assert await since.evaluate("made => made.validity.badInput")
        await page.get_by_role("button", name="Save").click()
        await expect(wrong).to_have_text("This is no whole date and time.")
        assert kept(world)["category"] is None
        await since.fill("2026-02-03T04:05:06")
        await page.get_by_role("button", name="Save").click()
        await page.get_by_role("button", name="Keep my changes").click()
        await save(page)
        assert (kept(world)["category"], kept(world)["points"]) == ("Mine", 9)
        assert kept(world)["publishUp"].startswith("2026-02-03")


async def test_rules_of_each_kind_are_listed_and_told_in_words(browser: Browser) -> None:
    async with at(browser, await having(VISITED, SILENT, FITS), "#/rules", WRITER) as (page, _):
        kinds = page.locator("#rules td.type")
        await expect(kinds).to_have_text(["page_visit */pricing*", "30 days of silence", "condition"])
        await page.get_by_role("link", name="Visited").click()
        told = page.locator("#rule-summary")
        await expect(told).to_contain_text("Came back within7 days")
        await expect(told).to_contain_text("Stayed at least90 seconds")
        await expect(told).not_to_contain_text("Condition")
        await page.go_back()
        await page.get_by_role("link", name="Fits").click()
        await expect(told).to_contain_text('"op": "in"')
        await expect(told).not_to_contain_text("null")
        await expect(told).not_to_contain_text("Type of event")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (380, "dark")])
async def test_forms_of_each_kind_are_accessible_and_fit(browser: Browser, width: int, scheme: Scheme) -> None:
    world = await having({**OPENED, **VISITED}, SILENT, FITS)
    async with at(browser, world, "#/rules/1", width=width, scheme=scheme) as (page, _):
        for number, shown in enumerate(("#rule-page-url", "#rule-inactivity-days", "#rule-attribute"), 1):
            await page.goto(f"{page.url.partition('#')[0]}#/rules/{number}")
            await expect(page.locator(shown)).to_be_visible()
            await picture(page, f"rule-kind-{number}-{width}-{scheme}")
            await check_accessible(page)
            await check_fits(page)
