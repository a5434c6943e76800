// Holds everything back while nobody, or somebody else, is signed in.

export class Gate {
  #opened = Promise.resolve();
  #open = null;

  get isShut() {
    return this.#open !== null;
  }

  // Resolves when it is open.
  passed() {
    return this.#opened;
  }

  // Says whether it was open.
  shut() {
    if (this.isShut) return false;
    this.#opened = new Promise((resolve) => {
      this.#open = resolve;
    });
    return true;
  }

  // Says whether it was shut.
  open() {
    if (!this.isShut) return false;
    this.#open();
    this.#open = null;
    return true;
  }
}
