// Says in few words what happens to the files: to a screen reader, and as a short message when the dialog is closed.

import { announce } from "../announce.js";
import { counted, said } from "../words.js";
import { WORDS, madeIn } from "./words.js";

export class Voice {
  #dialog;
  #region = document.getElementById("transfer-said");
  #states = new Map();

  constructor(dialog) {
    this.#dialog = dialog;
  }

  say(text) {
    // A modal dialog hides the rest of the page, its messages too.
    if (this.#dialog.open) this.#region.textContent = text;
    else announce(text);
  }

  // Which files have finished or met trouble since it was last asked, in words; percentages are none.
  newsOf(files, mode) {
    const turned = files.filter((file) => this.#states.get(file.id) !== file.state && this.#states.has(file.id));
    this.#states = new Map(files.map((file) => [file.id, file.state]));
    const now = (wanted) => turned.filter(({ state }) => state === wanted);
    const news = [
      ...together(now("done"), `news${madeIn(mode)}`),
      ...now("refused").map(({ name, problem }) => said(WORDS, "newsRefused", { name, problem: problem.text })),
      ...now("duplicate").map(({ name }) => said(WORDS, `known${madeIn(mode)}`, { name })),
      ...now("missing").map(({ name }) => said(WORDS, "newsMissing", { name })),
    ];
    return news.join(" ");
  }
}

function together(files, key) {
  return files.length ? [counted(WORDS, key, files.length, files[0])] : [];
}
