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
}

// The parsed answer, null where there is none. Throws ApiError. A session that ended is renewed on the way, once.
// Nothing is changed in the name of somebody else who has signed in meanwhile.
export async function api(path, options = {}) {
  if (options.method && (await sessionNow()) === "other" && !(await renew())) {
    throw new ApiError({ status: 403, code: "somebody_else", detail: SOMEBODY_ELSE });
  }
  const response = await send(path, options);
  if (response.status === 401 && (await renew())) {
    return parsed(await send(path, options));
  }
  return parsed(response);
}

async function send(path, { method = "GET", json, signal } = {}) {
  const body = json === undefined ? {} : { body: JSON.stringify(json), headers: { "Content-Type": "application/json" } };
  try {
    return await fetchPatiently(path, { method, signal, ...body });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError({ status: 0, code: "offline", detail: OFFLINE });
  }
}

async function parsed(response) {
  const content = await response.json().catch(() => null);
  if (response.ok) return content;
  throw new ApiError({
    status: response.status,
    code: content?.code ?? "unknown",
    // Only what the services say themselves is French; a gateway's own words are not shown.
    detail: (content?.code && content.detail) || FAILED,
    problem: content ?? {},
  });
}
