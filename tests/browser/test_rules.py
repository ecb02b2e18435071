"""Rules in a real browser: listed with their fire counts, added, edited, deleted, and only shown to a key of less."""

import json
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from schemas.authored import Rule
from stream_app.authoring.edits import Create
from tests.browser.page_kit import (
    ADMIN,
    WRITER,
    Scheme,
    allow,
    at,
    check_accessible,
    check_fits,
    picture,
    visit,
    world_with_keys,
)
from tests.unit.web_client import Client
from tests.unit.web_fakes import DEMO, World, bearer, core

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPENED: dict[str, Any] = {"name": "Opened", "eventType": "email_open", "points": 5}


async def having(*bodies: dict[str, Any]) -> World:
    """A world with these rules, which have ids from 1."""
    world = world_with_keys()
    for body in bodies:
        await world.config.apply(Create(kind="rule", org_id="1", fields=body))
    return world


def kept(world: World, number: int = 1) -> dict[str, Any]:
    """A rule as the newest record of it says."""
    records = [one for one in world.config.records if one.key == f"rule:1:{number}".encode()]
    assert records[-1].value is not None
    return json.loads(records[-1].value)


async def change_elsewhere(client: Client, **fields: Any) -> None:
    async with client.put("/v1/scoring/rules/1", json=fields, headers=bearer(ADMIN)) as answer:
        assert answer.status == 200, await answer.text()


async def test_rules_are_listed_with_how_often_they_fired(browser: Browser) -> None:
    later = {"publishUp": "2099-01-01T00:00:00Z", "category": "Mail", "siteId": "7"}
    world = await having(OPENED, {**OPENED, "name": "Off", "active": False}, {**OPENED, "name": "Later", **later})
    world.rules["1"] = {1: Rule.model_validate(kept(world))}
    world.partitions.put("42", core(awards=1, total=5))
    world.partitions.put("43", core(awards=1, total=5))
    async with at(browser, world, "#/rules", DEMO) as (page, _):
        rows = page.locator("#rules tr")
        await expect(rows).to_have_count(3)
        await expect(rows.nth(0).locator("td")).to_have_text(["Opened", "+5", "email_open", "2", "2", "On"])
        await expect(rows.nth(1)).to_contain_text("Off")
        await expect(rows.nth(2)).to_contain_text("Mail, site 7")
        await expect(rows.nth(2).locator(".status")).to_have_text("Later")
        world.partitions.stores.pop(0)
        await page.locator("#rules-refresh").click()
        await expect(page.locator("#rules-why")).to_contain_text("How often rules fired is not known now.")
        await expect(rows.nth(0).locator("[data-label=fired]")).to_have_text("\N{EN DASH}")


async def test_a_rule_with_every_field_is_added(browser: Browser) -> None:
    world = await having()
    async with at(browser, world, "#/rules") as (page, _):
        await expect(page.locator("#rules-none")).to_contain_text("No rule yet")
        await page.get_by_role("link", name="Add a rule").click()
        await expect(page.get_by_role("heading", name="New rule")).to_be_focused()
        await page.get_by_label("Name", exact=True).fill("Clicked pricing")
        await page.get_by_label("Type of event").fill("email_click")
        await page.get_by_role("textbox", name="Points").fill("-15")
        await page.get_by_label("Active").uncheck()
        for name, kind, value in [
            ("url", "is the text", "/pricing"), ("depth", "is the number", "12345678901234567"),
            ("plan", "is one of these texts", "pro\nteam"), ("trial", "is true", None),
            ("cart", "as JSON", '{"n":1.0}'),
        ]:  # fmt: skip
            await page.get_by_role("button", name="Add a condition").click()
            row = page.locator("#rule-eventFilter .pair").last
            await row.get_by_label("Property").fill(name)
            await row.get_by_label("How it is compared").select_option(label=kind)
            if value is not None:
                await row.get_by_label("Value").fill(value)
        await page.get_by_role("button", name="Add a property").click()
        await page.locator("#rule-items").get_by_label("Property").fill("sku")
        await page.get_by_label("Site").fill("7")
        await page.get_by_label("At most so many times per contact").fill("3")
        await page.get_by_label("Once for each value of the property").fill("messageId")
        await page.get_by_label("May pay more than once per contact").check()
        await page.get_by_label("From", exact=True).fill("2026-01-15T08:30")
        await page.get_by_label("Until", exact=True).fill("2026-07-15T08:30:59")
        await page.get_by_label("Category").fill("Mail")
        await page.get_by_label("Description").fill("Two\nlines")
        await page.get_by_role("button", name="Add rule").click()
        await expect(page.locator("#rule-done")).to_contain_text("Added. It holds for every event from now on.")
        await expect(page.get_by_role("heading", name="Clicked pricing")).to_be_visible()
        assert page.url.endswith("#/rules/1")
        found = kept(world)
        assert {name: found[name] for name in found if name not in ("id", "orgId", "createdAt", "updatedAt")} == {
            "name": "Clicked pricing", "eventType": "email_click", "points": -15, "active": False, "siteId": "7",
            "eventFilter": {
                "url": "/pricing", "depth": 12345678901234567, "plan": ["pro", "team"], "trial": True,
                "cart": {"n": 1.0},
            },
            "items": {"sku": []}, "maxPerContact": 3, "oncePer": "messageId", "repeatable": True,
            "publishUp": "2026-01-15T07:30:00.000Z", "publishDown": "2026-07-15T06:30:59.000Z",
            "category": "Mail", "description": "Two\nlines", "profileId": "default", "attribute": None, "group": None,
            "inactivity": None, "page": None,
        }  # fmt: skip
        assert '"depth":12345678901234567,' in (world.config.records[-1].value or b"").decode().replace(" ", "")


