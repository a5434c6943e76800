import assert from "node:assert/strict";
import test from "node:test";

import { meaningOf } from "../src/transfer/answers.js";

const kind = (status, { problem = null, ...rest } = {}) => meaningOf({ status, problem, resumed: false, ...rest }).kind;

test("no answer is a lost line, for all files", () => {
  assert.deepEqual(meaningOf({ status: 0, problem: null, resumed: false }), { kind: "line_lost", isDown: true });
});

test("what waiting helps is tried again", () => {
  for (const status of [409, 460, 500, 502, 503, 504]) assert.equal(kind(status), "retrying", status);
});

test("only a gateway's or a whole service's failure holds the other files back", () => {
  assert.equal(meaningOf({ status: 503, problem: null, resumed: true }).isDown, true);
  assert.equal(meaningOf({ status: 500, problem: null, resumed: true }).isDown, false);
  assert.equal(meaningOf({ status: 409, problem: null, resumed: true }).isDown, false);
});

test("whoever is told to wait waits that long, with all files only where all are limited", () => {
  const limits = { too_many_requests: true, too_many_transfers: true, too_many_bytes: false, too_many_uploads: false };
  for (const [code, isDown] of Object.entries(limits)) {
    const meaning = meaningOf({ status: 429, problem: { code, detail: "…" }, after: 4000, resumed: true });
    assert.deepEqual(meaning, { kind: "held_back", after: 4000, isDown });
  }
});

test("a file half sent is not being checked, and its state is asked for as late as it was told", () => {
  const told = { status: 423, problem: null, after: 7000, resumed: true };
  assert.deepEqual(meaningOf({ ...told, whole: false }), { kind: "retrying", after: 7000 });
  assert.deepEqual(meaningOf({ ...told, whole: true }), { kind: "verifying", after: 7000 });
});

test("a pending verdict is shown as being checked, another writer as a retry", () => {
  assert.equal(kind(423, { resumed: true, whole: true }), "verifying");
  assert.equal(kind(423, { problem: { code: "verdict_pending" } }), "verifying");
  assert.deepEqual(meaningOf({ status: 503, problem: { code: "verdict_late" }, resumed: false }), { kind: "verifying" });
  assert.equal(kind(423, { problem: { code: "locked" } }), "retrying");
});

test("an ended session is no refusal", () => {
  assert.equal(kind(401, { resumed: true }), "signed_out");
});

test("an upload that is gone is begun anew, a file that is not taken is refused", () => {
  for (const status of [404, 410, 413]) {
    assert.equal(kind(status, { resumed: true }), "anew", status);
    assert.equal(kind(status), "refused", status);
  }
});

test("bytes that came wrong are sent anew", () => {
  assert.equal(kind(422, { problem: { code: "sha256_mismatch", detail: "…" } }), "anew");
  assert.equal(kind(422, { problem: { code: "type_mismatch", detail: "…" } }), "refused");
});

test("a refusal has the service's own French reason and says what to do", () => {
  const detail = "Le fichier est vide.";
  const { problem } = meaningOf({ status: 422, problem: { code: "empty_file", detail }, resumed: false });
  assert.equal(problem.text, detail);
  assert.match(problem.advice, /choisissez-le de nouveau/);
});

test("a gateway's own words are not shown", () => {
  const { problem } = meaningOf({ status: 400, problem: null, resumed: false });
  assert.equal(problem.text, "Ce fichier n’a pas été accepté.");
});
