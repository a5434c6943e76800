// The search answers as one types.

import { announceError } from "../announce.js";
import { shownAddress, visit } from "../refresh.js";

const PAUSE = 250;

let timer = 0;

export function enhanceSearch() {
  document.addEventListener("input", (event) => {
    if (event.target.id !== "q") return;
    clearTimeout(timer);
    timer = setTimeout(() => go(event.target.form), PAUSE);
  });
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "search") return;
    event.preventDefault();
    clearTimeout(timer);
    go(event.target);
  });
  addEventListener("popstate", follow);
}

// One entry in the history a search, not one a letter.
async function go(form) {
  const said = new URLSearchParams([...new FormData(form)].filter(([, value]) => value.trim()));
  const address = [form.getAttribute("action"), said.toString()].filter(Boolean).join("?");
  if (address === shownAddress()) return;
  const begun = new URLSearchParams(shownAddress().split("?")[1]).has("q");
  if (begun) history.replaceState(history.state, "", address);
  if (!(await visit(address, { push: !begun })) && shownAddress() === address) {
    announceError("La recherche n’aboutit pas. Elle reprend dès que la connexion est rétablie.");
  }
}

// Back and forward between searches of one list.
async function follow() {
  const address = location.pathname + location.search;
  if (address === shownAddress() || location.pathname !== shownAddress().split("?")[0]) return;
  await visit(address, { push: false });
  const field = document.getElementById("q");
  if (field) field.value = field.defaultValue;
}
