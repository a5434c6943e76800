// Brings the page up to date: fetches it again and changes what is marked `data-live` (and has an `id`) into its new
// self. Elements that stay are left in place, matched by `id`, so focus, ticked boxes and scroll position survive.
//
// `data-live="/some/address"` is of another page than this one: a document's panel over a list. What is marked
// `data-keep` is never touched. Before a change, `refreshing` is dispatched on the document, and `refreshed` after it;
// its `detail.visited` says whether another address was gone to.

import { onLive } from "./live.js";
import { fetchPage } from "./page.js";
import { pauseAfter } from "./pauses.js";
import { renew, session, sessionNow } from "./session.js";

const GATHERED = 300;
const PAUSE = 1_000;

let here = location.pathname + location.search;
let running = null;
let following = null;
let aborting = new AbortController();
let timer = 0;
let due = 0;
let ended = 0;
let failures = 0;
let visits = 0;
let putOff = false;

// Refreshes with every hint, gathered: a deposit of a hundred documents is no hundred refreshes.
export function startRefresh() {
  onLive((hint) => {
    // What is due already will do; but a stream that is back says that the server is, too.
    if (!timer || !hint) soon(GATHERED);
  });
  session.addEventListener("signed-in", () => {
    putOff = false;
  });
}

// The address of the page that is shown, also where a panel has put its own into the address bar.
export function shownAddress() {
  return here;
}

// Resolves when the page shows what the server had, at the earliest, when this was called; to false if it didn't answer
// (then it is tried again by itself). To true also where there is no such page, or not any more: that is told here.
export function refresh() {
  if (following) return following;
  if (!running) return start();
  following = running.then(() => {
    following = null;
    return start();
  });
  return following;
}

// Shows another address of the same page, without loading it whole. Resolves as `refresh` does.
export async function visit(address, { push = true } = {}) {
  const mine = ++visits;
  while (running) {
    aborting.abort();
    await running;
  }
  if (mine !== visits) return true; // gone elsewhere meanwhile
  here = address;
  if (push) history.pushState(null, "", address);
  return start({ visited: true });
}

function start({ visited = false } = {}) {
  clearTimeout(timer);
  timer = 0;
  aborting = new AbortController();
  running = update({ visited, signal: aborting.signal }).finally(() => {
    running = null;
    ended = performance.now();
  });
  return running;
}

// The sooner of two times holds.
function soon(wait) {
  const at = Math.max(performance.now() + wait, ended + PAUSE);
  if (following || (timer && due <= at)) return;
  clearTimeout(timer);
  due = at;
  timer = setTimeout(refresh, at - performance.now());
}

async function update({ visited, signal }) {
  const live = [...document.querySelectorAll("[data-live]")].filter((each) => !each.parentElement.closest("[data-live]"));
  const addresses = new Set(live.map((each) => each.dataset.live || here));
  const pages = new Map();
  try {
    await Promise.all([...addresses].map(async (address) => pages.set(address, await fetchPage(address, { signal }))));
  } catch (error) {
    if (error.name !== "AbortError") soon(pauseAfter(++failures));
    return false;
  }
  failures = 0;
  if (pages.get(here) === null) {
    explain({ visited });
    return true;
  }
  document.dispatchEvent(new Event("refreshing"));
  const hold = visited ? () => {} : heldInPlace();
  for (const element of live) {
    const next = pages.get(element.dataset.live || here)?.getElementById(element.id);
    if (next && element.isConnected) become(element, next);
  }
  hold();
  if (visited) document.title = pages.get(here).title;
  document.dispatchEvent(new CustomEvent("refreshed", { detail: { visited } }));
  return true;
}

// There was no page at this address. Whoever isn't signed in any more is asked to sign in; only once, until they do.
async function explain({ visited }) {
  const state = await sessionNow();
  if (state === "same") location.assign(here); // what stood there has gone, as is said there
  else if (state === "unknown") soon(pauseAfter(++failures));
  else if (visited || !putOff) putOff = !(await renew());
}

// Remembers where in the window the focus, or else the topmost row, stands; called after a change, brings it back there.
// Browsers do this themselves only now and then, Safari never. Whoever is at the page's top stays there.
function heldInPlace() {
  const within = (element) => {
    const { top, bottom } = element.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  };
  const focused = document.activeElement.closest("[data-live] [id]");
  const held = focused && within(focused) ? focused : [...document.querySelectorAll("[data-live] [id]")].find(within);
  if (!held || scrollY === 0) return () => {};
  const { top } = held.getBoundingClientRect();
  return () => held.isConnected && scrollBy({ top: held.getBoundingClientRect().top - top, behavior: "instant" });
}

function become(element, next) {
  if (element.isEqualNode(next) || element.hasAttribute?.("data-keep")) return;
  if (element.nodeName !== next.nodeName || element.id !== next.id) {
    element.replaceWith(document.adoptNode(next));
  } else if (element.nodeType === Node.ELEMENT_NODE) {
    takeAttributes(element, next);
    takeChildren(element, next);
  } else {
    element.nodeValue = next.nodeValue;
  }
}

function takeAttributes(element, next) {
  for (const { name } of [...element.attributes]) {
    if (!next.hasAttribute(name)) element.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  }
}

function takeChildren(element, next) {
  const wanted = new Set([...next.children].map((child) => child.id).filter(Boolean));
  const known = new Map([...element.children].filter((child) => wanted.has(child.id)).map((child) => [child.id, child]));
  // What has gone goes first, so that what stays is not moved: an element that is moved loses the focus.
  for (const child of [...element.children]) {
    if (child.id && !wanted.has(child.id)) child.remove();
  }
  let place = element.firstChild;
  for (const child of [...next.childNodes]) {
    const same = child.id ? known.get(child.id) : place && !place.id && place.nodeName === child.nodeName ? place : null;
    if (same && same === place) {
      place = place.nextSibling;
    } else {
      element.insertBefore(same ?? document.adoptNode(child), place);
    }
    if (same) become(same, child);
  }
  while (place) {
    const after = place.nextSibling;
    place.remove();
    place = after;
  }
}
