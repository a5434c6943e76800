// Short messages that everybody gets: seen at the foot of the page, and read out.

const SHOWN_FOR = 7_000;
const SETTLING = 150;

let moved = -SETTLING;

// Says what was done, when the screen reader has finished its sentence.
export function announce(text) {
  const toast = show(text, "announcements");
  setTimeout(() => toast.remove(), SHOWN_FOR);
}

// Says at once what went wrong. It stays until it is closed.
export function announceError(text) {
  show(text, "alarms");
}

function show(text, place) {
  const region = regionOf(place);
  const toast = document.getElementById("toast").content.firstElementChild.cloneNode(true);
  toast.querySelector("span").textContent = text;
  toast.querySelector("button").addEventListener("click", () => toast.remove());
  fill(region, toast);
  return toast;
}

// Screen readers read what comes into a region they know; one that was moved just now they don't know yet.
function fill(region, toast) {
  const wait = moved + SETTLING - performance.now();
  if (wait > 0) setTimeout(fill, wait, region, toast);
  else region.append(toast);
}

function regionOf(place) {
  const region = document.getElementById(place);
  surface(region);
  return region;
}

// Under a modal dialog nothing is seen or read out: the region goes on top, and one down with each dialog that closes.
function surface(region) {
  const dialog = [...document.querySelectorAll("dialog[open]")].at(-1);
  const home = dialog ?? document.body;
  if (region.parentElement === home) return;
  home.append(region);
  moved = performance.now();
  dialog?.addEventListener("close", () => region.parentElement === dialog && surface(region), { once: true });
}
