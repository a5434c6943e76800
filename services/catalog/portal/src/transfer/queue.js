// The transfer queue of one person: takes files, sends them a few at a time, and never gives up.
//
// It survives reloads. A file has an id of its own that the intake also knows, so one that was whole at the very
// moment the page went away is not deposited twice.
//
// Events: "change", "progress" (detail: the file), "deposited" {documents}, "signed-out", "signed-in", "line" {up}.

import { session } from "../session.js";
import { Deposits } from "./deposits.js";
import { Examiner } from "./examiner.js";
import { TransferFile, documentIn, metadataOf } from "./file.js";
import { fingerprint } from "./fingerprint.js";
import { keptStores, storeOf } from "./kept.js";
import { claim, claimFree } from "./lock.js";
import { cancelUpload, closeDeposit, isFinished, placeOf } from "./requests.js";
import { Sender } from "./sender.js";
import { Sending } from "./sending.js";

const OTHER_FILE = {
  code: "other_file",
  text: "Ce n’est pas le même fichier.",
  advice: "Choisissez le fichier dont le nom est affiché, tel qu’il était.",
};

let opened;

// The queue of this page; the same one when asked again.
export function openQueue({ sub, concurrency = 3 }) {
  opened ??= begin({ sub, concurrency });
  return opened;
}

async function begin({ sub, concurrency }) {
  const store = await storeFor(sub);
  const queue = new TransferQueue({ store, concurrency });
  await queue.restore(store);
  return queue;
}

// What a window left that is gone, be it this one before a reload; else one of its own.
async function storeFor(sub) {
  const left = await claim(await keptStores(sub));
  if (left) return left;
  let window = 1;
  while (!(await claimFree(storeOf(sub, window)))) window += 1;
  return storeOf(sub, window);
}

export class TransferQueue extends EventTarget {
  files = [];
  #sender;
  #examiner;
  #sending;
  #deposits;
  #cancelled = [];
  #closing = new Set();

  constructor({ store, concurrency }) {
    super();
    const mark = (file, state) => this.#mark(file, state);
    const tell = (event, detail) => this.#tell(event, detail);
    this.#sender = new Sender({ store, concurrency, onProgress: (id, bytes) => this.#progressed(id, bytes) });
    this.#examiner = new Examiner({ sender: this.#sender, files: () => this.files, mark });
    const abandon = (file, url) => this.#cancel(url, file.deposit);
    this.#sending = new Sending({ sender: this.#sender, examiner: this.#examiner, concurrency, mark, tell, abandon });
    this.#deposits = new Deposits({}, (deposits) => this.#sender.note({ deposits }));
    session.addEventListener("leaving", (event) => this.running && event.preventDefault());
    session.addEventListener("left", () => this.removeAll());
  }

