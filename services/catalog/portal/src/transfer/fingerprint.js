// The SHA-256 of files, computed beside the page, one file at a time.

let worker = null;
let last = Promise.resolve();
let asked = 0;

// Hex; null for a file that can't be read (any more), undefined where the worker could not be loaded.
export function fingerprint(file) {
  last = last.then(() => hashed(file));
  return last;
}

function hashed(file) {
  // A classic worker: Firefox knows module workers only since 114.
  worker ??= new Worker(new URL("./hash-worker.js", import.meta.url));
  const id = ++asked;
  return new Promise((resolve) => {
    worker.onmessage = ({ data }) => data.id === id && resolve(data.sha256 ?? null);
    worker.onerror = (event) => {
      event.preventDefault();
      worker = null;
      resolve(undefined);
    };
    worker.postMessage({ id, file });
  });
}
