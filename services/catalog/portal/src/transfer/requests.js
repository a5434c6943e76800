// What is asked of the intake besides sending: to stop an upload, to close a deposit, and what became of a file.

const SENDING_ENDED = new Set([204, 403, 404, 409, 410]);
const CLOSED = new Set([204, 400, 403, 404, 422]);
// What the intake is told of a file.
export const SENT = [
  "filename", "filetype", "folder", "client", "deposit", "deposit_size", "alert", "sha256", "file", "replaces", "space",
];
const TUS = { "Tus-Resumable": "1.0.0" };
// No answer yet: another request may have one. While bytes are being checked, HEAD says 423.
const LATER = new Set([0, 401, 408, 409, 423, 425, 429]);

// Stops an upload. Says {over, finished, status}: `finished` where it came too late and the document is deposited.
export async function cancelUpload(url) {
  // Goes out even when the page closes.
  const status = await statusOf(url, { method: "DELETE", headers: TUS, keepalive: true });
  return { over: SENDING_ENDED.has(status), finished: status === 409, status };
}

// Says that these documents and no more belong to a deposit. Says {over, status}.
export async function closeDeposit(deposit, documents) {
  const status = await statusOf(`/uploads/deposits/${deposit}/close`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ documents }),
  });
  return { over: CLOSED.has(status), status };
}

// Asks for the place of a file that was announced before, with not a byte of it: the intake knows it by its own id.
// `meta` is as it was sent then. Says {over, url, status}; `url` is null where it may not go there any more.
export async function placeOf({ size, meta }) {
  const headers = { ...TUS, "Upload-Length": String(size), "Upload-Metadata": encoded(meta) };
  const { status, place } = await answerOf("/uploads", { method: "POST", headers });
  return { over: isOver(status), url: status === 201 ? new URL(place, location.href).href : null, status };
}

// Asks whether an upload has all its bytes, and the file is a document. Says {over, finished, status}.
export async function isFinished(url) {
  const { status, offset, length } = await answerOf(url, { method: "HEAD", headers: TUS });
  return { over: isOver(status), finished: status === 200 && offset !== null && offset === length, status };
}

function isOver(status) {
  return !LATER.has(status) && status < 500;
}

function encoded(meta) {
  const known = SENT.filter((name) => meta[name] !== undefined);
  return known.map((name) => `${name} ${base64(String(meta[name]))}`).join(",");
}

function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

async function statusOf(address, options) {
  return (await answerOf(address, options)).status;
}

// `status` is 0 where no answer came; the others are the headers of the same meaning, null without.
async function answerOf(address, options) {
  try {
    const { status, headers } = await fetch(address, { ...options, cache: "no-store" });
    const told = { place: "Location", offset: "Upload-Offset", length: "Upload-Length" };
    return { status, ...Object.fromEntries(Object.entries(told).map(([name, header]) => [name, headers.get(header)])) };
  } catch {
    return { status: 0 };
  }
}
