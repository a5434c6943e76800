import assert from "node:assert/strict";
import test from "node:test";

import { Sleepers, Slots, pauseAfter } from "../src/pauses.js";

test("pauses double from one second to thirty and stay there", () => {
  const middle = () => 0.5;
  const pauses = [1, 2, 3, 4, 5, 6, 7, 1_000_000].map((tries) => pauseAfter(tries, middle));
  assert.deepEqual(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

test("pauses are spread, and never past thirty seconds", () => {
  assert.equal(pauseAfter(1, () => 0), 750);
  assert.equal(pauseAfter(1, () => 1), 1_250);
  assert.equal(pauseAfter(9, () => 1), 30_000);
});

test("a sleeper that is woken rises at once", async () => {
  const sleepers = new Sleepers();
  const sleep = sleepers.sleep(3_600_000);
  sleepers.wake();
  await sleep;
});

test("no more than the given number work at a time, and the first come first", async () => {
  const slots = new Slots(2);
  const begun = [];
  const ends = [];
  const work = (name) => slots.use(() => {
    begun.push(name);
    return new Promise((resolve) => ends.push(resolve));
  });
  const all = ["a", "b", "c", "d"].map(work);
  await settled();
  assert.deepEqual(begun, ["a", "b"]);
  ends.shift()();
  await settled();
  assert.deepEqual(begun, ["a", "b", "c"]);
  while (ends.length) {
    ends.shift()();
    await settled();
  }
  await Promise.all(all);
  assert.deepEqual(begun, ["a", "b", "c", "d"]);
});

test("a place whose work failed is free again", async () => {
  const slots = new Slots(1);
  await assert.rejects(slots.use(() => Promise.reject(new Error("broken"))));
  assert.equal(await slots.use(() => "next"), "next");
});

function settled() {
  return new Promise((resolve) => setImmediate(resolve));
}
