// Text as it is: whatever stands in it is shown, none of it is understood.

import { fetchPatiently } from "../patience.js";

const LARGEST = 1_000_000;

export async function showText({ content, document: { size }, stage, signal }) {
  if (size > LARGEST) throw tooLarge();
  const response = await fetchPatiently(content, { signal });
  if (!response.ok) throw new Error(`answered ${response.status}`);
  const text = document.getElementById("viewer-text").content.firstElementChild.cloneNode(true);
  text.textContent = decoded(await response.arrayBuffer());
  stage.replaceChildren(text);
  return { close() {} };
}

// What isn't UTF-8 was written on an older Windows.
function decoded(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

function tooLarge() {
  const text = "Ce fichier est trop volumineux pour être affiché ici. Téléchargez-le pour l’ouvrir.";
  return Object.assign(new Error(text), { forPeople: true });
}
