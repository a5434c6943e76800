// How long to wait before trying again, and sleeping in a way that can be cut short.

const FIRST = 1_000;
const LONGEST = 30_000;

// Milliseconds before try number `tries` + 1: a second doubling to thirty, spread by a quarter either way so that
// many browsers that lost the same server do not come back in step. `random` gives 0…1.
export function pauseAfter(tries, random = Math.random) {
  const pause = Math.min(LONGEST, FIRST * 2 ** Math.min(tries - 1, 10));
  return Math.min(LONGEST, pause * (0.75 + random() / 2));
}

// Sleeps that `wake` ends at once.
export class Sleepers {
  #sleepers = new Set();

  sleep(milliseconds) {
    return new Promise((resolve) => {
      const rise = () => {
        clearTimeout(timer);
        this.#sleepers.delete(rise);
        resolve();
      };
      const timer = setTimeout(rise, milliseconds);
      this.#sleepers.add(rise);
    });
  }

  wake() {
    for (const rise of [...this.#sleepers]) rise();
  }
}

// At most `count` at a time; who comes first goes first.
export class Slots {
  #free;
  #waiting = [];

  constructor(count) {
    this.#free = count;
  }

  async use(work) {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
