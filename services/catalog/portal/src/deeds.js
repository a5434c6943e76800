// What can be done with a document on its page or panel: copy its fingerprint, delete it, try its move again, take it in
// charge or send it back.

import { announce, announceError } from "./announce.js";
import { ApiError, api } from "./api.js";
import { sendBack, take } from "./decisions.js";
import { agreed, deleteEach, tellDeleted } from "./deletion.js";
import { closePanel } from "./panel.js";
import { refresh } from "./refresh.js";

let counting = 0;
// The ids of documents that are being deleted: the page may be brought up to date meanwhile, with a new button.
const going = new Set();

// One listener for all documents, as they come and go.
export function enhanceDeeds() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.copy) copy(button.dataset.copy);
    if (button.dataset.remove) remove(button);
    if (button.dataset.retry) retry(button);
    if (button.dataset.decide) decide(button.dataset);
  });
  for (const shown of ["refreshed", "panel-shown"]) {
    document.addEventListener(shown, awaitRetry);
    document.addEventListener(shown, markGoing);
  }
  awaitRetry();
}

async function copy(fingerprint) {
  try {
    await navigator.clipboard.writeText(fingerprint);
    announce("L’empreinte est copiée.");
  } catch {
    announceError("Votre navigateur ne permet pas la copie. Sélectionnez l’empreinte pour la copier.");
  }
}

async function remove({ dataset: { remove: id, name } }) {
  if (going.has(id) || !(await agreed([{ id, name }]))) return;
  going.add(id);
  markGoing();
  const outcome = await deleteEach([{ id, name }]);
  if (outcome.done.length) closePanel();
  await refresh();
  going.delete(id);
  markGoing();
  tellDeleted(outcome);
}

// Unlike `disabled`, this leaves the focus on a button.
function markGoing() {
  for (const button of document.querySelectorAll("[data-remove]")) {
    button.ariaDisabled = going.has(button.dataset.remove) ? "true" : null;
  }
}

async function decide({ decide: verb, document: id, name, clientName: client }) {
  const decided = await (verb === "take" ? take : sendBack)([{ id, name, client }]);
  if (decided) await refresh();
}

async function retry(button) {
  button.disabled = true;
  try {
    await api(`/api/documents/${button.dataset.retry}/retry`, { method: "POST" });
    announce("Un nouvel essai est demandé.");
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    announceError(error.detail);
  } finally {
    button.disabled = false;
  }
  await refresh();
}

// Counts the seconds down until a move may be tried again, as the page had them when it was made.
function awaitRetry() {
  clearInterval(counting);
  const button = document.querySelector("[data-retry]");
  if (!button) return;
  const free = performance.now() + Number(button.dataset.retryIn) * 1_000;
  const wait = button.parentElement.querySelector("[data-retry-wait]");
  const tick = () => {
    const left = Math.ceil((free - performance.now()) / 1_000);
    button.disabled = left > 0;
    wait.hidden = left <= 0;
    wait.textContent = `Nouvel essai possible dans ${left} s`;
    if (left <= 0) clearInterval(counting);
  };
  counting = setInterval(tick, 1_000);
  tick();
}
