import assert from "node:assert/strict";
import test from "node:test";

import { waitOf } from "../src/transfer/words.js";

test("a wait is told in whole seconds, minutes or hours, never shorter than it is", () => {
  const told = [-5, 1, 1001, 99_000, 99_001, 600_001, 5_940_000, 5_940_001, 86_400_000].map(waitOf).map((text) => text.replace("\u00a0", " "));
  assert.deepEqual(told, ["1 s", "1 s", "2 s", "99 s", "2 min", "11 min", "99 min", "2 h", "24 h"]);
});
