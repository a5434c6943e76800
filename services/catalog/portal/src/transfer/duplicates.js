// Whether the same content was deposited before.

import { fetchPatiently } from "../patience.js";

// {name, deposited_at} of the newest document with these bytes, null for none, undefined where no answer came.
export async function depositedBefore({ sha256, client, space }) {
  const wanted = new URLSearchParams({ sha256, client, space, limit: "1" });
  try {
    const answer = await fetchPatiently(`/api/documents?${wanted}`);
    if (answer.status >= 500 || [401, 429].includes(answer.status)) return undefined;
    const [found] = answer.ok ? (await answer.json()).documents : [];
    return found ? { name: found.name, deposited_at: found.deposited_at } : null;
  } catch {
    return undefined;
  }
}
