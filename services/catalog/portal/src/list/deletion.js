// Deletes a document of the list, or those that are ticked.

import { announceError } from "../announce.js";
import { agreed, deleteEach, tellDeleted } from "../deletion.js";
import { successorOf } from "../focus.js";
import { refresh } from "../refresh.js";
import { said } from "../words.js";
import { chosen } from "./selection.js";

export function enhanceDeletion() {
  document.addEventListener("click", (event) => {
    const one = event.target.closest("[data-delete]");
    if (one) remove([one.closest("tr")]);
    else if (event.target.closest("[data-delete-selected]")) remove(chosen());
  });
}

async function remove(rows) {
  const going = rows.filter((row) => row.hasAttribute("data-deletable"));
  if (!going.length) {
    announceError(said("deletion-words", "none"));
    return;
  }
  const documents = going.map(({ dataset: { id, name } }) => ({ id, name }));
  if (!(await agreed(documents, { kept: rows.length - going.length }))) return;
  const successor = successorOf(going.at(-1));
  const outcome = await deleteEach(documents);
  await refresh();
  // The bar goes with what was selected, and takes the focus along.
  if (!document.activeElement.offsetParent) successor().focus();
  tellDeleted(outcome);
}