  // Takes up what an earlier page left in `store`.
  async restore(store) {
    const { files, notes } = await this.#sender.restore(store);
    this.#deposits = new Deposits(notes.deposits ?? {}, (deposits) => this.#sender.note({ deposits }));
    this.files = files.map((kept) => TransferFile.restored(kept));
    for (const file of this.files) {
      if (file.document) this.#deposits.record(file.deposit, file.document);
      if (file.isOnItsWay) this.#send(file);
      else if (file.isStarted && file.state === "missing") this.#recall(file);
      else if (!file.isStarted && file.state === "waiting") this.#examiner.examine(file);
    }
    for (const { url, deposit } of notes.cancelled ?? []) this.#cancel(url, deposit);
    for (const deposit of this.#deposits.ids) this.#settleDeposit(deposit);
    this.#tell("change");
  }

  // Takes files in. `settings` is {client, folder, space, label, replaces, alert}, and may be changed until the start.
  add(list, settings) {
    for (const source of list) {
      const id = crypto.randomUUID();
      const file = new TransferFile({ id, name: source.name, size: source.size, settings });
      const { name: filename, type: filetype } = source;
      this.#sender.add(source, { file: id, filename, filetype, settings, ...metadataOf(settings) });
      this.files.push(file);
      this.#examiner.examine(file);
    }
    this.#tell("change");
  }

  // Changes where all that wasn't started goes, and whom to tell.
  settle(settings) {
    for (const file of this.files) {
      if (!file.followsFields) continue;
      file.settings = { ...file.settings, ...settings };
      this.#sender.set(file.id, { settings: file.settings, ...metadataOf(file.settings) });
      if (["waiting", "duplicate"].includes(file.state)) this.#examiner.examine(file);
    }
    this.#tell("change");
  }

  // Sends everything that waits: one click, one deposit a destination. Asks for a sign-in where one is needed.
  start() {
    if (this.#sending.isSignedOut) this.#sending.signOut();
    const destinations = new Map();
    for (const file of this.files.filter((each) => each.isReady)) {
      const { client, space, folder } = metadataOf(file.settings);
      const destination = JSON.stringify([client, space, folder]);
      destinations.set(destination, [...(destinations.get(destination) ?? []), file]);
    }
    for (const files of destinations.values()) this.#startTogether(files);
  }

  // Cancels a file, also while it is being sent. One that is done only leaves the view.
  remove(id) {
    const file = this.#find(id);
    if (!file) return;
    this.files = this.files.filter((each) => each !== file);
    file.removed = true;
    if (file.state !== "done") this.#discard(file);
    this.#tell("change");
  }

  removeAll() {
    for (const { id } of [...this.files]) this.remove(id);
  }

  // Sends a file although it was deposited before.
  sendAnyway(id) {
    const file = this.#find(id);
    if (file?.state !== "duplicate") return;
    file.anyway = true;
    this.#sender.set(id, { anyway: true });
    this.#mark(file, "waiting");
    if (!file.isStarted) return;
    // What it was started with may be closed by now.
    if (this.#deposits.has(file.deposit) && !this.#closing.has(file.deposit)) this.#send(file);
    else this.#startTogether([file]);
  }

  // The bytes of a file the browser could not keep. Resolves to whether it is the same file.
  async chooseAgain(id, source) {
    const file = this.#find(id);
    if (file?.state !== "missing") return false;
    const isSame = source.name === file.name && source.size === file.size && (await this.#hasHash(file, source));
    if (file.removed) return false;
    file.problem = isSame ? null : OTHER_FILE;
    if (isSame) this.#sender.give(id, source);
    this.#mark(file, isSame ? "waiting" : "missing");
    if (isSame && file.isStarted) this.#send(file);
    else if (isSame) this.#examiner.examine(file);
    return isSame;
  }

  get isSignedOut() {
    return this.#sending.isSignedOut;
  }

  // Files that are not done and may still become so.
  get remaining() {
    return this.files.filter((file) => !file.hasEnded).length;
  }

  // 0…1, over the bytes of all files but the refused.
  get progress() {
    const counted = this.files.filter((file) => file.state !== "refused");
    const whole = counted.reduce((sum, { size }) => sum + size, 0);
    return whole ? counted.reduce((sum, { sent }) => sum + sent, 0) / whole : 0;
  }

  get running() {
    return this.files.some((file) => file.isOnItsWay);
  }

  async #startTogether(files) {
    const deposit = this.#deposits.begin(files.length);
    for (const file of files) {
      file.deposit = deposit;
      this.#sender.set(file.id, { deposit, deposit_size: files.length });
    }
    this.#tell("change");
    // A small file may be deposited before Uppy would have written that it was started.
    await this.#sender.keepNow();
    for (const file of files) this.#send(file);
  }

  async #send(file) {
    await this.#sending.send(file);
    if (file.removed) return;
    if (file.state === "done") this.#deposits.record(file.deposit, file.document);
    this.#settleDeposit(file.deposit);
  }

  // A file was started, and its bytes are gone. They go as soon as the intake has them, what is known of it up to half a
  // second later: who left in between is told by the intake whether it is deposited.
  async #recall(file) {
    this.#mark(file, "verifying");
    const known = this.#sender.urlOf(file.id);
    const url = known ?? (await this.#placeOf(file));
    if (file.removed) {
      if (url !== known && url) await this.#cancel(url, file.deposit);
      return;
    }
    const { finished } = url ? await this.#askOf(file, () => isFinished(url)) : {};
    if (file.removed) return;
    if (!finished) {
      this.#mark(file, "missing");
      return;
    }
    this.#sender.conclude(file.id);
    Object.assign(file, { document: documentIn(url), sent: file.size });
    this.#mark(file, "done");
    this.#deposits.record(file.deposit, file.document);
    this.#settleDeposit(file.deposit);
  }

  async #placeOf(file) {
    const { size, meta } = this.#sender.get(file.id);
    const { url } = await this.#askOf(file, () => placeOf({ size, meta }));
    if (url && !file.removed) this.#sender.place(file.id, url);
    return url;
  }

  // Asks until there is an answer, or nobody is interested any more.
  #askOf(file, ask) {
    return this.#sending.ask(() => (file.removed ? { over: true } : ask()));
  }

  // Takes a file's bytes back, here and at the intake.
  async #discard(file) {
    const url = this.#sender.urlOf(file.id);
    this.#sending.drop(file);
    this.#sender.remove(file.id);
    if (url) await this.#cancel(url, file.deposit);
    else if (file.isStarted) this.#settleDeposit(file.deposit);
  }

  async #cancel(url, deposit) {
    this.#cancelled = [...this.#cancelled, { url, deposit }];
    this.#sender.note({ cancelled: this.#cancelled });
    const { finished } = await this.#sending.ask(() => cancelUpload(url));
    if (finished && this.#deposits.has(deposit)) this.#deposits.record(deposit, documentIn(url));
    this.#cancelled = this.#cancelled.filter((each) => each.url !== url);
    this.#sender.note({ cancelled: this.#cancelled });
    this.#settleDeposit(deposit);
  }

  // All of a click's files have come to their end: says so, and closes it where fewer came than were announced.
  async #settleDeposit(deposit) {
    const isOpen = this.#deposits.has(deposit) && !this.#closing.has(deposit);
    const awaited = this.files.some((file) => file.deposit === deposit && file.holdsDeposit);
    if (!isOpen || awaited || this.#cancelled.some((each) => each.deposit === deposit)) return;
    this.#closing.add(deposit);
    const documents = this.#deposits.documents(deposit);
    if (documents.length) this.#tell("deposited", { documents });
    if (this.#deposits.isShort(deposit)) await this.#sending.ask(() => closeDeposit(deposit, documents));
    this.#deposits.end(deposit);
    this.#closing.delete(deposit);
    this.#sender.removeDone(deposit);
  }

  async #hasHash(file, source) {
    return !file.sha256 || (await fingerprint(source)) === file.sha256;
  }

  #progressed(id, bytes) {
    const file = this.#find(id);
    if (!file) return;
    this.#sending.progressed(file, bytes);
    this.#tell("progress", file);
  }

  #find(id) {
    return this.files.find((file) => file.id === id);
  }

  #mark(file, state) {
    file.state = state;
    this.#tell("change");
  }

  #tell(event, detail) {
    this.dispatchEvent(new CustomEvent(event, { detail }));
  }
}
