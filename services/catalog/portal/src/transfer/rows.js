// The table of files: a row each, made from the page's template.

import { showFor, write } from "./show.js";
import { dayOf, sizeOf, waitOf } from "./words.js";

export class Rows {
  #body = document.getElementById("transfer-rows");
  #template = document.getElementById("transfer-row");
  #rows = new Map();

  // Brings the table to these files. Returns where the row was that had the focus and has gone, or -1.
  render(files) {
    const wanted = new Set(files.map((file) => file.id));
    let gone = -1;
    for (const [id, row] of this.#rows) {
      if (wanted.has(id)) continue;
      if (row.contains(document.activeElement)) gone = [...this.#body.children].indexOf(row);
      row.remove();
      this.#rows.delete(id);
    }
    files.forEach((file, index) => {
      const row = this.#rows.get(file.id) ?? this.#made(file);
      if (this.#body.children[index] !== row) this.#body.insertBefore(row, this.#body.children[index] ?? null);
      this.update(file);
    });
    return gone;
  }

  update(file) {
    const row = this.#rows.get(file.id);
    if (!row) return;
    if (row.dataset.state !== file.state) this.#turn(row, file);
    row.querySelector("progress").value = file.size ? Math.round((100 * file.sent) / file.size) : 0;
    if (file.at) write(row, { wait: waitOf(file.at - Date.now()) });
    const problem = row.querySelector("[data-problem]");
    problem.hidden = !file.problem;
    if (file.problem) write(row, { problem: file.problem.text, advice: file.problem.advice ?? "" });
  }

  // The button to cancel the file that stands at `index` now, or the last one; null where there is none.
  buttonAt(index) {
    const row = this.#body.children[Math.min(index, this.#body.children.length - 1)];
    return row?.querySelector(".acts button:not([hidden])") ?? null;
  }

  #made(file) {
    const row = this.#template.content.firstElementChild.cloneNode(true);
    row.dataset.file = file.id;
    write(row, { name: file.name, size: sizeOf(file.size) });
    row.querySelector("progress").setAttribute("aria-label", `Progression de ${file.name}`);
    for (const control of row.querySelectorAll("[data-called]")) {
      control.setAttribute("aria-label", `${control.dataset.called} ${file.name}`);
    }
    this.#rows.set(file.id, row);
    return row;
  }

  #turn(row, file) {
    row.dataset.state = file.state;
    showFor(row, { state: file.state });
    if (file.duplicate) this.#tell(row, file.duplicate);
    if (file.document) row.querySelector("[data-act=open]").href = `/documents/${file.document}`;
  }

  #tell(row, { name, deposited_at: deposited }) {
    write(row, { "earlier-name": name, "earlier-day": deposited ? dayOf(deposited) : "" });
    showFor(row, { twin: deposited ? "deposited" : "queued" });
  }
}
