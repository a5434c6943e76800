// Text as it is: whatever stands in it is shown, none of it is understood.

import { answered, bytesOf } from "../api.js";

const LARGEST = 1_000_000;

export async function showText({ content, document: { size }, stage, asked }) {
  if (size > LARGEST) throw tooLarge();
  const bytes = await bytesOf(await answered(content, asked));
  const text = document.getElementById("viewer-text").content.firstElementChild.cloneNode(true);
  text.textContent = decoded(bytes);
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
