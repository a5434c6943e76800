"""What of a page's layout fails a person: too small to touch, cut off, or only reached by scrolling sideways."""

from __future__ import annotations

from playwright.async_api import Page

_SHOWN = """
    const top = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
    const unseen = (element) => element.closest(".skip") || !element.checkVisibility({ visibilityProperty: true })
        || getComputedStyle(element).clipPath === "inset(50%)" || (element !== top && unseen(element.parentElement));
    const named = (element) => {
        const words = (element.innerText || element.ariaLabel || "").trim().replace(/\\s+/g, " ");
        return `${element.localName}#${element.id}.${[...element.classList].join(".")} « ${words.slice(0, 40)} »`;
    };
"""

_SMALL = """smallest => {
    SHOWN
    const faults = [];
    for (const element of top.querySelectorAll("a[href], button, input, select, textarea, summary")) {
        if (unseen(element)) continue;
        const touched = (element.matches("[type=checkbox], [type=radio]") && element.closest("label")) || element;
        const [width, height] = [touched.offsetWidth, touched.offsetHeight];
        if (Math.min(width, height) < smallest) faults.push(`${width}×${height} ${named(element)}`);
    }
    return faults;
}"""

_CUT = """() => {
    SHOWN
    const faults = new Set();
    const root = document.scrollingElement;
    for (const box of [root, top]) {
        const { scrollWidth, clientWidth } = box;
        if (scrollWidth > clientWidth) faults.add(`${scrollWidth} wide in ${clientWidth}: ${named(box)}`);
    }
    const walker = document.createTreeWalker(top, NodeFilter.SHOW_TEXT);
    const range = document.createRange();
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || unseen(element) || element.closest(".textLayer")) continue;
        range.selectNodeContents(walker.currentNode);
        const rects = [...range.getClientRects()].filter(({ width }) => width);
        if (rects.every(({ right, bottom }) => right < 0 || bottom < 0)) continue;
        // What only scrolls is no fault, but for sideways; a button must hold its words.
        for (let box = element; box && box !== top.parentElement; box = box.parentElement) {
            const { overflowX, overflowY } = getComputedStyle(box);
            const holds = box.matches("button, .button, .pill");
            const sideways = holds || overflowX !== "visible" || box === top;
            const across = holds || overflowY === "hidden" || overflowY === "clip";
            const { left, right, top: upper, bottom } = box.getBoundingClientRect();
            for (const rect of rects) {
                const out = (sideways && (rect.left < left - 1 || rect.right > right + 1))
                    || (across && box !== document.body && (rect.top < upper - 4 || rect.bottom > bottom + 4));
                if (out) faults.add(`cut by ${named(box)}: ${named(element)}`);
            }
        }
    }
    return [...faults];
}"""


async def too_small_to_touch(page: Page, *, smallest: int = 44) -> list[str]:
    """What can be pressed, and is narrower or lower than so many CSS pixels. A box counts with its label."""
    faults: list[str] = await page.evaluate(_SMALL.replace("SHOWN", _SHOWN), smallest)
    return faults


async def cut_off(page: Page) -> list[str]:
    """Text that isn't seen in whole, and what is wider than the window."""
    faults: list[str] = await page.evaluate(_CUT.replace("SHOWN", _SHOWN))
    return faults
