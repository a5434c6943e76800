// One file in the queue, as the dialog shows it.

const AWAITS_PERSON = new Set(["duplicate", "missing"]);
const ENDED = new Set(["done", "refused"]);

export class TransferFile {
  // "waiting" | "hashing" | "duplicate" | "sending" | "verifying" | "line_lost" | "held_back" | "retrying" | "missing" | "done" | "refused"
  state = "waiting";
  sent = 0;
  // When the next try is due, in milliseconds since 1970; null where none waits.
  at = null;
  // {code, text, advice}, in French.
  problem = null;
  // {name, deposited_at}; `deposited_at` is null for a file of this queue.
  duplicate = null;
  // The document's id, once done.
  document = null;
  // The click it belongs to; null before.
  deposit = null;
  removed = false;
  begunAnew = false;
  // Started by an earlier page, of which it isn't known whether the intake heard of it.
  isUnplaced = false;
  sha256 = null;
  // The account and space in which it was looked for.
  lookedIn = null;
  examined = null;
  // Tries since the server had more of it than before, the bytes it was seen to have, and when anything was heard last.
  tries = 0;
  confirmed = 0;
  heard = 0;

  constructor({ id, name, size, settings, anyway = false }) {
    Object.assign(this, { id, name, size, settings, anyway });
  }

  // As an earlier page left it: Uppy's own record of a file.
  static restored({ meta, size, progress, tus, isGhost }) {
    const { file: id, filename: name, settings, anyway = false } = meta;
    const file = new TransferFile({ id, name, size, settings, anyway });
    const { deposit = null, sha256 = null, lookedIn = null, problem = null } = meta;
    Object.assign(file, { deposit, sha256, lookedIn, problem, sent: progress.bytesUploaded || 0 });
    file.isUnplaced = file.isStarted && (lookedIn !== null || anyway) && !tus?.uploadUrl;
    if (progress.uploadComplete) Object.assign(file, { state: "done", document: documentIn(tus.uploadUrl) });
    else if (problem) file.state = "refused";
    else if (isGhost) file.state = "missing";
    return file;
  }

  get isStarted() {
    return this.deposit !== null;
  }

  // Started, and the queue goes on with it by itself.
  get isOnItsWay() {
    return this.isStarted && !this.removed && !AWAITS_PERSON.has(this.state) && !ENDED.has(this.state);
  }

  // It may still become a document of its deposit without being asked for again.
  get holdsDeposit() {
    return this.isOnItsWay || (this.isStarted && !this.removed && this.state === "missing");
  }

  // It goes where the dialog's fields say.
  get followsFields() {
    return !this.isStarted && !this.hasEnded;
  }

  // A person may ask to have it sent.
  get isReady() {
    return !this.isStarted && ["waiting", "hashing"].includes(this.state);
  }

  get hasEnded() {
    return ENDED.has(this.state);
  }
}

// The document's id in the address of its upload.
export function documentIn(url) {
  return url.slice(url.lastIndexOf("/") + 1);
}

// Where a file goes and whom to tell, as tus metadata says it. Published documents have a label for a folder.
export function metadataOf({ client, folder, space, label, replaces, alert }) {
  return {
    client: client ?? "",
    space: space ?? "deposits",
    folder: (space === "published" ? label : folder) ?? "",
    replaces: replaces ?? "",
    alert: (alert ?? []).join(","),
  };
}