async def test_what_was_not_touched_is_not_sent_and_keeps_every_digit(browser: Browser) -> None:
    event_filter = {
        "big": 9007199254740993,
        "float": 1.50,
        "text": "1",
        "none": None,
        "deep": {"n": [9007199254740993]},
    }
    window = {"publishUp": "2026-10-25T01:30:00.123Z"}  # a local time that there is twice
    world = await having({**OPENED, "eventFilter": event_filter, "items": {"sku": ["a", 1]}, **window})
    async with at(browser, world, "#/rules/1") as (page, _):
        sent: list[Any] = []
        page.on("request", lambda asked: sent.append(asked.post_data_json) if asked.method == "PUT" else None)
        await page.get_by_label("Name", exact=True).fill("Opened twice")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#rule-done")).to_contain_text("Saved.")
        assert sent == [{"name": "Opened twice"}]
        row = page.locator("#rule-eventFilter .pair").nth(2)
        await row.get_by_label("Value").fill("2")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#rule-done")).to_contain_text("Saved.")
        assert list(sent[-1]) == ["eventFilter"]
        assert kept(world)["eventFilter"] == {**event_filter, "text": "2"}
        assert kept(world)["publishUp"] == window["publishUp"]
        await page.get_by_role("textbox", name="Points").fill("5")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#rule-done")).to_have_text("Nothing was changed.")
        assert len(sent) == 2


async def test_emptied_fields_are_cleared(browser: Browser) -> None:
    given = {"siteId": "7", "maxPerContact": 3, "eventFilter": {"a": "b"}, "publishUp": "2026-01-15T07:30:00Z"}
    world = await having({**OPENED, **given})
    async with at(browser, world, "#/rules/1") as (page, _):
        await page.get_by_label("Site").fill("")
        await page.get_by_label("At most so many times per contact").fill("")
        await page.get_by_label("From", exact=True).fill("")
        await page.get_by_role("button", name="Remove this row").click()
        await expect(page.get_by_role("button", name="Add a condition")).to_be_focused()
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#rule-done")).to_contain_text("Saved.")
        assert all(kept(world)[name] is None for name in given)


