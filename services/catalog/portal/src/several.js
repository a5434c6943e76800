// The same call for several documents, and what it could not do, told one by one.

import { ApiError, api } from "./api.js";
import { openDialog } from "./dialogs.js";

const AT_ONCE = 4;

// Calls the API for each document, a few at a time; `call(document)` gives {path, method, json}. Resolves to {done,
// failures}: the documents, and [{document, reason}] in French.
export async function callEach(documents, call) {
  const done = [];
  const failures = [];
  const left = [...documents];
  async function work() {
    for (let document = left.shift(); document; document = left.shift()) {
      const { path, ...options } = call(document);
      try {
        await api(path, options);
        done.push(document);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        failures.push({ document, reason: error.detail });
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { done, failures };
}

// Shows the dialog `id` under `title`, with a line a failure.
export function showFailures(id, { title, failures }) {
  const dialog = document.getElementById(id);
  dialog.querySelector("h2").textContent = title;
  const line = dialog.querySelector("template").content.firstElementChild;
  dialog.querySelector("ul").replaceChildren(
    ...failures.map(({ document: { name }, reason }) => {
      const shown = line.cloneNode(true);
      shown.querySelector("b").textContent = name;
      shown.querySelector("span").textContent = reason;
      return shown;
    }),
  );
  openDialog(dialog);
}
