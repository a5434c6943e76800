// Deletes a client's documents, {id, name} each, after a question that names them: from the list, a panel or a page.

import { announce } from "./announce.js";
import { confirm } from "./dialogs.js";
import { callEach, showFailures } from "./several.js";
import { counted, said } from "./words.js";

const WORDS = "deletion-words";
const NAMED = 5;

// Resolves to whether these documents are to be deleted; of what was chosen, `kept` cannot be.
export function agreed(documents, { kept = 0 } = {}) {
  const n = documents.length;
  const asked = counted(WORDS, "text", n, { names: named(documents.map(({ name }) => `«\u00a0${name}\u00a0»`)) });
  return confirm({
    title: counted(WORDS, "title", n),
    text: kept ? `${asked} ${counted(WORDS, "kept", kept)}` : asked,
    action: counted(WORDS, "action", n),
    danger: true,
  });
}

// Resolves as `callEach` does.
export function deleteEach(documents) {
  return callEach(documents, ({ id }) => ({ path: `/api/documents/${id}`, method: "DELETE" }));
}

// What could not be deleted is told one by one.
export function tellDeleted({ done, failures }) {
  if (done.length) announce(counted(WORDS, "done", done.length));
  if (failures.length) showFailures("undeleted", { title: counted("undeleted-title", "", failures.length), failures });
}

function named(names) {
  const others = names.length - NAMED;
  if (others > 1) return said(WORDS, "others", { names: names.slice(0, NAMED).join(", "), n: others });
  return new Intl.ListFormat("fr", { type: "conjunction" }).format(names);
}
