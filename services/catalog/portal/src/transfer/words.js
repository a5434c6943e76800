// Numbers, sizes and times in words, as the rest of the portal writes them.

// Where the dialog's sentences are, for `said` and `counted`.
export const WORDS = "transfer-words";

const MEGABYTE = 1_000_000;
const megabytes = new Intl.NumberFormat("fr-FR", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const day = new Intl.DateTimeFormat("fr-FR", { timeZone: "Europe/Paris", day: "2-digit", month: "2-digit", year: "numeric" });

// `0,04 MB`; what is smaller than 0,01 MB is not shown as nothing, what is empty is.
export function sizeOf(bytes) {
  return `${megabytes.format(bytes === 0 ? 0 : Math.max(bytes / MEGABYTE, 0.01))} MB`;
}

// `26/03/2020` of an RFC 3339 time.
export function dayOf(time) {
  return day.format(new Date(time));
}

// What becomes of files in a mode of the dialog, as the keys of its sentences say it.
export function madeIn(mode) {
  return mode === "publish" ? "Published" : "Deposited";
}

// `12 s`, `3 min` or `2 h`: how long something has yet to wait, never less.
export function waitOf(milliseconds) {
  const seconds = Math.max(1, Math.ceil(milliseconds / 1000));
  if (seconds < 100) return `${seconds}\u00a0s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 100 ? `${minutes}\u00a0min` : `${Math.ceil(minutes / 60)}\u00a0h`;
}
