// Takes documents in charge or sends them back, one or many, and says what became of each.
//
// A document is `{id, name, client}`, the latter two being names.

import { announce, announceError } from "./announce.js";
import { confirm, openDialog } from "./dialogs.js";
import { callEach, showFailures } from "./several.js";
import { counted, said } from "./words.js";

const WORDS = "decision-words";

// Resolves to the documents that were taken, null where one thought better of it. Several are asked about first: what is
// taken stays taken.
export async function take(documents) {
  if (documents.length > 1 && !(await confirmed(documents))) return null;
  return decide(documents, { verb: "take", outcome: "taken" });
}

// Asks for the reason; resolves as `take` does.
export async function sendBack(documents) {
  const reason = await reasonFor(documents);
  if (!reason) return null;
  return decide(documents, { verb: "return", outcome: "returned", json: { reason } });
}

async function decide(documents, { verb, outcome, json }) {
  const call = ({ id }) => ({ path: `/api/documents/${id}/${verb}`, method: "POST", json });
  const { done, failures } = await callEach(documents, call);
  if (done.length) announce(counted(WORDS, outcome, done.length, done[0]));
  if (failures.length) tellFailures(failures, documents.length);
  return done;
}

function tellFailures(failures, asked) {
  if (asked === 1) {
    announceError(said(WORDS, "refused", { name: failures[0].document.name, reason: failures[0].reason }));
    return;
  }
  showFailures("undecided", { title: counted("undecided-title", "", failures.length), failures });
}

function confirmed(documents) {
  const n = documents.length;
  return confirm({
    title: said(WORDS, "confirmTitle", { n }),
    text: said(WORDS, "confirmText", { n }),
    action: said(WORDS, "confirmAction", { n }),
  });
}

function reasonFor(documents) {
  const dialog = document.getElementById("returning");
  const form = dialog.querySelector("form");
  form.reset();
  label(form);
  dialog.querySelector("[data-returning-name]").textContent =
    documents.length > 1 ? said(WORDS, "several", { n: documents.length }) : documents[0].name;
  dialog.querySelector("[data-returning-client]").textContent = [...new Set(documents.map((each) => each.client))].join(", ");
  dialog.returnValue = "";
  form.onchange = () => label(form);
  // Enter presses the first button that submits: Annuler is none.
  form.querySelector("[data-cancel]").onclick = () => dialog.close();
  form.onsubmit = (event) => {
    if (!complete(form)) event.preventDefault();
  };
  openDialog(dialog);
  form.elements.reason[0].focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "return" && reasonIn(form)), { once: true });
  });
}

function chosen(form) {
  return form.querySelector("[name=reason]:checked");
}

function written(form) {
  return form.querySelector("textarea").value.trim();
}

function reasonIn(form) {
  return [chosen(form).value, written(form)].filter(Boolean).join(" – ");
}

// The text is needed where no reason of the list was chosen.
function label(form) {
  const other = chosen(form)?.value === "";
  const text = form.querySelector("[data-optional]");
  text.textContent = other ? text.dataset.required : text.dataset.optional;
  form.querySelector("textarea").required = other;
  complain(form, "");
}

function complete(form) {
  if (!chosen(form)) return complain(form, "noReason", form.elements.reason[0]);
  if (!reasonIn(form)) return complain(form, "noText", form.querySelector("textarea"));
  return true;
}

function complain(form, what, field) {
  const problem = form.querySelector(".problem");
  problem.textContent = what && problem.dataset[what];
  field?.focus();
  return false;
}
