import assert from "node:assert/strict";
import test from "node:test";

import { TransferFile, metadataOf } from "../src/transfer/file.js";

const named = (state, deposit = "click") => {
  const file = new TransferFile({ id: "1", name: "facture.pdf", size: 10, settings: {} });
  return Object.assign(file, { state, deposit });
};

test("a published document's label is its folder", () => {
  const { folder, space } = metadataOf({ client: "earl", space: "published", label: "Bilan", folder: "comptable" });
  assert.deepEqual([folder, space], ["Bilan", "published"]);
});

test("what is not said is empty in the metadata, never the word undefined", () => {
  assert.deepEqual(metadataOf({ folder: "conseil" }), {
    client: "", space: "deposits", folder: "conseil", replaces: "", alert: "",
  });
});

test("a deposit waits for files on their way and for those to be chosen again, for no other", () => {
  for (const state of ["waiting", "hashing", "sending", "verifying", "line_lost", "retrying", "missing"]) {
    assert.equal(named(state).holdsDeposit, true, state);
  }
  for (const state of ["duplicate", "done", "refused"]) assert.equal(named(state).holdsDeposit, false, state);
  assert.equal(Object.assign(named("sending"), { removed: true }).holdsDeposit, false);
});

test("a click starts only what waits and was not started", () => {
  assert.equal(named("waiting", null).isReady, true);
  assert.equal(named("hashing", null).isReady, true);
  for (const state of ["duplicate", "missing", "refused"]) assert.equal(named(state, null).isReady, false, state);
  assert.equal(named("waiting").isReady, false);
});

test("the dialog's fields are those of what neither was started nor has ended", () => {
  for (const state of ["waiting", "hashing", "duplicate", "missing"]) {
    assert.equal(named(state, null).followsFields, true, state);
    assert.equal(named(state).followsFields, false, state);
  }
  for (const state of ["done", "refused"]) assert.equal(named(state, null).followsFields, false, state);
});

test("the intake may have heard of what an earlier page started and had looked at, unless it is known where", () => {
  const restored = (meta, tus) =>
    TransferFile.restored({ meta: { file: "1", filename: "facture.pdf", settings: {}, ...meta }, size: 10, progress: {}, tus });
  assert.equal(restored({ deposit: "click", lookedIn: "deposits/" }).isUnplaced, true);
  // A file that is sent although it was deposited before is not looked for again.
  assert.equal(restored({ deposit: "click", anyway: true }).isUnplaced, true);
  assert.equal(restored({ deposit: "click" }).isUnplaced, false);
  assert.equal(restored({ lookedIn: "deposits/" }).isUnplaced, false);
  assert.equal(restored({ deposit: "click", lookedIn: "deposits/" }, { uploadUrl: "/uploads/1" }).isUnplaced, false);
});
