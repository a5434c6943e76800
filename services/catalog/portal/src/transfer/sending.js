// Sends files until each has come to its end, however often the line, a server or the session goes.

import { Sleepers, Slots, pauseAfter } from "../pauses.js";
import { renew, session, sessionNow } from "../session.js";
import { meaningOf } from "./answers.js";
import { Gate } from "./gate.js";
import { placeOf } from "./requests.js";

// A line that died without a word is given up after so long; the next attempt goes on where the server is.
const STALLED_AFTER = 60_000;
const LOOK_EVERY = 5_000;

export class Sending {
  #sender;
  #examiner;
  #slots;
  #mark;
  #tell;
  #abandon;
  #sleepers = new Sleepers();
  #gate = new Gate();
  #active = new Set();
  #lineIsUp = true;

  // `mark(file, state)` changes a file's state, `tell(event, detail)` tells the queue's listeners, `abandon(file, url)`
  // takes back what the intake has of a file that was removed meanwhile.
  constructor({ sender, examiner, concurrency, mark, tell, abandon }) {
    this.#sender = sender;
    this.#examiner = examiner;
    this.#slots = new Slots(concurrency);
    this.#mark = mark;
    this.#tell = tell;
    this.#abandon = abandon;
    addEventListener("offline", () => this.#lose());
    addEventListener("online", () => this.#regain());
    // A laptop that was closed, a phone's page that comes back to the front.
    document.addEventListener("visibilitychange", () => document.hidden || this.#sleepers.wake());
    session.addEventListener("signed-in", () => this.#admit());
  }

  get isSignedOut() {
    return this.#gate.isShut;
  }

  // Takes a file to where it needs nobody's waiting any more: done, refused, removed, or a person's decision.
  async send(file) {
    while (file.isOnItsWay) {
      const outcome = await this.#turn(file);
      if (file.isOnItsWay) await this.#follow(file, outcome);
    }
  }

  // Bytes of this file are on their way or at the server.
  progressed(file, bytes) {
    // The first that is told of an attempt is what the server has. Where it got further, patience begins anew.
    if (!file.heard && bytes > file.confirmed) Object.assign(file, { confirmed: bytes, tries: 1 });
    file.heard = Date.now();
    file.sent = bytes;
    this.#setLine(true);
    if (bytes === file.size && file.state === "sending") this.#mark(file, "verifying");
    else if (bytes < file.size && file.state === "verifying") this.#mark(file, "sending");
  }

  // Stops sending a file that was removed.
  drop(file) {
    this.#sender.interrupt(file.id, "removed");
    this.#sleepers.wake();
  }

  // Asks until there is an answer. `ask` says {over, status}.
  async ask(ask) {
    for (let tries = 1; ; tries += 1) {
      await this.#gate.passed();
      const answer = await ask();
      if (answer.over) return answer;
      if (answer.status === 401) await this.signOut();
      else await this.#sleepers.sleep(pauseAfter(tries));
    }
  }

  // Pauses everything and has the person sign in again. Resolves when they have.
  async signOut() {
    if (this.#gate.shut()) {
      for (const file of this.#active) this.#sender.interrupt(file.id, "signed_out");
      this.#tell("signed-out");
    }
    renew();
    await this.#gate.passed();
  }

  async #turn(file) {
    await this.#gate.passed();
    if (!this.#sender.urlOf(file.id)) await this.#examine(file);
    return this.#slots.use(async () => {
      const outcome = await this.#attempt(file);
      // Down for all: those behind needn't find out one by one.
      if (outcome.isDown && file.isOnItsWay) await this.#wait(file, outcome);
      return outcome;
    });
  }

  // What it was looked for in is kept before it goes: else the next page would take the file itself for its double.
  async #examine(file) {
    const before = file.lookedIn;
    await this.#examiner.examine(file);
    if (file.lookedIn !== before) await this.#sender.keepNow();
  }

  async #attempt(file) {
    if (!file.isOnItsWay) return { kind: "removed" };
    if (this.#gate.isShut) return { kind: "signed_out" };
    if (["none", "other"].includes(await sessionNow())) return { kind: "signed_out" };
    if (file.isUnplaced) await this.#findPlace(file);
    if (!file.isOnItsWay) return { kind: "removed" };
    file.heard = 0;
    file.tries += 1;
    this.#active.add(file);
    if (file.state !== "verifying") this.#mark(file, "sending");
    const watch = this.#watch(file);
    try {
      return await this.#outcome(file);
    } finally {
      clearInterval(watch);
      this.#active.delete(file);
    }
  }

  // A page that is gone may have announced the file, and its bytes, and not have kept where the intake has it: none of
  // them goes twice. Where there is no answer yet, sending it finds out why.
  async #findPlace(file) {
    const { size, meta } = this.#sender.get(file.id);
    const { url } = await placeOf({ size, meta });
    if (!url) return;
    file.isUnplaced = false;
    if (file.removed) this.#abandon(file, url);
    else this.#sender.place(file.id, url);
  }

  async #outcome(file) {
    const answer = await this.#sender.attempt(file.id);
    const kind = answer.document ? { kind: "done", ...answer } : answer.interrupted && { kind: answer.interrupted };
    // Once the intake has said that it checks a file, it has all of it, whatever was heard of its progress.
    const whole = file.sent === file.size || file.state === "verifying";
    const outcome = kind || meaningOf({ ...answer, whole });
    if (outcome.kind === "line_lost") {
      if (!(await this.#sender.isReadable(file.id))) return { kind: "missing" };
      this.#setLine(false);
      return { ...outcome, isDown: true };
    }
    if (!answer.interrupted) this.#setLine(true);
    return outcome;
  }

  #watch(file) {
    const begun = Date.now();
    return setInterval(() => {
      if (Date.now() - Math.max(begun, file.heard) <= STALLED_AFTER) return;
      // A long check of what has arrived is no lost line.
      this.#sender.interrupt(file.id, file.state === "verifying" ? "verifying" : "line_lost");
    }, LOOK_EVERY);
  }

  async #follow(file, outcome) {
    if (outcome.kind === "done") this.#finish(file, outcome.document);
    else if (outcome.kind === "missing") this.#mark(file, "missing");
    else if (outcome.kind === "anew" && !file.begunAnew) this.#beginAnew(file);
    else if (outcome.problem) this.#refuse(file, outcome.problem);
    else if (outcome.kind === "signed_out") {
      this.#mark(file, "waiting");
      await this.signOut();
    } else if (!outcome.isDown) await this.#wait(file, outcome);
  }

  async #wait(file, { kind, after = 0 }) {
    const pause = Math.max(after, pauseAfter(file.tries));
    file.at = Date.now() + pause;
    this.#mark(file, kind);
    await this.#sleepers.sleep(pause);
    file.at = null;
  }

  #finish(file, document) {
    Object.assign(file, { document, sent: file.size });
    this.#mark(file, "done");
  }

  #beginAnew(file) {
    Object.assign(file, { begunAnew: true, isUnplaced: false, confirmed: 0, sent: 0 });
    this.#sender.startAnew(file.id);
  }

  #refuse(file, problem) {
    file.problem = problem;
    this.#sender.set(file.id, { problem });
    this.#mark(file, "refused");
  }

  #admit() {
    if (this.#gate.open()) this.#tell("signed-in");
    this.#sleepers.wake();
  }

  #lose() {
    for (const file of this.#active) this.#sender.interrupt(file.id, "line_lost");
    this.#setLine(false);
  }

  #regain() {
    this.#setLine(true);
    this.#sleepers.wake();
  }

  #setLine(up) {
    if (this.#lineIsUp === up) return;
    this.#lineIsUp = up;
    this.#tell("line", { up });
  }
}
