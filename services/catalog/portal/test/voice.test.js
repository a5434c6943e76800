import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

// The sentences as the template has them.
const template = readFileSync(new URL("../../catalog/templates/transfer.html", import.meta.url), "utf-8");
const [words] = /<div id="transfer-words"[^>]*>/.exec(template);
const inCamelCase = (name) => name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
const dataset = Object.fromEntries([...words.matchAll(/data-([\w-]+)="([^"]*)"/g)].map(([, name, text]) => [inCamelCase(name), text]));
globalThis.document = { getElementById: (id) => (id === "transfer-words" ? { dataset } : null) };
const { Voice } = await import("../src/transfer/voice.js");
const { headline } = await import("../src/transfer/view.js");

const file = (name, state, more = {}) => ({ id: name, name, state, ...more });

function news(mode, ...turned) {
  const voice = new Voice(null);
  voice.newsOf(turned.map(({ name }) => file(name, "sending")), mode);
  return voice.newsOf(turned, mode);
}

test("what was published is not said to be deposited", () => {
  assert.equal(news("deposit", file("a.pdf", "done")), "a.pdf déposé.");
  assert.equal(news("replace", file("a.pdf", "done")), "a.pdf déposé.");
  assert.equal(news("publish", file("a.pdf", "done")), "a.pdf publié.");
  assert.equal(news("publish", file("a.pdf", "done"), file("b.pdf", "done")), "2 documents publiés.");
  assert.equal(news("publish", file("a.pdf", "duplicate")), "a.pdf a déjà été publié. Envoyer quand même ?");
});

test("trouble is told for each file, and nothing twice", () => {
  const refused = file("a.pdf", "refused", { problem: { text: "Le fichier est vide." } });
  assert.equal(news("deposit", refused, file("b.pdf", "missing")), "a.pdf refusé. Le fichier est vide. b.pdf est à choisir de nouveau.");
  const voice = new Voice(null);
  voice.newsOf([refused], "deposit");
  assert.equal(voice.newsOf([refused], "deposit"), "");
});

test("the headline counts what came of the files, with thousands apart", () => {
  const done = Array.from({ length: 1_200 }, (_, number) => file(`${number}.pdf`, "done"));
  assert.equal(headline(done, "publish"), "1\u202f200 documents publiés");
  assert.equal(headline([file("a.pdf", "done"), file("b.pdf", "refused")], "deposit"), "1 document déposé, 1 fichier refusé");
});
