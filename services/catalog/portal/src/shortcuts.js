// Keys of one character. They can be switched off, and never act while one writes (WCAG 2.1.4).

import { openDialog } from "./dialogs.js";

const SWITCH = "connect.shortcuts";
const FIELDS = "input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select, [contenteditable]";
// May be held down.
const REPEATED = new Set(["j", "k"]);

// `actions` are by key; `?` shows them all, in the dialog `#shortcuts` of the page.
export function startShortcuts(actions) {
  const help = document.getElementById("shortcuts");
  const on = document.getElementById("shortcuts-on");
  const known = { ...actions, "?": () => openDialog(help) };
  on.checked = switchedOn();
  on.addEventListener("change", () => remember(on.checked));
  for (const button of document.querySelectorAll("[data-shortcuts]")) {
    button.addEventListener("click", () => openDialog(help));
  }
  document.addEventListener("keydown", (event) => {
    // Caps Lock is no other key.
    const key = event.key.toLowerCase();
    if (!Object.hasOwn(known, key) || !switchedOn() || !meant(event)) return;
    if (event.repeat && !REPEATED.has(key)) return;
    event.preventDefault();
    known[key]();
  });
}

function meant(event) {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return false;
  return !event.target.closest(FIELDS) && !document.querySelector("dialog[open]");
}

function switchedOn() {
  try {
    return localStorage.getItem(SWITCH) !== "off";
  } catch {
    return true; // no storage where cookies are blocked
  }
}

function remember(on) {
  try {
    if (on) localStorage.removeItem(SWITCH);
    else localStorage.setItem(SWITCH, "off");
  } catch {
    // then it holds for no other page
  }
}