async def test_what_is_wrong_stands_at_its_field(browser: Browser) -> None:
    world = await having()
    async with at(browser, world, "#/rules/new") as (page, _):
        save = page.get_by_role("button", name="Add rule")
        await save.click()
        await expect(page.locator("#rule-name-error")).to_have_text("Fill this in.")
        await expect(page.get_by_label("Name", exact=True)).to_be_focused()
        await page.get_by_label("Name", exact=True).fill("Opened")
        await page.get_by_label("Type of event").fill("Email Open")
        await page.get_by_role("textbox", name="Points").fill("5.0")
        await page.get_by_label("At most so many times per contact").fill("0")
        await page.get_by_label("From", exact=True).fill("2026-02-01T00:00")
        await page.get_by_label("Until", exact=True).fill("2026-01-01T00:00")
        await save.click()
        await expect(page.locator("#rule-eventType-error")).to_have_text("This is no type of event.")
        await expect(page.locator("#rule-points-error")).to_have_text("Type a whole number.")
        await expect(page.locator("#rule-maxPerContact-error")).to_contain_text("greater than or equal to 1")
        await expect(page.locator("#rule-publishDown-error")).to_have_text("This is before “From”.")
        await expect(page.locator("#rule-name-error")).to_be_empty()
        await expect(page.get_by_role("textbox", name="Points")).to_be_focused()
        await expect(page.locator("#rule-error")).to_have_text("Nothing was changed: look at the marked fields.")
        await check_accessible(page)
        await picture(page, "rule-errors")
        assert world.config.records == []


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("", "is the text", "x")], "Name the property, or remove the row."),
        ([("a", "is the text", "")], "a: Type the text that it must be."),
        ([("a", "is the number", "12a")], "a: Type a number."),
        ([("a", "is one of these texts", "\n")], "a: Type one text a line."),
        ([("a", "as JSON", "{")], "a: This is not JSON."),
        ([("a", "is the text", "x"), ("a", "is the text", "y")], "a is here twice."),
    ],
)
async def test_conditions_are_judged_before_they_are_sent(
    browser: Browser, rows: list[tuple[str, str, str]], words: str
) -> None:
    async with at(browser, await having(OPENED), "#/rules/1") as (page, _):
        for name, kind, value in rows:
            await page.get_by_role("button", name="Add a condition").click()
            row = page.locator("#rule-eventFilter .pair").last
            await row.get_by_label("Property").fill(name)
            await row.get_by_label("How it is compared").select_option(label=kind)
            await row.get_by_label("Value").fill(value)
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#rule-eventFilter-error")).to_contain_text(words)
        await expect(page.locator("#rule-eventFilter input").first).to_be_focused()


async def test_warnings_are_told_with_success(browser: Browser) -> None:
    async with at(browser, await having(), "#/rules/new") as (page, _):
        await page.get_by_label("Name", exact=True).fill("Opened")
        await page.get_by_label("Type of event").fill("email_opn")
        await page.get_by_role("textbox", name="Points").fill("0")
        await page.get_by_role("button", name="Add rule").click()
        await expect(page.locator("#rule-done")).to_contain_text("did you mean email_open?")
        await expect(page.locator("#rule-done")).to_contain_text("Points: 0 points")


async def test_an_edit_conflict_asks_whose_words_stay(browser: Browser) -> None:
    world = await having(OPENED)
    async with at(browser, world, "#/rules/1") as (page, client):
        points, cap = page.get_by_role("textbox", name="Points"), page.get_by_label("At most so many times per contact")
        await cap.fill("3")
        await change_elsewhere(client, points=7)
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#rule-conflict")).to_contain_text("Somebody changed this rule after you opened it.")
        await expect(page.get_by_role("button", name="Show their version")).to_be_focused()
        await check_accessible(page)
        await picture(page, "rule-conflict")
        assert kept(world)["maxPerContact"] is None
        await page.get_by_role("button", name="Keep my changes").click()
        await expect(points).to_have_value("7")
        await expect(cap).to_have_value("3")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#rule-done")).to_contain_text("Saved.")
        assert (kept(world)["points"], kept(world)["maxPerContact"]) == (7, 3)
        await points.fill("8")
        await change_elsewhere(client, points=9)
        await page.get_by_role("button", name="Save").click()
        await page.get_by_role("button", name="Show their version").click()
        await expect(points).to_have_value("9")
        await expect(page.locator("#rule-conflict")).to_be_hidden()


async def test_a_rule_is_deleted_after_a_question(browser: Browser) -> None:
    world = await having(OPENED, {**OPENED, "name": "Stays"})
    async with at(browser, world, "#/rules/1") as (page, client):
        await page.get_by_role("button", name="Delete", exact=True).click()
        dialog = page.get_by_role("dialog", name="Delete this rule?")
        await expect(dialog).to_contain_text("“Opened”")
        await expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
        await check_accessible(page)
        await picture(page, "rule-delete")
        await page.keyboard.press("Escape")
        await expect(dialog).to_be_hidden()
        await change_elsewhere(client, points=7)
        await page.get_by_role("button", name="Delete", exact=True).click()
        await dialog.get_by_role("button", name="Delete the rule").click()
        await expect(page.locator("#rule-conflict")).to_be_visible()
        await page.get_by_role("button", name="Show their version").click()
        await expect(page.get_by_role("textbox", name="Points")).to_have_value("7")
        await page.get_by_role("button", name="Delete", exact=True).click()
        await dialog.get_by_role("button", name="Delete the rule").click()
        await expect(page.locator("#rules-done")).to_contain_text("“Opened” is deleted.")
        await expect(page.locator("#rules tr")).to_have_count(1)
        await visit(page, "#/rules/1")
        await expect(page.locator("#rule-why")).to_have_text("There is no such rule.")
        await expect(page.locator("#rule")).to_be_hidden()


