import assert from "node:assert/strict";
import test from "node:test";

import { Deposits } from "../src/transfer/deposits.js";

test("a document is counted once, however often it is found done", () => {
  const deposits = new Deposits({}, () => {});
  const id = deposits.begin(2);
  deposits.record(id, "one");
  deposits.record(id, "one");
  assert.deepEqual(deposits.documents(id), ["one"]);
  assert.equal(deposits.isShort(id), true);
  deposits.record(id, "two");
  assert.equal(deposits.isShort(id), false);
});

test("what is kept brings the open deposits back after a reload, and no ended one", () => {
  let kept;
  const deposits = new Deposits({}, (open) => {
    kept = JSON.parse(JSON.stringify(open));
  });
  const [ended, open] = [deposits.begin(1), deposits.begin(3)];
  deposits.record(open, "one");
  deposits.end(ended);
  const again = new Deposits(kept, () => {});
  assert.deepEqual(again.ids, [open]);
  assert.deepEqual(again.documents(open), ["one"]);
});
