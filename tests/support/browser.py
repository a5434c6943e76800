"""Chromium, driven as a person drives it."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Dialog, Page, async_playwright, expect

from .nodejs import FOLDER
from .running import RunningStack

RESULTS = Path(__file__).parents[2] / "test-results"
# What just opened, or the colours of another scheme, come with the next frame, some of them gradually.
_SETTLED = """() => new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)))
  .then(() => Promise.allSettled(document.getAnimations().map((each) => each.finished)))"""
_FLAGS = ("--no-sandbox", "--disable-background-networking", "--disable-quic")


@asynccontextmanager
async def opened() -> AsyncIterator[Page]:
    """A page in a fresh profile, in French."""
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
        context = await browser.new_context(locale="fr-FR", timezone_id="Europe/Paris", accept_downloads=True)
        page = await context.new_page()
        page.set_default_timeout(30_000)
        yield page
        await browser.close()


async def sign_in(page: Page, stack: RunningStack, sub: str) -> None:
    """Sign in by click as a person of the demo directory; the page is then the one they start on."""
    await page.goto(stack.endpoints["portal"])
    await page.get_by_role("button", name=sub, exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_be_visible()


class Questions:
    """Whether the browser asked before it left the page. Each time, the person stays."""

    def __init__(self, page: Page) -> None:
        self.asked = 0
        self.stay = True
        page.on("dialog", self._answer)

    async def _answer(self, question: Dialog) -> None:
        self.asked += 1
        await (question.dismiss() if self.stay else question.accept())


async def screens(page: Page, name: str) -> None:
    """What a person sees on a phone, a tablet and a computer: `test-results/screens/<name>-<width>.png`."""
    folder = RESULTS / "screens"
    folder.mkdir(parents=True, exist_ok=True)
    before = page.viewport_size
    for width, height in ((360, 740), (768, 1024), (1280, 800)):
        await page.set_viewport_size({"width": width, "height": height})
        await page.screenshot(path=folder / f"{name}-{width}.png")
    if before:
        await page.set_viewport_size(before)


async def keep_evidence(page: Page, test: str) -> None:
    """A screenshot of what the person saw last, under `test-results/`."""
    RESULTS.mkdir(exist_ok=True)
    await page.screenshot(path=RESULTS / f"{re.sub(r'[^a-z0-9]+', '-', test.lower())}.png", full_page=True)


async def accessibility_faults(page: Page) -> list[str]:
    """What axe finds wrong, and finds again a second later: WCAG 2.2 A and AA, each with where and why.

    On a busy machine a colour may still be on its way when nothing moves any more.
    """
    await page.evaluate((FOLDER / "node_modules" / "axe-core" / "axe.min.js").read_text())
    await page.evaluate(_SETTLED)
    if not await _faults(page):
        return []
    await page.wait_for_timeout(1_000)
    return await _faults(page)


async def _faults(page: Page) -> list[str]:
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    found: dict[str, Any] = await page.evaluate("rules => axe.run(document, rules)", rules)
    return [
        f"{fault['id']}: {node['target']}: {node['failureSummary']}"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]
