"""Several profiles in a real browser: which one a list, a contact and a log show is chosen there (S30, S35)."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, expect

from stream_app.authoring.config_log import AuthoredKey
from stream_app.authoring.edits import Act, Create, Done
from stream_app.scoring.rulebook import EMPTY_RULEBOOK, fold
from tests.browser import page_kit
from tests.browser.page_kit import (
    WRITER,
    Scheme,
    check_accessible,
    check_fits,
    picture,
    visit,
    world_with_keys,
)
from tests.connected.waiting import until
from tests.unit.web_client import Client
from tests.unit.web_fakes import DEMO, World, bearer

pytestmark = pytest.mark.asyncio(loop_scope="module")

MANUAL: dict[str, Any] = {"name": "Spoken to", "eventType": "manual", "points": 3}


async def world_with_profiles() -> World:
    """An org with `default`, `fit` ("Fit"), `overall` of both, and a draft."""
    world = world_with_keys()
    bodies: dict[str, dict[str, Any]] = {
        "fit": {"name": "Fit", "rules": [MANUAL]}, "later": {"name": "Later"},
        "overall": {"name": "Overall", "formula": {"average": ["default", "fit"]}},
    }  # fmt: skip
    for profile_id, body in bodies.items():
        made = await world.config.apply(Create(kind="profile", org_id="1", fields={"id": profile_id, **body}))
        assert isinstance(made, Done), made
        if profile_id != "later":
            acted = await world.config.apply(Act(key=AuthoredKey("profile", "1", profile_id), action="publish"))
            assert isinstance(acted, Done), acted
    world.sender.rulebooks.book = fold(EMPTY_RULEBOOK, world.config.records).rulebook
    return world


def at(
    browser: Browser, world: World, view: str, key: str = WRITER, *, width: int = 1280, scheme: Scheme = "light"
) -> AbstractAsyncContextManager[tuple[Page, Client]]:
    """A page that is signed in and shows a view of two contacts, who were given points in the profiles there are."""

    async def give_points(client: Client) -> None:
        for contact, profile, points in (("42", "default", 60), ("42", "fit", 25), ("7", "default", 5)):
            if profile != "default" and world.config.records == []:
                continue
            body = {"points": points, "reason": f"For {profile}", "profileId": profile}
            async with client.post(f"/v1/contacts/{contact}/score", json=body, headers=bearer(WRITER)) as answer:
                assert answer.status == 200, await answer.text()
            then = time.time_ns() // 1_000_000
            await until(lambda then=then: time.time_ns() // 1_000_000 > then)  # those of one moment have no order

    return page_kit.at(browser, world, view, key, width=width, scheme=scheme, before=give_points)


async def test_a_list_is_of_the_profile_that_is_chosen_and_leads_to_its_log(browser: Browser) -> None:
    async with at(browser, await world_with_profiles(), "#/contacts", DEMO) as (page, _):
        choice, scores = page.locator("#contacts-profile"), page.locator("#contacts .score")
        await expect(choice.locator("option")).to_have_text(["Lead score", "Fit", "Overall"])
        await expect(scores).to_have_text(["5", "60"])
        await choice.focus()
        await choice.select_option("Fit")
        await expect(scores).to_have_text(["3", "31"])  # the rule pays for every adjustment, of whichever profile
        await expect(choice).to_be_focused()
        assert page.url.endswith("#/contacts?profile=fit")
        await page.get_by_label("Score from").fill("20")
        await page.keyboard.press("Enter")
        await expect(scores).to_have_text(["31"])
        await page.reload()
        await expect(choice).to_have_value("fit")
        await page.locator("#contacts").get_by_role("link", name="42").click()
        await expect(page.locator("#contact-profile")).to_have_value("fit")
        await expect(page.locator("#contact-score")).to_have_text("31")
        await expect(page.locator("#contact-log li")).to_have_count(3)
        await page.get_by_role("link", name="Contacts").nth(1).click()
        await expect(choice).to_have_value("fit")
        await page.go_back()
        await page.go_back()
        await page.go_back()
        await expect(choice).to_have_value("default")
        await expect(scores).to_have_text(["5", "60"])


async def test_a_contacts_score_log_and_adjustment_are_of_the_profile_that_is_chosen(browser: Browser) -> None:
    async with at(browser, await world_with_profiles(), "#/contacts/42") as (page, _):
        choice, log, score = (page.locator(f"#contact-{part}") for part in ("profile", "log", "score"))
        await expect(score).to_have_text("60")
        await expect(log).to_contain_text("For default")
        await choice.select_option("Fit")
        await expect(score).to_have_text("31")
        await expect(log).to_contain_text("For fit")
        await expect(log).not_to_contain_text("For default")
        assert page.url.endswith("#/contacts/42/fit")
        await page.get_by_role("textbox", name="Points").fill("10")
        await page.keyboard.press("Enter")
        await expect(page.locator("#adjust-done")).to_have_text("+10 points. The score is 44 now.")
        await choice.select_option("Overall")
        await expect(score).to_have_text("52")
        await expect(page.locator("#contact-earlier")).to_have_text(
            "This score is made of others: their logs have the awards."
        )
        await expect(page.locator("#adjust")).to_be_hidden()
        await expect(page.get_by_text("made of others, so it cannot be adjusted")).to_be_visible()
        await page.go_back()
        await expect(score).to_have_text("44")
        await expect(page.locator("#adjust")).to_be_visible()


async def test_a_list_that_cannot_be_read_shows_none_of_the_profile_before(browser: Browser) -> None:
    async with at(browser, await world_with_profiles(), "#/contacts") as (page, _):
        rows = page.locator("#contacts tr")
        await expect(rows).to_have_count(2)
        await page.route("**/contacts?*profileId=fit*", lambda route: route.abort())
        await page.locator("#contacts-profile").select_option("Fit")
        await expect(page.locator("#contacts-why")).to_be_visible()
        await expect(rows).to_have_count(0)
        await page.locator("#contacts-profile").select_option("Overall")
        await expect(rows).to_have_count(2)
        await expect(page.locator("#contacts-why")).to_be_hidden()


async def test_an_adjustment_that_is_answered_late_says_nothing_of_another_profile(browser: Browser) -> None:
    async with at(browser, await world_with_profiles(), "#/contacts/42") as (page, _):
        points, done, sent = page.get_by_role("textbox", name="Points"), page.locator("#adjust-done"), asyncio.Event()

        async def late(route: Route) -> None:
            if route.request.method == "POST":
                await sent.wait()
            await route.continue_()

        await page.route("**/contacts/42/score*", late)
        await points.fill("10")
        await page.keyboard.press("Enter")
        await page.locator("#contact-profile").select_option("Fit")
        await expect(page.locator("#contact-score")).to_have_text("31")
        await points.fill("7")
        await expect(page.get_by_role("button", name="Adjust")).to_be_disabled()
        sent.set()
        await expect(page.get_by_role("button", name="Adjust")).to_be_enabled()
        await expect(points).to_have_value("7")
        await expect(done).to_be_hidden()


async def test_an_org_with_one_score_is_asked_nothing_and_an_address_is_believed(browser: Browser) -> None:
    async with at(browser, world_with_keys(), "#/contacts", DEMO) as (page, _):
        await expect(page.locator("#contacts tr")).to_have_count(2)
        await expect(page.locator("#contacts-profile")).to_be_hidden()
        await visit(page, "#/contacts/42/gone")
        await expect(page.locator("#contact-profile")).to_have_value("gone")
        await expect(page.locator("#contact-profile")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (380, "dark")])
async def test_the_choice_is_accessible_and_fits(browser: Browser, width: int, scheme: Scheme) -> None:
    async with at(browser, await world_with_profiles(), "#/contacts?profile=overall", width=width, scheme=scheme) as (
        page, _,
    ):  # fmt: skip
        await expect(page.locator("#contacts-profile")).to_have_value("overall")
        await expect(page.locator("#contacts tr")).to_have_count(2)
        await picture(page, f"profiles-contacts-{width}-{scheme}")
        await check_accessible(page)
        await check_fits(page)
        await page.locator("#contacts").get_by_role("link", name="42").click()
        await expect(page.locator("#contact-score")).to_have_text("46")
        await picture(page, f"profiles-contact-{width}-{scheme}")
        await check_accessible(page)
        await check_fits(page)