async def test_a_rule_deleted_meanwhile_is_said(browser: Browser) -> None:
    async with at(browser, await having(OPENED), "#/rules/1") as (page, client):
        await page.get_by_role("textbox", name="Points").fill("8")
        async with client.delete("/v1/scoring/rules/1", headers=bearer(ADMIN)) as answer:
            assert answer.status == 204
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#rule-error")).to_contain_text("Somebody has deleted this rule meanwhile.")
        await expect(page.get_by_role("textbox", name="Points")).to_have_value("8")


async def test_a_rule_is_added_once_though_its_answer_was_lost(browser: Browser) -> None:
    world = await having()
    async with at(browser, world, "#/rules/new") as (page, _):
        await page.get_by_label("Name", exact=True).fill("Opened")
        await page.get_by_label("Type of event").fill("email_open")
        await page.get_by_role("textbox", name="Points").fill("5")
        world.config.down = True
        await page.get_by_role("button", name="Add rule").click()
        await expect(page.locator("#rule-error")).to_contain_text("Kafka does not answer")
        world.config.down = False
        await page.route("**/v1/scoring/rules", lost)
        await page.get_by_role("button", name="Add rule").click()
        await expect(page.locator("#rule-error")).to_contain_text("Sending it again as it is acts once.")
        await page.unroute("**/v1/scoring/rules")
        await page.get_by_role("button", name="Add rule").click()
        await expect(page.locator("#rule-done")).to_contain_text("Added.")
        assert [one.key for one in world.config.records] == [b"rule:1:1"]


async def lost(route: Any) -> None:
    """Let a request through to the worker and lose its answer."""
    await route.fetch()
    await route.abort()


async def test_a_rule_that_the_worker_has_not_read_yet_is_said(browser: Browser) -> None:
    world = await having(OPENED)
    async with at(browser, world, "#/rules/1") as (page, _):
        world.config.lagging = True
        await page.get_by_role("textbox", name="Points").fill("8")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#rule-done")).to_contain_text("it holds as soon as the worker has read it")


async def test_a_key_of_less_reads_a_rule_and_cannot_edit(browser: Browser) -> None:
    world = await having({**OPENED, "eventFilter": {"url": "/pricing"}, "publishUp": "2026-01-15T07:30:00Z"})
    async with at(browser, world, "#/rules", WRITER) as (page, _):
        await expect(page.locator("#view-rules").get_by_text("This key may not edit rules.")).to_be_visible()
        await expect(page.get_by_role("link", name="Add a rule")).to_be_hidden()
        await page.get_by_role("link", name="Opened").click()
        await expect(page.locator("#rule-summary")).to_contain_text('"url": "/pricing"')
        await expect(page.locator("#rule-summary")).to_contain_text("15/01/2026, 08:30:00")
        await expect(page.locator("#rule")).to_be_hidden()
        await check_accessible(page)
        await picture(page, "rule-read-only")


async def test_a_scope_lost_meanwhile_is_said(browser: Browser) -> None:
    world = await having(OPENED)
    async with at(browser, world, "#/rules/1") as (page, _):
        await page.get_by_role("textbox", name="Points").fill("8")
        allow(world, write=ADMIN)
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#rule-error")).to_have_text(
            "This key may not do that. This takes a key of scope admin."
        )
        assert kept(world)["points"] == 5


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (380, "light"), (380, "dark")])
async def test_views_are_accessible_and_fit(browser: Browser, width: int, scheme: Scheme) -> None:
    long = "A rule whose name says everything about the case for which it was once made " * 2
    filters = {"url": "https://example.com/" + "pricing/" * 20, "plan": ["pro", "team"], "trial": True, "n": {"a": 1}}
    world = await having(OPENED, {**OPENED, "name": long, "eventFilter": filters, "category": "Mail " * 20})
    async with at(browser, world, "#/rules", width=width, scheme=scheme) as (page, _):
        await expect(page.locator("#rules tr")).to_have_count(2)
        await picture(page, f"rules-{width}-{scheme}")
        await check_accessible(page)
        await check_fits(page)
        await page.get_by_role("link", name="A rule whose").click()
        await expect(page.locator("#rule-eventFilter .pair")).to_have_count(4)
        await picture(page, f"rule-{width}-{scheme}")
        await check_accessible(page)
        await check_fits(page)
