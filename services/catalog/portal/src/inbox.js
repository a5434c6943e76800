// *À traiter*: the current row and its keys, the selection, and what is decided on either.

import { sendBack, take } from "./decisions.js";
import { refresh } from "./refresh.js";
import { startShortcuts } from "./shortcuts.js";
import { counted, said } from "./words.js";

let inbox;
let bulk;
// The row one is at: its id, and its place, for when somebody else takes it away.
let current = null;
let place = 0;
let deciding = false;

export function enhanceInbox() {
  inbox = document.getElementById("inbox");
  bulk = document.getElementById("bulk");
  if (!inbox) return;
  inbox.addEventListener("click", pressed);
  inbox.addEventListener("change", showSelection);
  inbox.addEventListener("focusin", (event) => enter(event.target.closest("li[data-document]")));
  document.getElementById("select-all").addEventListener("change", (event) => selectAll(event.target.checked));
  document.getElementById("take-selected").addEventListener("click", () => decide(take, selected()));
  document.getElementById("return-selected").addEventListener("click", () => decide(sendBack, selected()));
  document.addEventListener("refreshed", refreshed);
  startShortcuts({
    j: () => step(1),
    k: () => step(-1),
    p: () => decide(take, meant()),
    r: () => decide(sendBack, meant()),
    x: toggle,
  });
  showSelection();
}

function rows() {
  return [...inbox.querySelectorAll("li[data-document]")];
}

function rowOf(id) {
  return document.getElementById(`document-${id}`);
}

function boxOf(row) {
  return row.querySelector("input[type=checkbox]");
}

function selected() {
  return rows().filter((row) => boxOf(row).checked);
}

// What a key is about.
function meant() {
  const chosen = selected();
  if (chosen.length) return chosen;
  return current && rowOf(current) ? [rowOf(current)] : [];
}

function enter(row) {
  if (!row) return;
  rowOf(current)?.classList.remove("current");
  current = row.dataset.document;
  place = rows().indexOf(row);
  row.classList.add("current");
}

function focusRow(row) {
  const link = row.querySelector(".filename");
  link.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function step(by) {
  const all = rows();
  if (!all.length) return;
  const at = all.findIndex((row) => row.dataset.document === current);
  // Where the row one was at has gone, the one that took its place is next.
  const next = at >= 0 ? at + by : current ? place + (by < 0 ? -1 : 0) : 0;
  focusRow(all[Math.min(Math.max(next, 0), all.length - 1)]);
}

function toggle() {
  const row = current && rowOf(current);
  if (row && !boxOf(row).disabled) boxOf(row).click();
}

function pressed(event) {
  const button = event.target.closest("button");
  const row = event.target.closest("li[data-document]");
  if (!button || !row) return;
  if ("take" in button.dataset) decide(take, [row]);
  if ("return" in button.dataset) decide(sendBack, [row]);
}

async function decide(decision, chosen) {
  if (deciding || !chosen.length) return;
  deciding = true;
  // The rows may go while it is asked and answered.
  const order = rows().map((row) => row.dataset.document);
  const documents = chosen.map(({ dataset }) => ({ id: dataset.document, name: dataset.name, client: dataset.clientName }));
  try {
    const decided = await decision(documents);
    if (!decided) return;
    const done = new Set(decided.map((document) => document.id));
    for (const id of done) unselect(id);
    await refresh();
    if (done.size) goOn(order, done);
  } finally {
    deciding = false;
    showSelection();
  }
}

// To the row after the last that was decided on, else to the one before; where none is left, to what says so.
function goOn(order, done) {
  const last = Math.max(...order.map((id, index) => (done.has(id) ? index : -1)));
  const near = [...order.slice(last + 1), ...order.slice(0, last).reverse()].filter((id) => !done.has(id));
  const next = near.map(rowOf).find(Boolean) ?? rows()[0];
  if (document.querySelector("dialog[open]")) enter(next);
  else if (next) focusRow(next);
  else document.getElementById("inbox-title").focus();
}

function unselect(id) {
  const row = rowOf(id);
  if (row) boxOf(row).checked = false;
}

// After somebody else has taken the row one is at, no key may act on the one that took its place unseen.
function refreshed({ detail }) {
  if (detail.visited) current = null;
  const row = current && rowOf(current);
  if (row) enter(row);
  else if (current && !deciding && document.activeElement === document.body) inbox.focus({ preventScroll: true });
  showSelection();
}

function selectAll(checked) {
  for (const row of rows()) if (!boxOf(row).disabled) boxOf(row).checked = checked;
  showSelection();
}

function showSelection() {
  const all = rows().filter((row) => !boxOf(row).disabled);
  const count = all.filter((row) => boxOf(row).checked).length;
  const box = document.getElementById("select-all");
  box.checked = count > 0 && count === all.length;
  box.indeterminate = count > 0 && count < all.length;
  box.disabled = !all.length;
  bulk.hidden = !rows().length;
  for (const row of rows()) row.classList.toggle("selected", boxOf(row).checked);
  for (const button of bulk.querySelectorAll("button")) button.disabled = !count || deciding;
  const told = document.getElementById("selected");
  const text = count ? counted(told.id, "", count) : said(told.id, "none");
  if (told.textContent !== text) told.textContent = text;
}
