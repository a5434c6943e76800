// A document's panel over a list: what its own page shows, with that page's address in the address bar. Back closes it.

import { openDialog } from "./dialogs.js";
import { fetchPage } from "./page.js";
import { signedInOrAsked } from "./session.js";
import { stepBack, stepOn } from "./steps.js";

let panel;
let title;
let shown = null;
let asked = 0;

export function enhancePanel() {
  panel = document.getElementById("panel");
  if (!panel) return;
  title = document.title;
  if (document.querySelector("[data-document-page]")) {
    leaveWithAddress();
    return;
  }
  document.addEventListener("click", opened);
  panel.querySelector("[data-close]").addEventListener("click", closePanel);
  panel.addEventListener("close", closed);
  panel.addEventListener("click", (event) => {
    if (event.target === panel) closePanel(); // beside it
  });
  addEventListener("popstate", follow);
}

// Does nothing where none is open.
export function closePanel() {
  panel?.close();
}

async function opened(event) {
  const link = event.target.closest("a.open-document[data-document]");
  if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const id = link.dataset.document;
  await stepOn(() => ({ state: { panel: id, depth: (history.state?.depth ?? 0) + 1 }, address: link.href }));
  follow();
}

// Shows what the history says is looked at.
function follow() {
  const id = history.state?.panel;
  if (!id) panel.close();
  else if (id !== shown) show(id);
}

// By its button, Escape, a click beside it, or a Back that has gone already. The list has its own address again.
function closed() {
  asked++;
  shown = null;
  fill("");
  document.title = title;
  if (history.state?.panel) stepBack(history.state.depth);
}

async function show(id) {
  const mine = ++asked;
  shown = id;
  if (!panel.open) title = document.title;
  fill(document.getElementById("panel-wait").content.cloneNode(true));
  if (!panel.open) openDialog(panel);
  let page;
  try {
    page = await fetchPage(`/documents/${id}`);
  } catch {
    if (mine === asked) fill(document.getElementById("panel-failure").content.cloneNode(true));
    return;
  }
  if (mine !== asked) return;
  const detail = page?.querySelector(".detail");
  if (detail) reveal(detail, page.title);
  // Whoever asks for what isn't theirs is told so by a page of its own.
  else if (await signedInOrAsked()) location.reload();
  else closePanel();
}

function reveal(detail, pageTitle) {
  fill(document.adoptNode(detail));
  document.title = pageTitle;
  panel.querySelector("h1").focus();
  document.dispatchEvent(new Event("panel-shown"));
}

function fill(content) {
  panel.querySelector(".panel-body").replaceChildren(content);
  panel.scrollTop = 0;
}

// A panel's address that was loaded again is a page. Back from it, the browser changes the address alone, for it takes
// the list and its panel for one page.
function leaveWithAddress() {
  const mine = location.pathname;
  addEventListener("popstate", () => {
    if (location.pathname !== mine) location.reload();
  });
}
