// Asks again where the catalog says that it was asked too often.

const TRIES = 4;
const TOO_OFTEN = "too_many_requests";

// As `fetch`; of an answer 429 that says so it waits as long as that says, and a little by chance, so that those who
// share an address do not come back in step. After a few times that answer is the answer.
export async function fetchPatiently(address, options = {}) {
  for (let tries = 1; ; tries += 1) {
    const response = await fetch(address, { cache: "no-store", ...options });
    if (tries === TRIES || !(await isTooOften(response))) return response;
    await sleep(1_000 * response.headers.get("Retry-After") * (1 + Math.random() / 4), options.signal);
  }
}

// There are other waits than this one, of which people are told: those are no fault of the page's.
async function isTooOften(response) {
  if (response.status !== 429 || !response.headers.has("Retry-After")) return false;
  if (!response.headers.get("Content-Type")?.includes("json")) return true;
  const problem = await response.clone().json().catch(() => null);
  return problem?.code === TOO_OFTEN;
}

function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
