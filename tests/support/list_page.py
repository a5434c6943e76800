"""*Mes documents* as tests use it: documents in each state, and their rows on the page."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from contracts.envelope import Envelope
from playwright.async_api import Locator, Page

from .catalog import Scene, archived


def deposits(scene: Scene, *names: str, folder: str = "comptable") -> list[Envelope]:
    """Deposits of the last days, the first the newest."""
    now = datetime.now(UTC)
    return [
        scene.announced(
            name=name, folder=folder, deposited_at=now - timedelta(hours=number), size=40_000 * (number + 1)
        )
        for number, name in enumerate(names)
    ]


async def secured(scene: Scene, made: Sequence[Envelope]) -> None:
    """They are shown, and lie in the GED."""
    await scene.tell(*made, *map(archived, made))
    async with scene.browser("client") as http:
        for each in made:
            await scene.shown(http, each, "archived")


async def decided(scene: Scene, made: Envelope, *events: Envelope, state: str) -> None:
    """Tell what was decided, and wait until it is shown."""
    await scene.tell(*events)
    async with scene.browser("client") as http:
        await scene.shown(http, made, state)


def row(page: Page, name: str) -> Locator:
    """A document's row."""
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def names(page: Page) -> Locator:
    """What is listed, in its order."""
    return page.locator("#rows .filename")


async def zipped(path: Path) -> list[str]:
    """The names in a zip that is whole."""
    content = await asyncio.to_thread(path.read_bytes)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return sorted(archive.namelist())
