// Which of the page's ready-made words and controls are shown, and what is written into them.

// Shows under `root` what is marked for these facts: `data-mode-is="deposit replace"` is for `{ mode: "deposit" }`.
// What is marked for several kinds of facts is shown when all those given are met.
export function showFor(root, facts) {
  const kinds = Object.entries(facts);
  const selector = kinds.map(([kind]) => `[data-${kind}-is]`).join(",");
  for (const element of root.querySelectorAll(selector)) {
    element.hidden = kinds.some(([kind, value]) => {
      const meant = element.dataset[`${kind}Is`];
      return meant !== undefined && !meant.split(" ").includes(value);
    });
  }
}

// Writes each text into what is marked `data-text` with its name.
export function write(root, texts) {
  for (const [name, text] of Object.entries(texts)) {
    for (const element of root.querySelectorAll(`[data-text="${name}"]`)) {
      if (element.textContent !== text) element.textContent = text;
    }
  }
}
