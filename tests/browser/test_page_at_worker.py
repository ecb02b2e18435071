"""The page at a real worker with a real broker: a rule is added, an event moves a score, the log shows why."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.page_kit import check_accessible, page_of, picture, visit
from tests.conftest import Broker
from tests.connected.leadstream_process import KEY, Leadstream, run
from tests.connected.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def settings(broker: Broker, scratch_prefix: str) -> dict[str, object]:
    own: dict[str, object] = {
        "BOOTSTRAP_SERVERS": broker.bootstrap, "PREFIX": scratch_prefix, "APP_ID": scratch_prefix, "PARTITIONS": 2,
    }  # fmt: skip
    done = run("topics", "apply", "--yes", settings=own)
    assert done.returncode == 0, done.stderr
    return own


async def happens(worker: Leadstream, event_id: str) -> None:
    event: dict[str, Any] = {
        "eventId": event_id, "contactId": "77", "type": "page_visit", "properties": {"url": "/pricing"},
    }  # fmt: skip
    status, body = await asyncio.to_thread(worker.ask, "POST", "/v1/events?orgId=1", event)
    assert status == 202, body


async def test_rule_event_score_log_adjustment_and_deletion(
    browser: Browser, settings: dict[str, object], tmp_path: Path
) -> None:
    with Leadstream(tmp_path, "worker", **settings) as worker:
        await asyncio.to_thread(worker.until_ready)
        async with page_of(browser) as page:
            await page.goto(f"http://127.0.0.1:{worker.port}/#key={KEY}&org=1")
            await expect(page.locator("#state-text")).to_have_text("Live")
            await add_rule(page)
            await happens(worker, "first")
            await see_it_move(page)
            await adjust(page)
            await page.get_by_role("link", name="Rule: Asked for prices").first.click()
            await page.get_by_role("textbox", name="Points").fill("40")
            await page.get_by_role("button", name="Save").click()
            await expect(page.locator("#rule-done")).to_contain_text("Saved. It holds for every event")
            await page.go_back()
            await happens(worker, "second")
            await expect(page.locator("#contact-score")).to_have_text("70")
            await expect(page.locator("#contact-log li").first).to_contain_text("+40")
            await picture(page, "worker-contact")
            await listed_and_deleted(page)


async def add_rule(page: Page) -> None:
    await page.get_by_role("link", name="Rules", exact=True).click()
    await page.get_by_role("link", name="Add a rule").click()
    await page.get_by_label("Name", exact=True).fill("Asked for prices")
    await page.get_by_label("Type of event").fill("page_visit")
    await page.get_by_role("textbox", name="Points").fill("25")
    await page.get_by_role("button", name="Add a condition").click()
    await page.locator("#rule-eventFilter").get_by_label("Property").fill("url")
    await page.locator("#rule-eventFilter").get_by_label("Value").fill("/pricing")
    await page.get_by_role("button", name="Add rule").click()
    await expect(page.locator("#rule-done")).to_contain_text("Added. It holds for every event")


async def see_it_move(page: Page) -> None:
    await page.get_by_role("link", name="Live", exact=True).click()
    row = page.locator("#rows tr[data-name^='77']")
    await expect(row.locator(".score")).to_have_text("25")
    await row.get_by_role("link", name="77").click()
    await expect(page.locator("#contact-score")).to_have_text("25")
    await expect(page.locator("#contact-log li")).to_contain_text(["Rule: Asked for prices"])
    await check_accessible(page)


async def adjust(page: Page) -> None:
    await page.get_by_role("textbox", name="Points").fill("5")
    await page.get_by_label("Reason").fill("Called back")
    await page.get_by_role("button", name="Adjust").click()
    await expect(page.locator("#adjust-done")).to_have_text("+5 points. The score is 30 now.")
    await expect(page.locator("#contact-log li").first).to_contain_text("Called back")


async def counted(page: Page, fires: str) -> bool:
    """Tell whether a fresh list shows so many fires; the worker keeps a count for some seconds."""
    await page.locator("#rules-refresh").click()
    return await page.locator("#rules tr [data-label=fired]").all_text_contents() == [fires]


async def listed_and_deleted(page: Page) -> None:
    await page.get_by_role("link", name="Contacts", exact=True).first.click()
    await expect(page.locator("#contacts tr")).to_contain_text(["77"])
    await visit(page, "#/rules")
    await until(lambda: counted(page, "2"))
    await page.get_by_role("link", name="Asked for prices").click()
    await page.get_by_role("button", name="Delete", exact=True).click()
    await page.get_by_role("button", name="Delete the rule").click()
    await expect(page.locator("#rules-done")).to_contain_text("is deleted")
    await expect(page.locator("#rules-none")).to_be_visible()
    await visit(page, "#/contacts/77")
    await expect(page.locator("#contact-log li")).to_have_count(3)
    await expect(page.locator("#contact-log a")).to_have_count(0)
    await expect(page.locator("#contact-score")).to_have_text("70")
