// Looks at a file before it goes: its fingerprint, and whether the same content was deposited before.

import { depositedBefore } from "./duplicates.js";
import { metadataOf } from "./file.js";
import { fingerprint } from "./fingerprint.js";

export class Examiner {
  #sender;
  #files;
  #mark;
  #under = new Map();

  // `files()` are those of the queue, `mark(file, state)` changes one's state.
  constructor({ sender, files, mark }) {
    this.#sender = sender;
    this.#files = files;
    this.#mark = mark;
  }

  // Afterwards the file waits to be sent, or stands as a duplicate or unreadable. A catalog that doesn't answer holds
  // nothing up: the question is advice.
  examine(file) {
    if (!this.#under.has(file)) {
      this.#under.set(file, this.#examine(file).finally(() => this.#under.delete(file)));
    }
    return this.#under.get(file);
  }

  async #examine(file) {
    if (!file.sha256) await this.#hash(file);
    while (this.#asks(file)) {
      const place = placeOf(file);
      const duplicate = this.#twin(file) ?? (await this.#known(file));
      if (placeOf(file) !== place || file.removed) continue; // changed while we asked
      if (duplicate) {
        file.duplicate = duplicate;
        this.#mark(file, "duplicate");
        return;
      }
      if (duplicate === undefined) break;
      this.#look(file, place);
    }
    if (!file.removed && ["hashing", "duplicate"].includes(file.state)) this.#mark(file, "waiting");
  }

  #asks(file) {
    return file.sha256 && !file.removed && !file.anyway && file.lookedIn !== placeOf(file);
  }

  // Without a worker the file goes as it is; the intake computes the fingerprint anyway.
  async #hash(file) {
    this.#mark(file, "hashing");
    const sha256 = await fingerprint(this.#sender.get(file.id).data);
    if (file.removed || sha256 === undefined) return;
    if (sha256 === null) return this.#mark(file, "missing");
    file.sha256 = sha256;
    this.#sender.set(file.id, { sha256 });
  }

  #look(file, place) {
    file.lookedIn = place;
    file.duplicate = null;
    this.#sender.set(file.id, { lookedIn: place });
  }

  #known(file) {
    if (file.settings.replaces) return null; // the same bytes may have stood in the wrong folder
    const { client, space } = metadataOf(file.settings);
    if (!client) return null; // asked again once it is chosen
    return depositedBefore({ sha256: file.sha256, client, space });
  }

  // The same content earlier in this queue.
  #twin(file) {
    for (const other of this.#files()) {
      if (other === file) return undefined;
      const same = other.sha256 === file.sha256 && placeOf(other) === placeOf(file);
      if (same && other.state !== "refused") return { name: other.name, deposited_at: null };
    }
    return undefined;
  }
}

function placeOf({ settings }) {
  const { client, space } = metadataOf(settings);
  return `${space}/${client}`;
}
