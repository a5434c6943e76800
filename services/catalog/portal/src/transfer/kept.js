// What the browser keeps of a person's transfers, for a reload or a crash (written by Uppy's golden retriever).

const DATABASE = "uppy-blobs";
const FILES = "files";
const STATES = "metadata";

// The name of one person's store in one of their windows: on a shared computer nobody meets another's files.
export function storeOf(sub, window) {
  return `${prefixOf(sub)}${window}`;
}

// The names of this person's stores in which something is unfinished.
export async function keptStores(sub) {
  return (await recordsOf(sub)).filter((record) => unfinishedIn(record) || notedIn(record)).map(({ id }) => id);
}

// How many files this person left unfinished here, in all windows.
export async function countKept(sub) {
  return (await recordsOf(sub)).reduce((sum, record) => sum + unfinishedIn(record), 0);
}

// Whether there is anything to restore.
export async function isKept(store) {
  return isFresh(await read((records) => records.get(store)));
}

// Writes at once what is known of a store's files (as Uppy has them, by id) and its notes; Uppy does so within half a
// second. Resolves once it is written, or cannot be.
export async function keep(store, { files, notes, expires }) {
  const known = Object.entries(files).map(([id, { data, preview, ...file }]) => [id, file]);
  const metadata = JSON.stringify({ currentUploads: {}, files: Object.fromEntries(known), pluginData: notes });
  // Not the files' own bytes, whose writing takes as long as they are large.
  await inDatabase("readwrite", (transaction) => transaction.objectStore(STATES).put({ id: store, expires, metadata }), [STATES]);
}

// Removes all that is kept of this person.
export async function forget(sub) {
  await inDatabase("readwrite", (transaction) => {
    transaction.objectStore(STATES).delete(storesOf(sub));
    const files = transaction.objectStore(FILES);
    const keys = files.index("store").openKeyCursor(storesOf(sub));
    keys.onsuccess = () => {
      if (!keys.result) return;
      files.delete(keys.result.primaryKey);
      keys.result.continue();
    };
  });
}

function prefixOf(sub) {
  return `transferts/${encodeURIComponent(sub)}/`;
}

function storesOf(sub) {
  return IDBKeyRange.bound(prefixOf(sub), `${prefixOf(sub)}~`);
}

function unfinishedIn({ metadata }) {
  return Object.values(JSON.parse(metadata).files).filter((file) => !file.progress.complete).length;
}

// Deposits to close and uploads to cancel, that nobody has answered yet.
function notedIn({ metadata }) {
  const { deposits = {}, cancelled = [] } = JSON.parse(metadata).pluginData ?? {};
  return Object.keys(deposits).length + cancelled.length;
}

async function recordsOf(sub) {
  const found = (await read((records) => records.getAll(storesOf(sub)))) ?? [];
  return found.filter(isFresh);
}

function isFresh(record) {
  return record !== undefined && record.expires > Date.now();
}

// What `ask` finds among the records; undefined where there are none.
async function read(ask) {
  let request;
  await inDatabase("readonly", (transaction) => {
    request = ask(transaction.objectStore(STATES));
  });
  return request?.result;
}

// Does nothing where there is no such database, or the browser lets us have none.
async function inDatabase(mode, work, stores = [FILES, STATES]) {
  const database = await opened();
  if (!database) return;
  await new Promise((resolve) => {
    const transaction = database.transaction(stores, mode);
    transaction.oncomplete = transaction.onabort = resolve;
    work(transaction);
  });
  database.close();
}

function opened() {
  return new Promise((resolve) => {
    const request = indexedDB.open(DATABASE);
    // Not there yet: leave making it to its owner.
    request.onupgradeneeded = () => request.transaction.abort();
    request.onerror = () => resolve(null);
    request.onsuccess = () => resolve(request.result);
  });
}
