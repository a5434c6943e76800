import assert from "node:assert/strict";
import test from "node:test";

import { fetchPatiently } from "../src/patience.js";

const refusal = (code, headers = { "Retry-After": "1" }) =>
  new Response(JSON.stringify({ code }), { status: 429, headers: { "Content-Type": "application/problem+json", ...headers } });

// Has `fetch` give these answers, the last one for good, and no wait take any time. Says how often it was asked.
function answering(context, ...answers) {
  const asked = context.mock.method(globalThis, "fetch", async () => (answers.length > 1 ? answers.shift() : answers[0]).clone());
  context.mock.method(globalThis, "setTimeout", (callback) => queueMicrotask(callback));
  return () => asked.mock.callCount();
}

test("what was asked too often is asked again after the wait", async (context) => {
  const count = answering(context, refusal("too_many_requests"), new Response("ok"));
  assert.equal(await (await fetchPatiently("/api/me")).text(), "ok");
  assert.equal(count(), 2);
  const [, wait] = setTimeout.mock.calls[0].arguments;
  assert.ok(wait >= 1_000 && wait <= 1_250, wait);
});

test("a page that was asked for too often is asked for again too", async (context) => {
  const page = new Response("<p>", { status: 429, headers: { "Content-Type": "text/html", "Retry-After": "1" } });
  const count = answering(context, page, new Response("ok"));
  assert.equal((await fetchPatiently("/documents")).status, 200);
  assert.equal(count(), 2);
});

test("it is not asked for ever", async (context) => {
  const count = answering(context, refusal("too_many_requests"));
  assert.equal((await fetchPatiently("/api/me")).status, 429);
  assert.equal(count(), 4);
});

test("what people are told to wait for is not waited for here, nor what says no time", async (context) => {
  for (const answer of [refusal("retried_just_now"), refusal("too_many_requests", {}), new Response("", { status: 503 })]) {
    const count = answering(context, answer);
    assert.equal((await fetchPatiently("/api/me")).status, answer.status);
    assert.equal(count(), 1);
    context.mock.restoreAll();
  }
});

test("who is told of a wait is told how long, when it is over, and waits for a service that is away too", async (context) => {
  const away = new Response("", { status: 503, headers: { "Retry-After": "2" } });
  answering(context, refusal("too_many_requests"), away, new Response("ok"));
  const heard = [];
  const told = ({ status, milliseconds }) => {
    heard.push([status, milliseconds >= 1_000 && milliseconds <= 2_500]);
    return () => heard.push("over");
  };
  assert.equal((await fetchPatiently("/api/me", { told })).status, 200);
  assert.deepEqual(heard, [[429, true], "over", [503, true], "over"]);
});

test("nobody who looks at something is kept waiting for minutes, or without being told how long", async (context) => {
  for (const after of ["61", "Mon, 30 Nov 2026 12:00:00 GMT", undefined]) {
    const headers = after ? { "Retry-After": after } : {};
    const count = answering(context, new Response("", { status: 503, headers }));
    assert.equal((await fetchPatiently("/api/me", { told: assert.fail })).status, 503);
    assert.equal(count(), 1);
    context.mock.restoreAll();
  }
});

test("a wait that is given up ends at once", async (context) => {
  context.mock.method(globalThis, "fetch", async () => refusal("too_many_requests", { "Retry-After": "3600" }));
  const aborting = new AbortController();
  const waiting = fetchPatiently("/api/me", { signal: aborting.signal });
  setTimeout(() => aborting.abort(), 10);
  await assert.rejects(waiting, { name: "AbortError" });
});
