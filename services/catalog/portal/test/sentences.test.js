import assert from "node:assert/strict";
import test from "node:test";

import { counted, said } from "../src/words.js";

const dataset = {
  one: "1 document",
  many: "{n} documents",
  goneOne: "« {name} » est supprimé.",
  goneMany: "{n} documents sont supprimés.",
};
globalThis.document = { getElementById: (id) => (id === "words" ? { dataset } : null) };

test("a sentence has its names filled in as they are", () => {
  assert.equal(said("words", "goneOne", { name: "$& {n} <b>.pdf" }), "« $& {n} <b>.pdf » est supprimé.");
});

test("one thing and many have sentences of their own, with thousands apart", () => {
  assert.equal(counted("words", "gone", 1, { name: "a.pdf" }), "« a.pdf » est supprimé.");
  assert.equal(counted("words", "gone", 10_000), "10\u202f000 documents sont supprimés.");
  assert.equal(counted("words", "", 2), "2 documents");
  assert.equal(counted("words", "", 1), "1 document");
});
