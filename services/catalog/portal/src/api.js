// Calls of the JSON API, with its errors in words for people.

import { fetchPatiently } from "./patience.js";
import { renew, sessionNow } from "./session.js";

const OFFLINE = "La connexion est interrompue. Réessayez quand elle sera rétablie.";
const SOMEBODY_ELSE = "Une autre personne s’est connectée dans ce navigateur. Rien n’a été changé.";
const FAILED = "Le service est momentanément indisponible. Réessayez dans quelques instants.";

// `status` is 0 where no answer came; `detail` is a French sentence; `problem` the whole answer (RFC 9457).
export class ApiError extends Error {
  constructor({ status, code, detail, problem = {} }) {
    super(detail);
    Object.assign(this, { status, code, detail, problem });
  }

  // Whether the same may be answered when it is asked for again.
  get isPassing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

// The parsed answer, null where there is none. Throws ApiError. A session that ended is renewed on the way, once.
// Nothing is changed in the name of somebody else who has signed in meanwhile.
export async function api(path, options = {}) {
  if (options.method && (await sessionNow()) === "other" && !(await renew())) {
    throw new ApiError({ status: 403, code: "somebody_else", detail: SOMEBODY_ELSE });
  }
  const response = await answered(path, options);
  return response.json().catch(() => null);
}

// The good answer itself, for its bytes. Throws ApiError. See `api`, and `fetchPatiently` for `told`.
export async function answered(path, options = {}) {
  let response = await send(path, options);
  if (response.status === 401 && (await renew())) response = await send(path, options);
  if (!response.ok) throw await refusal(response);
  return response;
}

// What is left of a good answer's bytes. Throws ApiError where the line breaks.
export async function bytesOf(response) {
  return response.arrayBuffer().catch(broken);
}

async function send(path, { method = "GET", json, ...options } = {}) {
  const body = json === undefined ? {} : { body: JSON.stringify(json), headers: { "Content-Type": "application/json" } };
  return fetchPatiently(path, { method, ...options, ...body }).catch(broken);
}

function broken(error) {
  if (error.name === "AbortError") throw error;
  throw new ApiError({ status: 0, code: "offline", detail: OFFLINE });
}

async function refusal(response) {
  const content = await response.json().catch(() => null);
  return new ApiError({
    status: response.status,
    code: content?.code ?? "unknown",
    // Only what the services say themselves is French; a gateway's own words are not shown.
    detail: (content?.code && content.detail) || FAILED,
    problem: content ?? {},
  });
}
