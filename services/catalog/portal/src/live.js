// Hints that documents have changed: one stream a page, held open while the page is looked at.
//
// The browser itself connects again after a broken line. After any other answer than a stream (the gateway has nobody
// to ask, the session has ended) it gives up, and so does a line that broke without a word: both are seen to here.

import { pauseAfter } from "./pauses.js";
import { session, signedInOrAsked } from "./session.js";

// The server says something every 15 s.
const SILENCE = 40_000;

const listeners = new Set();
let stream = null;
let timer = 0;
let losses = 0;

// `callback` gets `{id, state, client}` of a document that has changed, or null: anything may have, fetch it all.
export function onLive(callback) {
  listeners.add(callback);
}

// Begins to listen, for somebody signed in. After a session's end it waits until they are signed in again.
export function startLive() {
  if (!document.body.dataset.sub) return;
  document.addEventListener("visibilitychange", follow);
  session.addEventListener("signed-in", follow);
  addEventListener("online", follow);
  follow();
}

// A page nobody looks at gives its connection back: a browser has few of them for one site.
function follow() {
  close();
  if (document.visibilityState === "visible") open();
}

function open() {
  stream = new EventSource("/api/live");
  // Also the first time: something may have happened since the page was made.
  stream.addEventListener("ready", () => {
    losses = 0;
    tell(null);
  });
  stream.addEventListener("resync", () => tell(null));
  stream.addEventListener("document", (event) => tell(JSON.parse(event.data)));
  stream.addEventListener("ping", expectMore);
  stream.addEventListener("error", () => {
    if (stream?.readyState === EventSource.CLOSED) lost();
  });
  expectMore();
}

function close() {
  clearTimeout(timer);
  stream?.close();
  stream = null;
}

function tell(hint) {
  expectMore();
  for (const callback of listeners) callback(hint);
}

function expectMore() {
  clearTimeout(timer);
  timer = setTimeout(follow, SILENCE);
}

async function lost() {
  close();
  if (await signedInOrAsked()) timer = setTimeout(follow, pauseAfter(++losses));
}
