import assert from "node:assert/strict";
import test from "node:test";

import { Gate } from "../src/transfer/gate.js";

test("who comes while it is shut passes when it opens", async () => {
  const gate = new Gate();
  await gate.passed();
  assert.equal(gate.shut(), true);
  assert.equal(gate.shut(), false, "it was shut before");
  let passed = false;
  const waiting = gate.passed().then(() => {
    passed = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(passed, false);
  assert.equal(gate.open(), true);
  await waiting;
  assert.equal(gate.open(), false, "it was open before");
});
