// Modal dialogs on the browser's own `<dialog>`: it keeps the focus inside, closes on Escape, and gives the focus back.

import { successorOf } from "./focus.js";

const DOUBLE_CLICK = 500;

let closed = -DOUBLE_CLICK;

// The second click of a double click on what closes a dialog is not for what lay under it.
document.addEventListener(
  "click",
  (event) => {
    if (event.detail < 2 || performance.now() - closed > DOUBLE_CLICK) return;
    event.preventDefault();
    event.stopPropagation();
  },
  { capture: true },
);

// Shows `dialog`. When it closes, the focus is where it was; where that has gone from the page, on what comes after it.
export function openDialog(dialog) {
  const opener = document.activeElement;
  const successor = successorOf(opener);
  const onClose = () => {
    closed = performance.now();
    if (!opener.isConnected) successor().focus();
  };
  dialog.addEventListener("close", onClose, { once: true });
  dialog.showModal();
}

// Asks before something that can't be undone. `action` is the button's word. Resolves to whether it was pressed.
export function confirm({ title, text, action, danger = false }) {
  const dialog = document.getElementById("confirmation");
  dialog.querySelector("h2").textContent = title;
  dialog.querySelector("p").textContent = text;
  const yes = dialog.querySelector("[value=yes]");
  yes.textContent = action;
  yes.classList.toggle("danger", danger);
  dialog.returnValue = "";
  openDialog(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
