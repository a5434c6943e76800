"""What Lighthouse says of the portal's first pages, on a phone as it imagines one."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from tests.support import nodejs
from tests.support.browser import sign_in
from tests.support.running import RunningStack

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.usefixtures("js")]

_CATEGORIES = "accessibility,best-practices,performance"
_FLAGS = "--headless --no-sandbox --disable-background-networking --disable-quic"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("sub", ["earl-du-chene", "jeanny-jerome"])
async def test_a_first_page_is_accessible_follows_good_practice_and_is_small(
    stack: RunningStack, page: Page, tmp_path: Path, tell: Callable[[str], None], sub: str
) -> None:
    await sign_in(page, stack, sub)
    report = await _lighthouse(page.url, page=page, folder=tmp_path)
    scores = {name: category["score"] * 100 for name, category in report["categories"].items()}
    audits = report["audits"]
    transferred = audits["total-byte-weight"]["numericValue"]
    shift = audits["cumulative-layout-shift"]["numericValue"]
    tell(f"{sub}: {scores}, {transferred / 1000:.0f} kB transferred, layout shift {shift:.3f}")
    failed = [
        audit["title"] for audit in audits.values() if audit["score"] == 0 and audit["scoreDisplayMode"] == "binary"
    ]
    assert scores["accessibility"] >= 95, failed
    assert scores["best-practices"] >= 95, failed
    assert 5_000 < transferred < 100_000
    assert shift < 0.01


async def _lighthouse(url: str, *, page: Page, folder: Path) -> dict[str, Any]:
    cookies = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in await page.context.cookies(url))
    headers, output = folder / "headers.json", folder / "report.json"
    headers.write_text(json.dumps({"Cookie": cookies}))
    try:
        await _judge(url, headers=headers, output=output)
    except AssertionError as failed:
        # What it says itself when the browser has told it too little: "Please run Lighthouse again."
        if "NO_NAVSTART" not in str(failed):
            raise
        await _judge(url, headers=headers, output=output)
    report: dict[str, Any] = json.loads(output.read_text())
    assert report["finalDisplayedUrl"] == url, "judged another page"
    return report


async def _judge(url: str, *, headers: Path, output: Path) -> None:
    await nodejs.run(
        "node_modules/lighthouse/cli/index.js",
        *(url, f"--only-categories={_CATEGORIES}", f"--extra-headers={headers}", f"--chrome-flags={_FLAGS}"),
        *("--output=json", f"--output-path={output}", "--quiet", "--no-enable-error-reporting"),
        env={"CHROME_PATH": shutil.which("chromium") or ""},
        within=200,
    )
