"""The dialog *Transférer des documents* as a person uses it, and what goes over the line meanwhile."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

import httpx
from playwright.async_api import Locator, Page, Request, Response, expect

from .eventually import eventually
from .samples import Sample

# What the browser has of each file for a reload: what is known of it, which it writes twice a second, and its bytes.
_KEPT = """() => new Promise((resolve) => {
  const opening = indexedDB.open("uppy-blobs");
  opening.onsuccess = () => {
    const asking = opening.result.transaction(["metadata", "files"]);
    const states = asking.objectStore("metadata").getAll();
    const blobs = asking.objectStore("files").getAll();
    asking.oncomplete = () => {
      opening.result.close();
      const files = states.result.flatMap(({ metadata }) => Object.values(JSON.parse(metadata).files));
      const bytes = new Set(blobs.result.map(({ fileID }) => fileID));
      resolve(files.map(({ id, meta, tus }) => ({
        name: meta.filename,
        alert: meta.alert,
        whole: bytes.has(id),
        started: Boolean(meta.deposit),
        placed: Boolean(tus?.uploadUrl),
      })));
    };
  };
})"""
_RECEIVED = re.compile(r"^connect_upload_received_bytes_total (\S+)$", re.MULTILINE)


class Transfer:
    """The dialog in one page."""

    def __init__(self, page: Page, *, files: Path) -> None:
        """`files` is the folder of the person's files."""
        self._page = page
        self._files = files
        self.dialog = page.get_by_role("dialog", name="Transférer des documents")

    async def open(self) -> None:
        """Press the page's button."""
        await self._page.get_by_role("button", name="Transférer des documents").first.click()
        await expect(self.dialog).to_be_visible()

    async def choose(self, *samples: Sample) -> None:
        """Choose files, and wait until they were looked at."""
        await self._page.set_input_files("#transfer-files", [await self._saved(sample) for sample in samples])
        await expect(self.row(samples[-1])).to_be_visible()
        preparing = self.dialog.get_by_text("Préparation…").filter(visible=True)
        await expect(preparing).to_have_count(0, timeout=30_000)

    async def start(self) -> None:
        """Press TOUT TRANSFÉRER."""
        await self.dialog.get_by_role("button", name="TOUT TRANSFÉRER").click()

    async def send(self, *samples: Sample) -> None:
        """Open, choose and start."""
        await self.open()
        await self.choose(*samples)
        await self.start()

    def row(self, sample: Sample) -> Locator:
        """A file's row."""
        return self.dialog.get_by_role("row").filter(has_text=sample.name)

    async def shows(self, sample: Sample, status: str, *, within: float = 30.0) -> None:
        """Wait until a file's row says so. Seconds."""
        await expect(self.row(sample).get_by_text(status, exact=True)).to_be_visible(timeout=within * 1000)

    async def is_kept(self, sample: Sample, *, alert: str = "") -> None:
        """Wait until the browser keeps a file for a reload, and the contacts to alert with it."""
        await self._is_kept_as(name=sample.name, alert=alert, whole=True)

    async def is_kept_started(self, sample: Sample, *, placed: bool) -> None:
        """Wait until the browser keeps that a file was started, and where the intake has it, if that is known yet."""
        await self._is_kept_as(name=sample.name, started=True, placed=placed)

    async def has_no_bytes(self, sample: Sample) -> None:
        """Wait until the browser no longer keeps a file's bytes."""
        await self._is_kept_as(name=sample.name, whole=False)

    async def is_let_go(self) -> None:
        """Wait until the browser knows nothing any more of files whose bytes it has dropped."""

        async def let_go() -> bool:
            return all(file["whole"] for file in await self._page.evaluate(_KEPT))

        await eventually(let_go)

    async def choose_again(self, sample: Sample) -> None:
        """Choose a file anew for the row of its name."""
        async with self._page.expect_file_chooser() as choosing:
            await self.dialog.get_by_role("button", name=f"Choisir le fichier {sample.name}").click()
        await (await choosing.value).set_files(await self._saved(sample))

    async def is_past(self, sample: Sample, percent: int) -> None:
        """Wait until so much of a file was sent, and not all."""
        bar = self.row(sample).get_by_role("progressbar")
        await self._page.wait_for_function(
            "([bar, percent]) => bar.value >= percent && bar.value < 100", arg=[await bar.element_handle(), percent]
        )

    async def _is_kept_as(self, **known: object) -> None:
        async def kept() -> bool:
            return any(known.items() <= file.items() for file in await self._page.evaluate(_KEPT))

        await eventually(kept)

    async def _saved(self, sample: Sample) -> Path:
        path = self._files / sample.name
        await asyncio.to_thread(path.write_bytes, sample.content)
        return path


async def slow_down(page: Page, *, bytes_per_second: int) -> None:
    """A rural line, until the page goes offline and back."""
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
    await session.send("Network.emulateNetworkConditions", conditions)


class Traffic:
    """Requests of a page to the intake, from when this was made."""

    def __init__(self, page: Page) -> None:
        self.created: list[str] = []
        """The paths of the uploads created, in order; one that is answered twice stands twice."""
        self.offsets: list[int] = []
        """Where each PATCH began."""
        self.looks = 0
        """How often it was asked how far an upload is."""
        self.closed: list[object] = []
        """What deposits were closed with."""
        self.held_back = 0
        """How often it was told to wait."""
        self.at_once = 0
        """The most files on their way at the same time."""
        self._under_way: set[Request] = set()
        page.on("request", self._asked)
        page.on("response", self._answered)
        page.on("requestfailed", self._under_way_no_more)

    def _asked(self, request: Request) -> None:
        if "/uploads" not in request.url:
            return
        if request.method == "PATCH":
            self.offsets.append(int(request.headers["upload-offset"]))
        self.looks += request.method == "HEAD"
        if request.url.endswith("/close"):
            self.closed.append(request.post_data_json)
        self._under_way.add(request)
        self.at_once = max(self.at_once, len(self._under_way))

    def _under_way_no_more(self, request: Request) -> None:
        self._under_way.discard(request)

    def _answered(self, response: Response) -> None:
        self._under_way_no_more(response.request)
        self.held_back += response.status == 429
        if response.request.method == "POST" and response.status == 201:
            self.created.append(httpx.URL(response.headers["location"]).path)


async def received_bytes(http: httpx.AsyncClient, endpoints: Mapping[str, dict[str, list[str]]]) -> int:
    """Bytes of files that all replicas of the intake have received since they were started."""
    total = 0.0
    for replica in endpoints["replicas"]["upload"]:
        answer = await http.get(f"{replica}/metrics")
        found = _RECEIVED.search(answer.text)
        total += float(found[1]) if found else 0
    return int(total)
