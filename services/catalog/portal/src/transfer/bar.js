// The bar at the page's foot: stands for the transfers while their dialog is closed.

import { showFor, write } from "./show.js";

const bar = document.getElementById("transfer-bar");

// `state` is one of the template's, or null for no bar. `progress` is 0…1.
export function showBar(state, { remaining = "", progress = 0 } = {}) {
  bar.hidden = state === null;
  document.documentElement.classList.toggle("transferring", state !== null); // leaves room below
  if (state === null) return;
  showFor(bar, { bar: state });
  write(bar, { remaining });
  bar.querySelector("progress").value = Math.round(progress * 100);
}

// Calls `open` when the dialog is asked for.
export function onBar(open) {
  bar.querySelector("button").addEventListener("click", open);
}
