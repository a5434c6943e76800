// Withdrawing what was published, with a reason: from Documents publiés, and from a document's page or panel.

import { announce } from "./announce.js";
import { ApiError, api } from "./api.js";
import { openDialog } from "./dialogs.js";
import { refresh } from "./refresh.js";

// One listener for all rows, as they come and go with every refresh.
export function enhancePublished() {
  const dialog = document.getElementById("withdrawal");
  if (!dialog) return;
  const form = dialog.querySelector("form");
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-withdraw]");
    if (button) ask(dialog, button.dataset);
  });
  form.addEventListener("change", () => showText(dialog));
  form.addEventListener("input", () => complain(dialog, ""));
  // Enter presses the first button that submits: Annuler is none.
  form.querySelector("[data-cancel]").addEventListener("click", () => dialog.close());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    withdraw(dialog);
  });
}

function ask(dialog, { withdraw: id, name, clientName, opened }) {
  const form = dialog.querySelector("form");
  form.reset();
  form.dataset.document = id;
  dialog.querySelector("[data-withdrawal-name]").textContent = name;
  dialog.querySelector("[data-withdrawal-client]").textContent = clientName;
  dialog.querySelector("[data-withdrawal-opened]").hidden = !opened;
  dialog.querySelector("[data-withdrawal-opened] b").textContent = opened ?? "";
  dialog.querySelector("[data-withdrawal-unopened]").hidden = Boolean(opened);
  complain(dialog, "");
  showText(dialog);
  openDialog(dialog);
}

function showText(dialog) {
  const other = dialog.querySelector("[data-withdrawal-other]");
  const needed = dialog.querySelector("[name=reason]:checked")?.value === "";
  if (needed === !other.hidden) return;
  other.hidden = !needed;
  if (needed) other.querySelector("textarea").focus();
}

async function withdraw(dialog) {
  const chosen = dialog.querySelector("[name=reason]:checked");
  const reason = chosen?.value || (chosen && dialog.querySelector("textarea").value.trim());
  if (!reason) {
    const { noReason, noText } = dialog.querySelector("#withdrawal-problem").dataset;
    complain(dialog, chosen ? noText : noReason);
    dialog.querySelector(chosen ? "textarea" : "[name=reason]").focus();
    return;
  }
  const id = dialog.querySelector("form").dataset.document;
  const button = dialog.querySelector("[value=withdraw]");
  button.disabled = true;
  try {
    await api(`/api/documents/${id}`, { method: "DELETE", json: { reason } });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    complain(dialog, error.detail);
    return;
  } finally {
    button.disabled = false;
  }
  dialog.close();
  announce("Le document est retiré.");
  await refresh();
}

function complain(dialog, text) {
  dialog.querySelector("#withdrawal-problem").textContent = text;
}
