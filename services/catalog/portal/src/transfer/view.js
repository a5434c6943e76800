// Draws the queue into the dialog, or into the bar at the page's foot while the dialog is closed.

import { counted } from "../words.js";
import { showBar } from "./bar.js";
import { Rows } from "./rows.js";
import { showFor, write } from "./show.js";
import { WORDS, madeIn } from "./words.js";

const ASKS = new Set(["duplicate", "missing", "refused"]);
const SECOND = 1_000;

export class View {
  #dialog;
  #queue;
  #rows = new Rows();
  #start;
  #removeAll;

  // What is shown now: "filling", "running", or "finished" once all files have ended and documents came of them.
  phase = "filling";

  constructor(dialog, queue) {
    this.#dialog = dialog;
    this.#queue = queue;
    this.#start = dialog.querySelector("[data-do=start]");
    this.#removeAll = dialog.querySelector("[data-do=remove-all]");
    queue.addEventListener("progress", ({ detail }) => this.#rows.update(detail));
    setInterval(() => this.#countDown(), SECOND);
  }

  // Draws everything. `notice` is one of the template's, or empty.
  draw({ mode, notice }) {
    const { files, remaining, progress, running } = this.#queue;
    const before = this.phase;
    const focused = document.activeElement;
    this.phase = phaseOf(this.#queue);
    const gone = this.#rows.render(files);
    showFor(this.#dialog, { mode, phase: this.phase, notice });
    this.#colour(files.some(({ state }) => state === "refused") ? "partly" : "whole");
    const percent = Math.floor(progress * 100);
    write(this.#dialog, {
      remaining: remaining.toLocaleString("fr-FR"),
      percent: `${percent} %`,
      headline: headline(files, mode),
    });
    document.getElementById("transfer-progress").value = percent;
    document.getElementById("transfer-nothing").hidden = files.length > 0;
    this.#start.setAttribute("aria-disabled", String(running && !files.some((file) => file.isReady)));
    this.#removeAll.setAttribute("aria-disabled", String(files.length === 0));
    this.#drawBar();
    this.#keepFocus({ gone, before, focused });
    return this.phase !== before;
  }

  // Where a file was refused, the end is not all green.
  #colour(end) {
    const finished = document.getElementById("transfer-finished");
    finished.classList.toggle("good", end === "whole");
    showFor(finished, { end });
  }

  #drawBar() {
    const { files, remaining, progress } = this.#queue;
    showBar(this.#dialog.open ? null : barFor(this.#queue, files), {
      remaining: counted(WORDS, "remaining", remaining),
      progress,
    });
  }

  // Whoever works by keyboard goes on where a control of theirs has gone.
  #keepFocus({ gone, before, focused }) {
    if (!this.#dialog.open) return;
    if (focused.closest(".banner")?.hidden) document.getElementById("transfer-title").focus();
    if (gone >= 0) (this.#rows.buttonAt(gone) ?? this.#dialog.querySelector("[data-do=browse]")).focus();
    if (this.phase === "finished" && before !== "finished") document.getElementById("transfer-finished").focus();
  }

  #countDown() {
    for (const file of this.#queue.files) {
      if (file.at) this.#rows.update(file);
    }
  }
}

// `2 documents déposés, 1 fichier refusé`
export function headline(files, mode) {
  const done = files.filter(({ state }) => state === "done").length;
  const refused = files.filter(({ state }) => state === "refused").length;
  const good = counted(WORDS, `done${madeIn(mode)}`, done);
  return refused ? `${good}, ${counted(WORDS, "refused", refused)}` : good;
}

function phaseOf({ files, running }) {
  if (running) return "running";
  const finished = files.every((file) => file.hasEnded) && files.some(({ state }) => state === "done");
  return finished ? "finished" : "filling";
}

function barFor({ running, isSignedOut }, files) {
  if (running && isSignedOut) return "paused";
  if (files.some(({ state }) => ASKS.has(state))) return "attention";
  if (running) return "running";
  return files.some((file) => !file.hasEnded) ? "waiting" : null;
}
