"""What tests of the page share: a browser, pages that fail on script errors, keys, pictures, axe.

Chromium comes from the system (Debian: ``apt-get install chromium``, or CHROMIUM names it); without one these tests
fail, they never skip.  LEADSTREAM_SCREENSHOTS names a folder to keep pictures in.
"""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Browser, Page, async_playwright, expect

from stream_app.authoring.api_keys import KeyRing
from tests.unit.web_client import Client, serving
from tests.unit.web_fakes import DEMO, World, api_key

AXE = Path(__file__).with_name("axe.min.js")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-quic",
]  # fmt: skip
FINISHED = """Promise.allSettled(document.getAnimations()
    .filter((a) => a.effect.getTiming().iterations !== Infinity).map((a) => a.finished))"""
PATIENCE_MS = 30_000
WRITER, ADMIN = "ls_writer_secret", "ls_admin_secret"
Scheme = Literal["light", "dark"]


@asynccontextmanager
async def a_browser() -> AsyncIterator[Browser]:
    """Start a headless Chromium."""
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert executable, "no chromium: apt-get install chromium, or set CHROMIUM to its path"
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        await browser.close()


@asynccontextmanager
async def page_of(browser: Browser, *, width: int = 1280, scheme: Scheme = "light") -> AsyncIterator[Page]:
    """Open a page that fails the test on any script error or policy violation."""
    context = await browser.new_context(
        viewport={"width": width, "height": 860}, color_scheme=scheme, timezone_id="Europe/Berlin"
    )
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if "Content Security" in line.text else None)
    yield page
    await context.close()
    assert errors == []


def world_with_keys(**variables: str) -> World:
    """Return a world whose org 1 has a key of each scope."""
    world = World(variables=variables)
    allow(world, write=WRITER, admin=ADMIN)
    return world


def allow(world: World, **scopes: str) -> None:
    """Put these keys of org 1 in force, beside the read key, and no others."""
    scoped: dict[Any, str] = {"read": DEMO, **scopes}
    world.api_keys.known = KeyRing(api_key(text, "1", scope) for scope, text in scoped.items())


async def sign_in(page: Page, url: str, key: str = DEMO) -> None:
    await page.goto(f"{url}/#key={key}")
    await expect(page.locator("#state-text")).to_have_text("Live")


async def visit(page: Page, view: str) -> None:
    """Go to a view by its address, as a link would."""
    await page.evaluate("(hash) => { location.hash = hash; }", view)


@asynccontextmanager
async def at(
    browser: Browser, world: World, view: str, key: str = ADMIN, *, width: int = 1280, scheme: Scheme = "light",
    before: Callable[[Client], Awaitable[None]] | None = None,
) -> AsyncIterator[tuple[Page, Client]]:  # fmt: skip
    """Open a page that is signed in and shows a view; what is done ``before`` comes before the sign-in."""
    async with serving(world) as client, page_of(browser, width=width, scheme=scheme) as page:
        if before is not None:
            await before(client)
        await sign_in(page, str(client.make_url("")), key)
        await visit(page, view)
        yield page, client


async def picture(page: Page, name: str) -> None:
    folder = os.environ.get("LEADSTREAM_SCREENSHOTS")
    if folder:
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


async def check_accessible(page: Page) -> None:
    """Run axe-core (all its WCAG 2 A and AA rules and best practices); it runs outside the page's policy."""
    await page.evaluate(FINISHED)
    await page.evaluate(AXE.read_text())
    found: dict[str, Any] = await page.evaluate("axe.run({ resultTypes: ['violations'] })")
    assert [
        (v["id"], [n["html"] for n in v["nodes"]], v["nodes"][0]["failureSummary"]) for v in found["violations"]
    ] == []


async def check_fits(page: Page) -> None:
    """Nothing makes the page scroll sideways."""
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
