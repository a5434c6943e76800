// Entries in the browser's history for what covers a page, the panel and the viewer: Back closes it, and what closes it
// otherwise goes back, once.

let left = null;

// Goes back by so many entries.
export function stepBack(by = 1) {
  left = new Promise((resolve) => addEventListener("popstate", resolve, { once: true }));
  history.go(-by);
}

// Adds an entry; `make` gives its state, and its address if it has one. The browser goes back when it finds the time,
// and an entry that is added before would be the one it leaves.
export async function stepOn(make) {
  await left;
  const { state, address = "" } = make();
  history.pushState(state, "", address);
}
