// One page at a time works on what one window left; what it claims is its own until it closes.

// A page that is being left holds on for a moment.
const WITHIN = 1_500;
const FOR_GOOD = new Promise(() => {});

// The first of `names` that becomes free; null where other pages keep them all.
export async function claim(names) {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), WITHIN);
  const claims = names.map((name) => held(name, patience));
  return Promise.any(claims).catch(() => null).finally(() => clearTimeout(timer));
}

// Whether nobody has it.
export function claimFree(name) {
  return new Promise((resolve) => {
    navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock && FOR_GOOD;
    });
  });
}

// Resolves to the name, rejects where another was sooner or it took too long.
function held(name, patience) {
  return new Promise((resolve, reject) => {
    const request = navigator.locks.request(name, { signal: patience.signal }, () => {
      if (patience.signal.aborted) return undefined;
      patience.abort();
      resolve(name);
      return FOR_GOOD;
    });
    request.then(reject, reject);
  });
}
