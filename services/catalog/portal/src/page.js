// Pages fetched for a part of them.

import { fetchPatiently } from "./patience.js";

// The page at an address; null where one is sent elsewhere, as to sign in, and where it was made for somebody else who
// has signed in meanwhile: nothing of theirs may be shown here. Throws where no answer came, or one that it is to be asked
// for later.
export async function fetchPage(address, { signal } = {}) {
  const response = await fetchPatiently(address, { signal, redirect: "manual", headers: { Accept: "text/html" } });
  if (response.status >= 500 || response.status === 429) throw new Error(`answered ${response.status}`);
  if (!response.ok) return null;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const { sub } = page.body.dataset;
  return !sub || sub === document.body.dataset.sub ? page : null;
}
