// Ticked documents: the box in the head for all of the page, and the bar with what can be done with them.

import { counted } from "../words.js";

const BOXES = "input[name=ids]";

export function enhanceSelection() {
  document.addEventListener("change", (event) => {
    if (event.target.id === "tick-all") tickAll(event.target.checked);
    else if (event.target.matches(BOXES)) show();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-unselect]")) unselect();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && chosen().length && !document.querySelector("dialog[open]")) unselect();
  });
  document.addEventListener("refreshed", show);
  addEventListener("pageshow", show);
  show();
}

// The rows whose box is ticked.
export function chosen() {
  return boxes()
    .filter((box) => box.checked)
    .map((box) => box.closest("tr"));
}

function boxes() {
  return [...document.querySelectorAll(BOXES)];
}

function tickAll(checked) {
  for (const box of boxes()) box.checked = checked;
  show();
}

function unselect() {
  const inBar = document.getElementById("selected").contains(document.activeElement);
  tickAll(false);
  if (inBar) document.getElementById("tick-all").focus();
}

function show() {
  const bar = document.getElementById("selected");
  if (!bar) return;
  const ticked = chosen().length;
  for (const box of boxes()) box.closest("tr").toggleAttribute("data-chosen", box.checked);
  const all = document.getElementById("tick-all");
  if (all) {
    all.checked = ticked > 0 && ticked === boxes().length;
    all.indeterminate = ticked > 0 && !all.checked;
  }
  bar.hidden = ticked === 0;
  bar.parentElement.toggleAttribute("data-choosing", ticked > 0);
  document.getElementById("selected-count").textContent = counted("selected-count", "", ticked);
}
