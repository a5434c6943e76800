import assert from "node:assert/strict";
import test from "node:test";

import { isFinished, placeOf } from "../src/transfer/requests.js";

globalThis.location = new URL("https://portal.example/documents");

// What was asked, and what is answered.
function intake(t, status, headers = {}) {
  const asked = [];
  t.mock.method(globalThis, "fetch", async (address, options) => {
    if (status === 0) throw new TypeError("Failed to fetch");
    asked.push({ address, ...options });
    return { status, headers: new Headers(headers) };
  });
  return asked;
}

test("a file is a document once the intake has all its bytes", async (t) => {
  for (const [offset, finished] of [["10", true], ["9", false], ["0", false]]) {
    intake(t, 200, { "Upload-Offset": offset, "Upload-Length": "10" });
    assert.deepEqual(await isFinished("/uploads/1"), { over: true, finished, status: 200 });
    t.mock.restoreAll();
  }
});

test("an upload that is gone or refused is none, and what gives no answer is asked again", async (t) => {
  for (const [status, over] of [[404, true], [410, true], [403, true], [423, false], [401, false], [503, false], [0, false]]) {
    intake(t, status);
    assert.deepEqual(await isFinished("/uploads/1"), { over, finished: false, status });
    t.mock.restoreAll();
  }
});

test("the place of a file is asked for with its own id and not a byte", async (t) => {
  const asked = intake(t, 201, { Location: "/uploads/7" });
  const meta = { filename: "relevé.pdf", file: "f", deposit: "d", deposit_size: 2, alert: "", settings: {}, name: "x" };
  const answer = await placeOf({ size: 10, meta });
  assert.deepEqual(answer, { over: true, url: "https://portal.example/uploads/7", status: 201 });
  const [{ address, method, headers, body }] = asked;
  assert.deepEqual([address, method, body, headers["Upload-Length"]], ["/uploads", "POST", undefined, "10"]);
  const pairs = headers["Upload-Metadata"].split(",").map((pair) => pair.split(" "));
  const told = Object.fromEntries(pairs.map(([name, value]) => [name, Buffer.from(value, "base64").toString()]));
  assert.deepEqual(told, { filename: "relevé.pdf", deposit: "d", deposit_size: "2", alert: "", file: "f" });
});

test("where a file may not go there is no place", async (t) => {
  for (const [status, over] of [[403, true], [422, true], [429, false], [502, false], [0, false]]) {
    intake(t, status);
    assert.deepEqual(await placeOf({ size: 10, meta: {} }), { over, url: null, status });
    t.mock.restoreAll();
  }
});
