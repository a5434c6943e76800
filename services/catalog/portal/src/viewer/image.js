// A photograph or scan, as large as the window lets it be.

import { zoomable } from "./zoom.js";

export async function showImage({ content, document: { name }, stage }) {
  // In a template's own document nothing is loaded.
  const image = document.importNode(document.getElementById("viewer-image").content.firstElementChild);
  image.alt = name;
  image.src = content;
  await image.decode();
  stage.replaceChildren(image);
  const zoom = zoomable((scale) => {
    image.style.setProperty("--zoom", scale);
    image.classList.toggle("zoomed", scale > 1);
  });
  return { close: () => image.removeAttribute("src"), zoom };
}
