"""*À traiter* as a collaborator uses it, and what is put there."""

from __future__ import annotations

import uuid

import httpx
from playwright.async_api import Locator, Page, expect

from .eventually import eventually
from .people import Person
from .running import RunningStack
from .samples import Sample, invoice
from .tus import Deposit


def word() -> str:
    """A word that no other test's documents have in their names."""
    return f"lot{uuid.uuid4().hex[:8]}"


async def secured(depositor: Person, label: str, *, folder: str = "comptable") -> tuple[str, Sample]:
    """A deposit that lies in the GED: its id, and the file."""
    sample = invoice(label)
    document = await depositor.tus.deposit(sample, to=Deposit(folder=folder))
    await eventually(lambda: depositor.portal.archived(document), within=30)
    return document, sample


async def window(page: Page) -> Page:
    """Another person's window in the same browser."""
    assert page.context.browser is not None
    context = await page.context.browser.new_context(locale="fr-FR", timezone_id="Europe/Paris", accept_downloads=True)
    opened = await context.new_page()
    opened.set_default_timeout(30_000)
    return opened


class Inbox:
    """The page of one collaborator."""

    def __init__(self, page: Page, stack: RunningStack) -> None:
        self.page = page
        self._portal = stack.endpoints["portal"]
        self.selection = page.get_by_role("group", name="Sélection")
        self.reasons = page.get_by_role("dialog", name="À revoir")
        self.refused = page.get_by_role("dialog", name="traité")

    async def open(self, query: str = "") -> None:
        """Go to the page, showing what has these words in its name."""
        await self.page.goto(f"{self._portal}/a-traiter{f'?q={query}' if query else ''}")
        await expect(self.page.get_by_role("heading", level=1, name="À traiter")).to_be_visible()

    def row(self, name: str) -> Locator:
        """A document's row."""
        return self.page.get_by_role("listitem").filter(has=self.page.get_by_role("link", name=name, exact=True))

    def link(self, name: str) -> Locator:
        """A document's name, where the keys put the focus."""
        return self.page.get_by_role("link", name=name, exact=True)

    async def take(self, name: str) -> None:
        """Press *Prendre en charge* in a row."""
        await self.row(name).get_by_role("button", name="Prendre en charge").click()

    async def send_back(self, name: str, reason: str, text: str = "") -> None:
        """Press *À revoir* in a row, and say why."""
        await self.row(name).get_by_role("button", name="À revoir").click()
        await self.reasons.get_by_role("radio", name=reason).check()
        if text:
            await self.reasons.get_by_role("textbox").fill(text)
        await self.reasons.get_by_role("button", name="Demander au client").click()

    async def said(self, text: str) -> None:
        """Wait for a short message."""
        await expect(self.page.get_by_role("status").filter(has_text=text).first).to_be_visible()


class Colleague:
    """Another collaborator, at work elsewhere."""

    def __init__(self, http: httpx.AsyncClient, *, base: str, token: str) -> None:
        self._http = http
        self._base = base
        self._headers = {"Authorization": f"Bearer {token}"}

    async def take(self, document: str) -> None:
        """Take a document in charge."""
        answer = await self._http.post(f"{self._base}/api/documents/{document}/take", headers=self._headers)
        answer.raise_for_status()
