// Uppy without its interface: sends one file at a time by tus, and keeps what is unfinished for a reload.
//
// Uppy does the protocol and the keeping. When to send and when to try again is the queue's own: Uppy gives up after
// so many tries, and we never do.

import Uppy from "@uppy/core";
import GoldenRetriever from "@uppy/golden-retriever";
import Tus from "@uppy/tus";

import { documentIn } from "./file.js";
import { isKept, keep } from "./kept.js";
import { SENT } from "./requests.js";

const ENDPOINT = "/uploads";
const DAY = 24 * 3600 * 1000;
const MEGABYTE = 1_000_000;
// As long as the intake keeps an unfinished upload.
const KEPT_FOR = 7 * DAY;
const RESTORED_WITHIN = 10_000;
const SILENT = { debug() {}, warn() {}, error() {} };

export class Sender {
  #store;
  #uppy;
  #tus;
  #attempts = new Map();
  #failures = new Map();
  #notes = {};

  // `store` names where things are kept; `onProgress(id, bytes)` tells what the server will have.
  constructor({ store, concurrency, onProgress }) {
    this.#store = store;
    this.#uppy = new Uppy({
      id: store,
      logger: SILENT,
      // The same file may be chosen twice; each time it is a file of its own.
      onBeforeFileAdded: (file) => ({ ...file, id: file.meta.file }),
    });
    this.#uppy.use(Tus, {
      endpoint: new URL(ENDPOINT, location.href).href,
      limit: concurrency,
      retryDelays: null,
      allowedMetaFields: SENT,
      // What is kept lies in one place, by person.
      storeFingerprintForResuming: false,
    });
    this.#tus = this.#uppy.getPlugin("Tus");
    this.#uppy.on("upload-progress", (file, { bytesUploaded }) => onProgress(file.id, bytesUploaded));
    this.#uppy.on("upload-error", (file, error, response) => this.#failures.set(file.id, failureOf(error, response)));
  }

  // Brings back what was kept in `store`: {files, notes}.
  async restore(store) {
    const anything = await isKept(store);
    const restored = new Promise((resolve) => this.#uppy.once("restored", resolve));
    this.#uppy.use(GoldenRetriever, {
      expires: KEPT_FOR,
      indexedDB: { maxFileSize: 250 * MEGABYTE, maxTotalSize: 2_000 * MEGABYTE },
    });
    if (anything) {
      const late = new Promise((resolve) => setTimeout(resolve, RESTORED_WITHIN));
      this.#notes = (await Promise.race([restored, late])) ?? {};
    }
    // Attempts of a page that is gone.
    this.#uppy.setState({ currentUploads: {}, recoveredState: null });
    return { files: this.#uppy.getFiles(), notes: this.#notes };
  }

  add(file, meta) {
    const { name, type } = file;
    this.#uppy.addFile({ name, type, data: file, meta });
  }

  get(id) {
    return this.#uppy.getFile(id);
  }

  // Changes what is known and kept of a file.
  set(id, meta) {
    this.#uppy.setFileMeta(id, meta);
  }

  // The file's bytes, chosen again.
  give(id, file) {
    this.#uppy.setFileState(id, { data: file, isGhost: false });
  }

  // Keeps something besides the files.
  note(notes) {
    this.#notes = { ...this.#notes, ...notes };
    this.#uppy.emit("restore:plugin-data-changed", this.#notes);
  }

  // Keeps all that is known now, so that a reload within the next half second finds it.
  keepNow() {
    const { files } = this.#uppy.getState();
    return keep(this.#store, { files, notes: this.#notes, expires: Date.now() + KEPT_FOR });
  }

  // Where the bytes went, as the intake says.
  place(id, url) {
    this.#uppy.setFileState(id, { tus: { uploadUrl: url } });
  }

  // The intake has a file whole, of which nobody here had heard the end.
  conclude(id) {
    const { size, progress } = this.get(id);
    const whole = { ...progress, bytesUploaded: size, uploadComplete: true, complete: true };
    this.#uppy.setFileState(id, { progress: whole, isGhost: false });
  }

  // Forgets the place where the bytes went: the next attempt begins at the first byte.
  startAnew(id) {
    this.#uppy.setFileState(id, { tus: undefined });
  }

  // Sends what the server doesn't have yet. Resolves to {document}, {interrupted} or {status, problem, after, resumed}.
  attempt(id) {
    const url = this.urlOf(id);
    // Without an endpoint a lost upload is told, instead of silently begun anew.
    this.#uppy.setFileState(id, { tus: url ? { uploadUrl: url, endpoint: "" } : undefined });
    this.#failures.delete(id);
    return new Promise((resolve) => {
      this.#attempts.set(id, resolve);
      // Uppy's one way to send a single file.
      this.#uppy.retryUpload(id).then(({ successful }) => {
        const failure = this.#failures.get(id);
        if (successful.length) resolve({ document: documentIn(this.urlOf(id)) });
        else if (failure) resolve({ ...failure, resumed: url !== undefined });
        else resolve({ interrupted: "removed" });
      });
    }).finally(() => this.#attempts.delete(id));
  }

  // Stops an attempt, which then resolves to {interrupted: why}; what the server has by then stays.
  interrupt(id, why) {
    const ended = this.#attempts.get(id);
    if (!ended) return;
    this.#uppy.pauseResume(id);
    // Let go of: Uppy would cancel it at the intake when the file is removed, once and whether or not it is heard.
    this.#tus.uploaders[id] = null;
    ended({ interrupted: why });
  }

  // False when the file was moved or changed on the disk; sending it fails as a lost line would.
  async isReadable(id) {
    try {
      await this.get(id).data.slice(0, 1).arrayBuffer();
      return true;
    } catch {
      return false;
    }
  }

  remove(id) {
    this.#uppy.removeFile(id);
  }

  // Keeps no more of the files of a deposit that are done.
  removeDone(deposit) {
    const done = this.#uppy.getFiles().filter(({ meta, progress }) => meta.deposit === deposit && progress.uploadComplete);
    this.#uppy.removeFiles(done.map(({ id }) => id));
  }

  urlOf(id) {
    return this.get(id)?.tus?.uploadUrl ?? undefined;
  }
}

function failureOf(error, response) {
  const xhr = response?.body.xhr;
  if (!xhr) return { status: 0, problem: null };
  const after = 1000 * xhr.getResponseHeader("Retry-After") || 0;
  return { status: xhr.status, problem: problemIn(xhr), after };
}

function problemIn(xhr) {
  if (!xhr.getResponseHeader("Content-Type")?.startsWith("application/problem+json")) return null;
  try {
    const problem = JSON.parse(xhr.responseText);
    return problem.code ? problem : null;
  } catch {
    return null;
  }
}
