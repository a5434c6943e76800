// A document that arrives while one looks at the list: shown softly, and said once.

import { announce } from "../announce.js";

const GLOW = { duration: 2_500, easing: "ease-out" };

let latest = "";

export function watchArrivals() {
  latest = newest();
  document.addEventListener("refreshed", ({ detail }) => {
    const before = latest;
    latest = newest();
    // Elsewhere a row is new for other reasons: one before it was deleted, another list is shown.
    if (detail.visited || document.getElementById("documents").dataset.first !== "true") return;
    const arrived = rows().filter((row) => whenOf(row) > before);
    if (!arrived.length) return;
    for (const row of arrived) glow(row);
    // What one deposits oneself, the dialog tells.
    if (document.getElementById("transfer")?.open) return;
    announce(arrived.length === 1 ? "1 nouveau document" : `${arrived.length} nouveaux documents`);
  });
}

function rows() {
  return [...document.querySelectorAll("#rows [data-id]")];
}

function whenOf(row) {
  return row.querySelector("time").dateTime;
}

// Times are all written alike, so they compare as text.
function newest() {
  return rows().map(whenOf).reduce((one, other) => (one > other ? one : other), latest);
}

function glow(row) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  row.animate({ backgroundColor: [getComputedStyle(row).getPropertyValue("--accent-soft"), "transparent"] }, GLOW);
}
