// The clicks on TOUT TRANSFÉRER: which documents came of each. Kept, so that a reload closes them too.

export class Deposits {
  #open;
  #keep;

  // `kept` as `keep` got it last.
  constructor(kept, keep) {
    this.#open = { ...kept };
    this.#keep = keep;
  }

  get ids() {
    return Object.keys(this.#open);
  }

  begin(size) {
    const id = crypto.randomUUID();
    this.#change({ [id]: { size, documents: [] } });
    return id;
  }

  has(id) {
    return id in this.#open;
  }

  size(id) {
    return this.#open[id].size;
  }

  documents(id) {
    return this.#open[id].documents;
  }

  // A document came of it. Known ones are not counted twice.
  record(id, document) {
    if (!this.has(id)) return;
    const { size, documents } = this.#open[id];
    if (!documents.includes(document)) this.#change({ [id]: { size, documents: [...documents, document] } });
  }

  // Fewer documents came of it than were announced.
  isShort(id) {
    return this.documents(id).length !== this.size(id);
  }

  end(id) {
    const { [id]: ended, ...others } = this.#open;
    this.#open = others;
    this.#keep(this.#open);
  }

  #change(changed) {
    this.#open = { ...this.#open, ...changed };
    this.#keep(this.#open);
  }
}
