// *Sélect. fichiers*: the ways to choose files in the dialog.

import { counted } from "../words.js";
import { named } from "./drop.js";
import { write } from "./show.js";
import { WORDS } from "./words.js";

const FOLDERS = "Un dossier ne peut pas être transféré : choisissez les fichiers qu’il contient.";
const ONE_ONLY = "Choisissez un seul fichier : il remplacera le document à revoir.";

export class Choosing {
  #dialog;
  #onFiles;
  #files = document.getElementById("transfer-files");
  #fault = document.getElementById("transfer-fault");

  // `onFiles(files)` gets what was chosen, `onAgain(id, file)` the file chosen anew for a row.
  constructor(dialog, { onFiles, onAgain }) {
    this.#dialog = dialog;
    this.#onFiles = onFiles;
    const camera = document.getElementById("transfer-camera");
    const again = document.getElementById("transfer-again");
    this.#on("browse", () => this.#files.click());
    this.#on("photograph", () => camera.click());
    for (const input of [this.#files, camera]) {
      input.addEventListener("change", () => this.take({ files: taken(input) }));
    }
    again.addEventListener("change", () => {
      for (const file of taken(again)) onAgain(again.dataset.file, file);
    });
  }

  // Files that were chosen, dropped or pasted; `folders` says that there were folders among them.
  take({ files, folders = false }) {
    this.complain("");
    if (!this.#files.multiple && files.length > 1) this.complain(ONE_ONLY);
    else if (files.length) this.#onFiles(files.map(named));
    if (folders) this.complain(FOLDERS);
  }

  // Has the same file chosen again, for a row whose bytes the browser no longer has.
  again(id) {
    const input = document.getElementById("transfer-again");
    input.dataset.file = id;
    input.click();
  }

  onlyOne(only) {
    this.#files.multiple = !only;
  }

  show(count) {
    write(this.#dialog, { chosen: count ? counted(WORDS, "chosen", count) : "Aucun fichier choisi" });
  }

  // Says what stands in the way, and reads it out; the empty text takes it back.
  complain(text) {
    this.#fault.hidden = !text;
    write(this.#dialog, { fault: text });
  }

  #on(action, work) {
    this.#dialog.querySelector(`[data-do=${action}]`).addEventListener("click", work);
  }
}

// What an input has; it is emptied, so that the same file can be chosen once more.
function taken(input) {
  const files = [...input.files];
  input.value = "";
  return files;
}
