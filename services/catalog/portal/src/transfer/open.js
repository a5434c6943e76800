// The ways into the transfer dialog: its buttons, files dropped or pasted onto the page, and what was left unfinished.
// The dialog's own code comes only then.

import { announceError } from "../announce.js";
import { carriesFiles, filesOf } from "./drop.js";
import { countKept } from "./kept.js";

const UNREACHABLE = "Le transfert de documents n’a pas pu être ouvert. Vérifiez votre connexion, puis réessayez.";

export function startTransfer() {
  if (!document.getElementById("transfer")) return;
  document.addEventListener("click", ({ target }) => {
    const opener = target.closest("[data-transfer]");
    if (opener) withDialog((dialog) => dialog.openTransfer(opener));
  });
  document.addEventListener("paste", (event) => take(event, event.clipboardData));
  document.addEventListener("dragover", allow);
  document.addEventListener("dragleave", ({ relatedTarget }) => relatedTarget || dragged(false));
  document.addEventListener("drop", (event) => {
    dragged(false);
    take(event, event.dataTransfer);
  });
  offerUnfinished();
}

async function withDialog(use) {
  let dialog;
  try {
    dialog = await import("./dialog.js");
  } catch {
    announceError(UNREACHABLE);
    return;
  }
  use(dialog);
}

function allow(event) {
  if (!carriesFiles(event.dataTransfer) || !isWelcome()) return;
  event.preventDefault();
  dragged(true);
}

function dragged(files) {
  document.documentElement.classList.toggle("dropping", files);
}

function take(event, transfer) {
  if (!transfer || !carriesFiles(transfer) || !isWelcome()) return;
  event.preventDefault();
  // What a drop carries is gone after this turn.
  const dropped = filesOf(transfer);
  withDialog((dialog) => dialog.openTransfer(opener(), dropped));
}

// A client can deposit from any page; a collaborator publishes, where the page has a button for it.
function isWelcome() {
  if (document.querySelector("#transfer[open]")) return true;
  if (document.querySelector("dialog[open]")) return false;
  return document.body.dataset.role === "client" || opener() !== null;
}

function opener() {
  return document.querySelector("[data-transfer]:not([data-replaces])");
}

async function offerUnfinished() {
  if (await countKept(document.body.dataset.sub)) withDialog((dialog) => dialog.offerUnfinished());
}
