"""Contacts in a real browser: the list by latest change, one contact's log, points given by hand."""

import asyncio
import time

import msgspec
import pytest
from playwright.async_api import Browser, expect

from schemas.ids import contact_key
from stream_app.delivery.sender import Unsent
from tests.browser.page_kit import (
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
from tests.connected.waiting import until
from tests.unit.web_client import Client
from tests.unit.web_fakes import DEMO, SCORES, bearer, change, core, facts

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def adjust(client: Client, contact: str, points: int, reason: str = "by hand") -> None:
    body = {"points": points, "reason": reason}
    async with client.post(f"/v1/contacts/{contact}/score", json=body, headers=bearer(WRITER)) as answer:
        assert answer.status == 200, await answer.text()


async def test_contact_opens_from_the_board_by_keyboard(browser: Browser) -> None:
    world = world_with_keys()
    said = [change("42", n, points=5 * n, before=40, log_id=n + 7) for n in (1, 2, 3)]
    partition = world.partitions.put("42", core(awards=10, total=70), facts("jane@example.com"))
    world.recent.observe(
        partition, 5, {SCORES: [(contact_key("1", "42"), msgspec.json.encode(s), []) for s in said]}, {}
    )
    for one in said:
        world.log.send(one)
    async with at(browser, world, "#/", DEMO) as (page, _):
        await page.get_by_role("link", name="42", exact=True).first.focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Contact 42")).to_be_focused()
        view = page.locator("#view-contact")
        await expect(view).to_contain_text("jane@example.com")
        await expect(view.locator("#contact-score")).to_have_text("70")
        await expect(view.locator("#contact-log li")).to_have_count(3)
        await expect(view).to_contain_text("+40 points from 7 earlier awards")
        await page.get_by_role("button", name="Show older").click()
        await expect(view).to_contain_text("+40 points from 7 earlier awards that are being read.")
        await page.go_back()
        await expect(page.locator("#view-live")).to_be_visible()


async def test_list_is_by_latest_change_and_goes_on(browser: Browser) -> None:
    async with at(browser, world_with_keys(), "#/contacts", WRITER) as (page, client):
        await expect(page.locator("#contacts-none")).to_contain_text("No contact")
        for number in range(1, 30):
            await adjust(client, str(number), number)
        then = time.time_ns() // 1_000_000
        await until(lambda: time.time_ns() // 1_000_000 > then)  # changes of one millisecond have no order
        await adjust(client, "30", 30)
        await page.locator("#contacts-refresh").click()
        rows = page.locator("#contacts tr")
        await expect(rows).to_have_count(25)
        await expect(rows.first.locator("a")).to_have_text("30")
        await expect(rows.first.locator(".score")).to_have_text("30")
        await page.get_by_role("button", name="Show more").click()
        await expect(rows).to_have_count(30)
        await expect(rows.nth(25).locator("a")).to_be_focused()
        await expect(page.get_by_role("button", name="Show more")).to_be_hidden()
        await expect(page.locator("#contacts-end")).to_contain_text("may be missing")  # there were batches before
        await page.get_by_label("Score from").fill("29")
        await page.keyboard.press("Enter")
        await expect(rows).to_have_count(2)
        await page.get_by_label("Score from").fill("many")
        await page.keyboard.press("Enter")
        await expect(page.locator("#contacts-why")).to_contain_text("minScore: a whole number")
        await page.get_by_label("Contact id").fill("7")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Contact 7")).to_be_focused()


async def test_adjusting_shows_the_new_score_and_the_log(browser: Browser) -> None:
    async with at(browser, world_with_keys(), "#/contacts/42", WRITER) as (page, client):
        await expect(page.locator("#contact-why")).to_have_text("There is no such contact.")
        await page.get_by_role("textbox", name="Points").fill("25")
        await page.get_by_label("Reason").fill("Met at the fair")
        await page.keyboard.press("Enter")
        await expect(page.locator("#adjust-done")).to_have_text("+25 points. The score is 25 now.")
        await expect(page.locator("#contact-score")).to_have_text("25")
        await expect(page.locator("#contact-log li")).to_contain_text(["Met at the fair"])
        await expect(page.locator("#contact-why")).to_be_hidden()
        await expect(page.get_by_role("textbox", name="Points")).to_have_value("")
        await adjust(client, "42", -5, "Elsewhere")
        await page.locator("#contact-refresh").click()
        await expect(page.locator("#contact-log li").first).to_contain_text("Elsewhere")
        await expect(page.locator("#contact-score")).to_have_text("20")


async def test_a_change_is_shown_while_the_log_is_read(browser: Browser) -> None:
    world = world_with_keys()
    async with at(browser, world, "#/contacts/42", WRITER) as (page, client):
        for number in range(1, 46):
            await adjust(client, "42", 1, f"Act {number}")
        await page.locator("#contact-refresh").click()
        rows = page.locator("#contact-log li")
        await expect(rows).to_have_count(20)
        await page.get_by_role("button", name="Show older").click()
        await expect(rows).to_have_count(40)
        await expect(page.locator("#contact-earlier")).to_have_text("+5 points from 5 earlier awards.")
        await adjust(client, "42", 2, "Just now")
        world.log.send(change("42", 46, points=2, before=45))
        await expect(rows).to_have_count(41)
        await expect(rows.first).to_contain_text("Just now")
        await expect(page.locator("#contact-earlier")).to_have_text("+5 points from 5 earlier awards.")
        await page.get_by_role("button", name="Show older").click()
        await expect(rows).to_have_count(46)
        await expect(page.locator("#contact-earlier")).to_have_text("Every award is shown.")


async def test_what_is_wrong_stands_at_its_field(browser: Browser) -> None:
    async with at(browser, world_with_keys(), "#/contacts/42", WRITER) as (page, _):
        await page.get_by_role("button", name="Adjust").click()
        await expect(page.locator("#adjust-points-error")).to_have_text("Type a whole number.")
        await expect(page.get_by_role("textbox", name="Points")).to_be_focused()
        await page.get_by_role("textbox", name="Points").fill("2.5")
        await page.keyboard.press("Enter")
        await expect(page.locator("#adjust-points-error")).to_have_text("Type a whole number.")
        await page.get_by_role("textbox", name="Points").fill(str(2**53))
        await page.keyboard.press("Enter")
        await expect(page.locator("#adjust-points-error")).to_have_text("Type a whole number.")
        await page.get_by_role("textbox", name="Points").fill("2")
        await page.get_by_label("Reason").fill("x" * 501)
        await page.keyboard.press("Enter")
        await expect(page.locator("#adjust-points-error")).to_be_empty()
        await expect(page.locator("#adjust-reason-error")).to_contain_text("at most 500 characters")
        await check_accessible(page)
        await page.get_by_role("textbox", name="Points").fill("2")
        await page.get_by_label("Reason").fill("")
        await page.keyboard.press("Enter")
        await expect(page.locator("#adjust-done")).to_contain_text("The score is 2 now.")
        await expect(page.locator("#adjust-points-error")).to_be_empty()


async def test_an_adjustment_of_unknown_outcome_is_sent_again_under_its_key(browser: Browser) -> None:
    world = world_with_keys()
    async with at(browser, world, "#/contacts/42", WRITER) as (page, _):
        keys: list[str] = []
        page.on("request", lambda asked: keys.append(asked.headers.get("idempotency-key", "")))
        world.sender.unsent = Unsent(certain=False)
        await page.get_by_role("textbox", name="Points").fill("10")
        await page.get_by_role("button", name="Adjust").click()
        await expect(page.locator("#adjust-error")).to_contain_text("It is not known whether this was done.")
        await expect(page.locator("#adjust-error")).to_contain_text("acts once")
        await expect(page.get_by_role("textbox", name="Points")).to_have_value("10")
        world.sender.unsent = None
        await page.get_by_role("button", name="Adjust").click()
        await expect(page.locator("#adjust-done")).to_contain_text("The score is 10 now.")
        await page.get_by_role("textbox", name="Points").fill("10")
        await page.get_by_role("button", name="Adjust").click()
        await expect(page.locator("#adjust-done")).to_contain_text("The score is 20 now.")
        first, second, third = [key for key in keys if key]
        assert first == second != third


async def test_an_adjustment_that_waits_is_said(browser: Browser) -> None:
    world = world_with_keys()
    async with at(browser, world, "#/contacts/42", WRITER) as (page, _):
        world.sender.held = []
        await page.get_by_role("textbox", name="Points").fill("10")
        await page.get_by_role("button", name="Adjust").click()
        await expect(page.locator("#adjust-done")).to_contain_text("The log will show it when it is applied.")
        world.sender.release()
        world.log.send(change("42", 1, points=10))
        await expect(page.locator("#contact-score")).to_have_text("10")


async def test_restoring_and_too_many_requests_are_said_where_one_looks(browser: Browser) -> None:
    world = world_with_keys()
    async with at(browser, world, "#/contacts/42", WRITER) as (page, client):
        await adjust(client, "42", 5)
        world.partitions.stores.clear()
        await page.locator("#contact-refresh").click()
        await expect(page.locator("#contact-why")).to_contain_text("Try again in 1 second.")
        await visit(page, "#/contacts")
        await expect(page.locator("#contacts-why")).to_contain_text("Try again in")


async def test_rate_limit_is_said_and_ends_no_session(browser: Browser) -> None:
    world = world_with_keys(LEADSTREAM_RATE_LIMIT_PER_SECOND="4")
    async with at(browser, world, "#/contacts", WRITER) as (page, client):

        async def said(id_: str, words: str) -> bool:
            await asyncio.gather(*(ask_any(client) for _ in range(20)))
            if id_ == "contacts-why":
                await page.locator("#contacts-refresh").click()
            return words in (await page.locator(f"#{id_}").text_content() or "")

        await until(lambda: said("contacts-why", "Too many requests with this key."))
        await world.live.close()
        await until(lambda: said("state-text", "Reconnecting"))
        await expect(page.locator("#state-text")).to_have_text("Live")
        await expect(page.locator("#gate")).to_be_hidden()


async def ask_any(client: Client) -> None:
    async with client.get("/v1/scoring/rules", headers=bearer(WRITER)) as answer:
        assert answer.status in (200, 429)


async def test_a_read_key_sees_no_forms_and_a_lost_scope_is_said(browser: Browser) -> None:
    world = world_with_keys()
    async with at(browser, world, "#/contacts/42", DEMO) as (page, client):
        await adjust(client, "42", 5)
        await page.locator("#contact-refresh").click()
        await expect(page.locator("#contact-score")).to_have_text("5")
        await expect(page.get_by_text("This key may only read")).to_be_visible()
        await expect(page.locator("#adjust")).to_be_hidden()
        await check_accessible(page)
        await page.get_by_role("button", name="Change key").click()
        await page.get_by_label("API key").fill(WRITER)
        await page.keyboard.press("Enter")
        await expect(page.locator("#adjust")).to_be_visible()
        allow(world, read=WRITER)
        await page.get_by_role("textbox", name="Points").fill("10")
        await page.get_by_role("button", name="Adjust").click()
        await expect(page.locator("#adjust-error")).to_contain_text("This key may not do that.")


async def test_a_revoked_key_ends_at_the_gate(browser: Browser) -> None:
    world = world_with_keys()
    async with at(browser, world, "#/contacts", WRITER) as (page, _):
        allow(world)
        await expect(page.get_by_role("alert").filter(has_text="This key is not valid.")).to_be_visible()
        assert await page.evaluate("sessionStorage.length") == 0


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (380, "dark")])
async def test_views_are_accessible_and_fit(browser: Browser, width: int, scheme: Scheme) -> None:
    async with at(browser, world_with_keys(), "#/contacts", WRITER, width=width, scheme=scheme) as (page, client):
        long = "someone-with-a-very-long-identifier." * 3
        for contact in ("42", long):
            await adjust(client, contact, 12_345, "A reason that goes on and on, " * 8)
        await page.locator("#contacts-refresh").click()
        await expect(page.locator("#contacts tr")).to_have_count(2)
        await picture(page, f"contacts-{width}-{scheme}")
        await check_accessible(page)
        await check_fits(page)
        await page.get_by_role("link", name=long).click()
        await expect(page.locator("#contact-log li")).to_have_count(1)
        await picture(page, f"contact-{width}-{scheme}")
        await check_accessible(page)
        await check_fits(page)
