// Where files go and who is alerted: the dialog's fields, in the three modes.
//
// `deposit`: a client, to the accountant or adviser. `replace`: the same for one document that was sent back.
// `publish`: a collaborator, to a client.

import { Contacts } from "./contacts.js";
import { showFor, write } from "./show.js";

const OTHER = "other";

export class Settings {
  #dialog = document.getElementById("transfer");
  #fields = document.getElementById("transfer-settings");
  #client = document.getElementById("transfer-client");
  #folder = document.getElementById("transfer-folder");
  #label = document.getElementById("transfer-label");
  #free = document.getElementById("transfer-free");
  #needed = [this.#client, this.#label, this.#free];
  #contacts = new Contacts();
  #replaces = null;
  #replacedName = null;

  mode = "deposit";

  // `onChange` is called when something was changed by hand.
  constructor(onChange) {
    this.#dialog.querySelector("[data-do=contacts]").addEventListener("click", () => this.#shown());
    for (const part of [this.#fields, document.getElementById("transfer-contacts")]) {
      part.addEventListener("input", ({ target }) => {
        if (this.#needed.includes(target)) mark(target, false);
        this.#shown();
        onChange();
      });
    }
  }

  // Presets everything as the pressed button or the kept files say:
  // `{client, folder, space, replaces, replacedName, alert}`, all optional.
  preset({ client, folder, space, replaces, replacedName, alert = [] }) {
    this.mode = modeOf({ space, replaces });
    this.#replaces = replaces ?? null;
    this.#replacedName = replacedName ?? null;
    write(this.#dialog, { replaced: replacedName ? `«\u00a0${replacedName}\u00a0»` : "le document" });
    select(this.#client, client ?? (this.mode === "publish" ? "" : this.#onlyOrLookedAt()));
    if (this.mode === "publish") this.#presetLabel(folder ?? "");
    else select(this.#folder, folder || "comptable");
    for (const field of this.#needed) mark(field, false);
    this.#shown(alert);
  }

  // Whether a button asks for something else than what the fields are set to.
  isOther({ client, space, replaces }) {
    const other = modeOf({ space, replaces }) !== this.mode || (replaces ?? null) !== this.#replaces;
    return other || (Boolean(client) && client !== this.#client.value);
  }

  // What the queue is told of the files.
  get value() {
    if (this.mode === "publish") {
      return { client: this.#client.value, space: "published", label: this.#labelled(), alert: [], replaces: null };
    }
    return {
      client: this.#client.value,
      space: "deposits",
      folder: this.#folder.value,
      alert: this.#contacts.ticked,
      replaces: this.#replaces,
      replacedName: this.#replacedName,
    };
  }

  // Marks the fields without which nothing can be sent, each with what is to be done. The first of them, null for none.
  missing() {
    const missing = this.#needed.filter((field) => !field.closest("[hidden]") && !field.value.trim());
    for (const field of this.#needed) mark(field, missing.includes(field));
    return missing[0] ?? null;
  }

  // Nothing can be changed for files that are on their way.
  freeze(frozen) {
    this.#fields.disabled = frozen;
    document.getElementById("transfer-contacts").disabled = frozen;
    if (!frozen && this.mode === "replace") this.#client.disabled = this.#folder.disabled = true;
    else this.#client.disabled = this.#folder.disabled = false;
  }

  // `alert` are the contacts to tick, where that is not left to the person.
  #shown(alert) {
    const accounts = this.#client.options.length - 1;
    document.getElementById("transfer-account").hidden = this.mode !== "publish" && accounts < 2;
    document.getElementById("transfer-other").hidden = this.mode !== "publish" || this.#label.value !== OTHER;
    showFor(this.#dialog, { folder: this.#folder.value });
    if (this.mode !== "publish") this.#contacts.show(this.#client.value, alert);
  }

  #labelled() {
    return this.#label.value === OTHER ? this.#free.value.trim() : this.#label.value;
  }

  #presetLabel(label) {
    const known = [...this.#label.options].some((option) => option.value === label);
    this.#label.value = known ? label : OTHER;
    this.#free.value = known ? "" : label;
  }

  // Of several accounts none is guessed: what goes to the wrong one is seen by others.
  #onlyOrLookedAt() {
    const [, first, second] = this.#client.options;
    return document.querySelector("main").dataset.client || (second ? "" : (first?.value ?? ""));
  }
}

function modeOf({ space, replaces }) {
  if (space === "published") return "publish";
  return replaces ? "replace" : "deposit";
}

function mark(field, isMissing) {
  const fault = document.getElementById(`${field.id}-fault`);
  fault.textContent = isMissing ? fault.dataset.missing : "";
  if (isMissing) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

function select(field, value) {
  field.value = value;
  if (field.selectedIndex < 0) field.selectedIndex = 0;
}
