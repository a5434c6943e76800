// Asks again where the catalog says that it was asked too often.

const TRIES = 4;
const TOO_OFTEN = "too_many_requests";
// Nobody sits before a page for longer, in seconds.
const LONGEST_TOLD = 60;

// As `fetch`; of an answer 429 that says so it waits as long as that says, and a little by chance, so that those who
// share an address do not come back in step. After a few times that answer is the answer.
//
// Whoever waits for something to look at is told so: `told({status, milliseconds})` says that it waits, and returns what
// is called when it has. Then it waits for a service that is away (503), too, but never for long.
export async function fetchPatiently(address, { told, ...options } = {}) {
  for (let tries = 1; ; tries += 1) {
    const response = await fetch(address, { cache: "no-store", ...options });
    if (tries === TRIES || !(await isToWait(response, told))) return response;
    const milliseconds = 1_000 * response.headers.get("Retry-After") * (1 + Math.random() / 4);
    const over = told?.({ status: response.status, milliseconds });
    await sleep(milliseconds, options.signal).finally(over);
  }
}

async function isToWait(response, told) {
  if (!told) return isTooOften(response);
  const seconds = Number(response.headers.get("Retry-After") ?? NaN);
  if (!(seconds <= LONGEST_TOLD)) return false;
  return response.status === 503 || isTooOften(response);
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
