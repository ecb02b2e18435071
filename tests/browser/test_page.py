"""The live view in a real browser: it moves, says how it is, and everyone can use it."""

import asyncio
from dataclasses import replace

import pytest
from playwright.async_api import Browser, expect

from schemas.ids import contact_key
from schemas.outputs import Award
from tests.browser.page_kit import Scheme, check_accessible, check_fits, page_of, picture, sign_in
from tests.unit.web_client import serving
from tests.unit.web_fakes import DEMO, ROOT, SCORES, World, change, crossing, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

RULES = [
    (1, "Email opened", 5), (2, "Link clicked", 10), (4, "Clicked pricing page", 15), (6, "Complained", -50),
    (7, "Asked for a demo", 30), (3, "Email delivered", 1),
]  # fmt: skip


class Traffic:
    """Plays a plausible morning: contacts, rules, crossings of 50 and 100."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.scores: dict[str, tuple[int, int]] = {}

    def act(self, contact: str, *rules: int) -> None:
        before, version = self.scores.get(contact, (0, 0))
        awards = [Award(version + n, *RULES[rule], f"Rule: {RULES[rule][1]}") for n, rule in enumerate(rules, 1)]
        delta = sum(award.points for award in awards)
        said = change(contact, version + 1, points=delta, before=before, awards=awards, id=f"{contact}/{version}")
        self.scores[contact] = (before + delta, version + 1)
        self.world.log.send(said)
        for threshold in (50, 100):
            if min(before, before + delta) < threshold <= max(before, before + delta):
                self.world.log.send(crossing(said, threshold))

    def morning(self, steps: int = 90) -> None:
        for step in range(steps):
            nth = (step * 7) % 13
            contact = ["42", "1007", "lena.marsh", "88213", "acme-cfo", "5120", "j.ortiz"][nth % 7]
            self.act(contact, *([4, 1] if step % 11 == 5 else [3] if step % 29 == 28 else [[0, 1, 2, 5][step % 4]]))


async def test_scores_move_as_they_change(browser: Browser) -> None:
    world = World()
    async with serving(world) as client, page_of(browser) as page:
        await sign_in(page, str(client.make_url("")))
        await expect(page.locator("#empty-title")).to_have_text("No score has changed yet")
        traffic = Traffic(world)
        traffic.act("42", 0)
        traffic.act("7", 4)
        rows = page.locator("#rows tr")
        await expect(rows).to_have_count(2)
        traffic.act("42", 4, 2)
        first = page.locator("#rows tr[data-name^='42']")
        await expect(first.locator(".score")).to_have_text("50")
        await expect(rows.first).to_contain_text("42")
        await expect(first).to_contain_text("+45")
        await expect(first).to_contain_text("Asked for a demo and Clicked pricing page")
        await expect(first.get_by_label("crossed 50 up")).to_be_visible()
        await expect(page.locator("#crossings")).to_contain_text("5 → 50")
        traffic.act("42", 3)
        await expect(first.locator(".score")).to_have_text("0")
        await expect(first).to_contain_text("\N{MINUS SIGN}50")
        world.log.add(SCORES, contact_key("1", "42"), None)
        await expect(rows).to_have_count(1)


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (1280, "dark"), (380, "light"), (380, "dark"), (800, "light")]
)
async def test_page_is_accessible_and_fits(browser: Browser, width: int, scheme: Scheme) -> None:
    world = World()
    world.partitions.status[1] = replace(running(1, lag=1240), phase="restoring", why="41,200 of 96,000 records")
    world.partitions.status[3] = replace(running(3), phase="stopped", why="leadstream.engagement-3 at 1042 raised")
    async with serving(world) as client, page_of(browser, width=width, scheme=scheme) as page:
        await page.goto(str(client.make_url("/")))
        await expect(page.locator("#key")).to_be_focused()
        await picture(page, f"key-{width}-{scheme}")
        await check_accessible(page)
        traffic = Traffic(world)
        traffic.morning()
        await sign_in(page, str(client.make_url("")))
        traffic.morning(20)
        await expect(page.locator("#rows tr")).to_have_count(7)
        await expect(page.locator("#partitions li")).to_have_count(4)
        await picture(page, f"board-{width}-{scheme}")
        await check_accessible(page)
        await check_fits(page)


async def test_key_leaves_the_address_and_stays_in_this_tab(browser: Browser) -> None:
    async with serving(World()) as client, page_of(browser) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await sign_in(page, str(client.make_url("")))
        assert "#" not in page.url
        assert not any(DEMO in url for url in asked)
        await page.reload()
        await expect(page.locator("#state-text")).to_have_text("Live")
        await page.get_by_role("button", name="Change key").click()
        await expect(page.locator("#key")).to_be_focused()
        assert await page.evaluate("sessionStorage.length") == 0


async def test_wrong_key_is_refused_and_a_right_one_works(browser: Browser) -> None:
    async with serving(World()) as client, page_of(browser) as page:
        await page.goto(str(client.make_url("/")))
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert").filter(has_text="Enter a key first.")).to_be_visible()
        await page.keyboard.type("ls_demo_wrong")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert").filter(has_text="This key is not valid.")).to_be_visible()
        await expect(page.locator("#state-text")).to_have_text("Not authorised")
        await picture(page, "refused")
        await page.get_by_text("Using the root key?").click()
        await page.get_by_label("Org", exact=True).fill("1")
        await page.get_by_label("API key").fill(ROOT)
        await page.get_by_role("button", name="Show scores").click()
        await expect(page.locator("#state-text")).to_have_text("Live")


async def test_outage_is_said_and_ends(browser: Browser) -> None:
    world = World()
    async with serving(world) as client, page_of(browser) as page:
        await sign_in(page, str(client.make_url("")))
        world.log.broken = True
        await expect(page.locator("#state-text")).to_have_text("Waiting for Kafka")
        await expect(page.locator("#banner")).to_be_visible()
        await picture(page, "outage")
        world.log.send(change("42", 1))
        world.log.broken = False
        await expect(page.locator("#state-text")).to_have_text("Live")
        await expect(page.locator("#banner")).to_be_hidden()
        await expect(page.locator("#rows tr")).to_have_count(1)


async def test_broken_connection_resumes_without_a_gap(browser: Browser) -> None:
    world = World()
    async with serving(world) as client, page_of(browser) as page:
        await sign_in(page, str(client.make_url("")))
        world.log.send(change("42", 1))
        await expect(page.locator("#rows tr")).to_have_count(1)
        await world.live.close()
        world.log.send(change("42", 2, before=5))
        await expect(page.locator("#rows .score")).to_have_text("10")
        await expect(page.locator("#seen")).to_have_text("2")


async def test_pause_find_and_text_that_looks_like_html(browser: Browser) -> None:
    world = World()
    nasty = "<img src=x onerror=alert(1)>"
    async with serving(world) as client, page_of(browser) as page:
        await sign_in(page, str(client.make_url("")))
        world.log.send(change(nasty, 1))
        await expect(page.get_by_role("link", name=nasty, exact=True)).to_be_visible()
        assert await page.locator("#rows img").count() == 0
        await page.get_by_role("button", name="Pause").click()
        world.log.send(change("42", 1))
        await expect(page.locator("#seen")).to_have_text("2")
        await expect(page.locator("#rows tr")).to_have_count(1)
        await page.get_by_role("button", name="Resume").click()
        await expect(page.locator("#rows tr")).to_have_count(2)
        await page.get_by_label("Find a contact").fill("none such")
        await expect(page.locator("#empty-title")).to_have_text("No such contact among the latest")
        await page.get_by_label("Find a contact").fill("42")
        await expect(page.locator("#rows tr")).to_have_count(1)


async def test_busy_stream_keeps_up(browser: Browser) -> None:
    world = World()
    async with serving(world) as client, page_of(browser) as page:
        await sign_in(page, str(client.make_url("")))
        for version in range(1, 3001):
            world.log.send(change(f"c{version % 150}", 1 + version // 150, id=str(version)))
            if version % 100 == 0:
                await asyncio.sleep(0)
        await expect(page.locator("#seen")).to_have_text("3K")
        await expect(page.locator("#rows tr")).to_have_count(100)
